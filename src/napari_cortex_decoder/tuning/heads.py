"""Fitting the head of a network, or only its calibration, to features that are computed already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.arrays import Bools, Floats, Ints
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import LinearConfig
from napari_cortex_decoder.decoder.engine.recurrence import ProjectedHead
from napari_cortex_decoder.decoder.networks import TemporalCnn
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Cancelled
from napari_cortex_decoder.scoring.calibration import calibrated_loss
from napari_cortex_decoder.tuning.epoch import Epoch
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.head_regression import HeadRegression
from napari_cortex_decoder.tuning.held_out import EXAMPLES, Chosen, HeldOut, Labels, Masks
from napari_cortex_decoder.tuning.linear_units import add_units
from napari_cortex_decoder.tuning.tunable import Model, Recurrent, RecurrentConfig, model_of

Features = Sequence[NDArray[np.floating]]
"""What a head reads, by recording, shape (t, …)."""

_COMPARED = 512  # frames by which features are compared with others of the same recordings
_UNITS = 40
_FEWEST = 60


@dataclass(frozen=True, eq=False)
class Labeled:
    """What one recording gives to learn from."""

    features: NDArray[np.floating]  # shape (t, ≥ what the head reads)
    labels: Ints  # shape (t,): number of the behavior, −1 unknown
    # shape (t,), whether a frame is learned from; only where a whole window fits
    learns: Bools


def labeled(features: Features, labels: Labels, learns: Masks) -> list[Labeled]:
    """Return what recordings give to learn from."""
    return [Labeled(*one) for one in zip(features, labels, learns, strict=True)]


def _chosen(data: Sequence[Labeled], most: int = EXAMPLES) -> Chosen:
    return Chosen([one.learns for one in data], [one.labels for one in data], most)


def fit_head(
    base: Model, data: Sequence[Labeled], *, gap: int, tell: Callable[[Epoch], None]
) -> Model:
    """Fit the head by a regression on the base's logits and the main directions of the features.

    Logistic regression with a Gaussian prior, whose mean is the base: the weight of its logits 1,
    all else 0. Directions are the principal components of standardized features, averaged over the
    window, of the frames that are learned from; see `add_units` for how they come into the head.
    Raises TrainingError if there are too few labelled frames.

    Parameters
    ----------
    base
        Of the behaviors of the labels.
    data
        Features and labels.
    gap
        Frames between what learns and what decides.
    tell
        Called after each epoch; when it raises `Cancelled`, the best so far is given.

    Returns
    -------
    Model
        A copy with another head, calibrated by the fit; where all contiguous folds inside what is
        learned from tell that the base reads their frames no worse, only its scale and shift are
        another.
    """
    config = base.config
    assert not isinstance(config, LinearConfig)  # it has no head
    chosen = _chosen(data)
    labels, n = chosen.labels, len(chosen.labels)
    if n < _FEWEST:
        raise TrainingError(
            f"{n} labelled frames are too few to learn from; label more, or take the depth "
            "threshold."
        )
    wide, old = with_behaviors(base, config.behaviors), 0
    if isinstance(config, RecurrentConfig):  # else the states are units that average already
        wide = add_units(base, *_directions(base, data, chosen))
        old = config.hidden_size
    states, logits = _states(wide, data, chosen)
    states = states[:, old:]
    level, spread = states.mean(axis=0), states.std(axis=0) + 1e-12
    units = (states - level) / spread
    inputs = np.column_stack([logits / config.temperature, units])
    regression = HeadRegression(inputs, labels, logits.shape[1])
    better = []
    best = None
    try:
        for number, (learning, deciding) in enumerate(chosen.folds(gap), start=1):
            _, losses = regression.fit(learning, deciding, number, tell)
            better.append(losses[-1] < losses[0])
        found, _ = regression.fit(np.ones(n, bool), None, 0, tell)
        if not better or any(better):
            best = found
    except Cancelled:
        best = None
    if best is None:
        return with_behaviors(base, config.behaviors).calibrated(logits, labels)
    gain, shift, weights = best
    with torch.no_grad():
        layer, own = wide.network.head.linear_out, weights / spread
        layer.weight.mul_(gain / config.temperature)
        layer.bias.mul_(gain / config.temperature)
        layer.weight[:, old:] += torch.from_numpy(own)
        layer.bias.add_(torch.from_numpy(shift - own @ level))
    return Model(wide.network, wide.config.model_copy(update={"temperature": 1.0}))


def fit_threshold(base: Model, data: Sequence[Labeled]) -> Model:
    """Fit scale and shift of the logits, as `fit_head` does; what is more probable stays so."""
    chosen = _chosen(data)
    _, logits = _states(base, data, chosen)
    return with_behaviors(base, base.config.behaviors).calibrated(logits, chosen.labels)


def learnable_loss(model: Model, data: Sequence[Labeled], gap: int) -> float:
    """Measure how well a model would read what is learned from, with another scale and shift.

    Those are fitted to all contiguous folds but one, which is measured on: what drifts in between
    counts. Where there are too few labels for that, they are fitted to what is measured. Gives the
    mean cross-entropy, natural logarithm.
    """
    chosen = _chosen(data, _COMPARED)
    _, logits = _states(model, data, chosen)
    parts = chosen.folds_or_all(gap)
    losses = [calibrated_loss(logits, chosen.labels, *part) for part in parts]
    return float(np.average(losses, weights=[deciding.sum() for _, deciding in parts]))


def _directions(model: Model, data: Sequence[Labeled], chosen: Chosen) -> tuple[Floats, Floats]:
    """Return weight and bias of whitened principal components of averaged features."""
    from scipy.linalg import eigh

    window, n = model.config.window, model.n_features
    averaged, single = [], []
    for one, own in zip(data, chosen.places, strict=True):
        total = torch.zeros(len(own), n)
        for step in range(-window.past, window.future + 1):
            seen = _features(one.features, own + step, n)
            total += seen
            if step == 0:
                single.append(seen)
        averaged.append(total / window.length)
    average, spread = torch.cat(averaged), torch.cat(single).std(dim=0, correction=0) + 1e-2
    mean = average.mean(dim=0)
    standard = (average - mean) / spread
    covariance = (standard.T @ standard / len(standard)).double().numpy()
    units = min(_UNITS, len(standard) // 4, n)
    largest = n - units, n - 1
    variances, components = eigh(covariance, subset_by_index=largest, overwrite_a=True)
    kept = variances > 1e-9 * variances[-1]
    weight = (components[:, kept] / np.sqrt(variances[kept])).T / spread.double().numpy()
    return weight, -weight @ mean.double().numpy()


@torch.no_grad()
def _states(model: Model, data: Sequence[Labeled], chosen: Chosen) -> tuple[Floats, Floats]:
    """Return the last states of some frames, shape (n, hidden), and their logits."""
    states, logits = [], []
    for one, own in zip(data, chosen.places, strict=True):
        for state, read in _read(model, one.features, own):
            states.append(state.double().numpy())
            logits.append(read.double().numpy())
    return np.concatenate(states), np.concatenate(logits)


def _read(
    model: Model, features: NDArray[np.floating], places: Ints
) -> list[tuple[Tensor, Tensor]]:
    """Return last state, or what it looks at, and logits of windows around some frames."""
    network, n = model.network, model.n_features
    head = ProjectedHead(network.head) if isinstance(network, Recurrent) else None
    past, future = model.config.window.past, model.config.window.future
    if isinstance(network, TemporalCnn):  # its features have seen what is around
        past = future = 0
    around = np.arange(-past, future + 1)
    results = []
    for part in np.array_split(places, max(1, -(-len(places) // 1024))):
        index = np.clip(part[:, None] + around, 0, len(features) - 1)
        seen, back = np.unique(index, return_inverse=True)
        inputs, windows = _features(features, seen, n), torch.from_numpy(back.reshape(index.shape))
        if head is None:
            state = inputs[windows].flatten(1)
            results.append((state, network.head.linear_out(state)))
        else:
            state = head.last_state(head.project(inputs)[windows])
            results.append((state, head.out(state)))
    return results


def _features(features: NDArray[np.floating], places: Ints, n: int) -> Tensor:
    """Return the features of some frames that the head reads, shape (frames, n), float32."""
    # NumPy takes ten times longer to make 32 bits of 16
    return torch.from_numpy(features[places]).float()[:, :n]


def held_out_logits(
    decoder: Decoder, features: Features, held_out: Sequence[HeldOut]
) -> list[Floats]:
    """Return the logits of a decoder by held-out block, (frames, n_logits), as `frame_logits`."""
    return [
        frame_logits(decoder, features[block.recording], np.arange(block.start, block.stop))
        for block in held_out
    ]


@torch.no_grad()
def frame_logits(decoder: Decoder, features: NDArray[np.floating], frames: Ints) -> Floats:
    """Return the logits of a decoder in some frames of a recording, shape (frames, n_logits).

    Its head reads the features, shape (t, ≥ what it reads). Where no window fits, logits mean
    nothing.
    """
    parts = _read(model_of(decoder), features, frames)
    return torch.cat([logits for _, logits in parts]).double().numpy()
