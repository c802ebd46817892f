"""Fitting the head of a CNN-RNN, or only its calibration, to features that are computed already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.inference import split_head
from napari_cortex_decoder.decoder.networks import N_FEATURES, CnnRnn, build_network
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.calibration import calibrate
from napari_cortex_decoder.training.head_regression import HeadRegression
from napari_cortex_decoder.training.held_out import HeldOut, folds
from napari_cortex_decoder.training.linear_units import add_units
from napari_cortex_decoder.training.tune_progress import Epoch

N_FOLDS = 3
EXAMPLES = 4096
"""Frames that a head learns from, at most: neighbours are near-copies."""

_UNITS = 40
_FEWEST = 60


class Cancelled(Exception):
    """Raised by whoever is told of the progress, to end the work."""


@dataclass(frozen=True, eq=False)
class Labeled:
    """What one recording gives to learn from.

    Attributes
    ----------
    features
        Shape (t, ≥ 1280).
    labels
        Shape (t,): number of the behavior, −1 unknown.
    learns
        Shape (t,), whether a frame is learned from; only where a whole window fits.
    """

    features: NDArray[np.float16]
    labels: NDArray[np.int64]
    learns: NDArray[np.bool_]


def with_behaviors(network: CnnRnn, config: CnnRnnConfig, behaviors: tuple[str, ...]) -> CnnRnn:
    """Give a copy of a network for other behaviors; known ones keep their odds.

    Parameters
    ----------
    network, config
        The base.
    behaviors
        Of the copy.
    """
    changed = config.model_copy(update={"behaviors": behaviors})
    new = build_network(changed)
    assert isinstance(new, CnnRnn)
    if changed.behaviors == config.behaviors:
        new.load_state_dict(network.state_dict())
        return new.eval()
    own = {k: v for k, v in network.state_dict().items() if not _is_output(k)}
    new.load_state_dict(own, strict=False)
    for old, layer in (
        (network.head.linear_out, new.head.linear_out),
        (network.cnn._fc, new.cnn._fc),
    ):
        weight, bias = _logits_of_each(old.weight, old.bias, len(config.behaviors))
        with torch.no_grad():
            rows = torch.zeros(len(behaviors), weight.shape[1])
            offsets = torch.zeros(len(behaviors))
            for place, name in enumerate(behaviors):
                if name in config.behaviors:
                    rows[place] = weight[config.behaviors.index(name)]
                    offsets[place] = bias[config.behaviors.index(name)]
            if len(behaviors) == 2:  # one logit: that of the second
                rows, offsets = (rows[1] - rows[0])[None], (offsets[1] - offsets[0])[None]
            layer.weight.copy_(rows)
            layer.bias.copy_(offsets)
    return new.eval()


def _is_output(name: str) -> bool:
    return name.startswith(("head.linear_out.", "cnn._fc."))


def _logits_of_each(weight: Tensor, bias: Tensor, n_behaviors: int) -> tuple[Tensor, Tensor]:
    """Give one row a behavior; of two, the first one's logit is 0."""
    if n_behaviors == 2:
        return torch.cat([0 * weight, weight]), torch.cat([0 * bias, bias])
    return weight, bias


def fit_head(
    network: CnnRnn,
    config: CnnRnnConfig,
    data: Sequence[Labeled],
    *,
    gap: int,
    tell: Callable[[Epoch], None],
) -> tuple[CnnRnn, CnnRnnConfig]:
    """Fit the head by a regression on the base's logits and the main directions of the features.

    Logistic regression with a Gaussian prior, whose mean is the base: the weight of its logits 1,
    all else 0. Directions are the principal components of standardized features, averaged over the
    window, of the frames that are learned from; see `add_units` for how they come into the head.

    Parameters
    ----------
    network, config
        The base, for the behaviors of the labels.
    data
        Features and labels.
    gap
        Frames between what learns and what decides.
    tell
        Called after each epoch; when it raises `Cancelled`, the best so far is given.

    Returns
    -------
    network, config
        Copies with another head, calibrated by the fit; where all contiguous folds inside what is
        learned from tell that the base reads their frames no worse, only its scale and shift are
        another.

    Raises
    ------
    TrainingError
        If there are too few labelled frames.
    """
    places = _some(data)
    n = sum(len(own) for own in places)
    if n < _FEWEST:
        raise TrainingError(
            f"{n} labelled frames are too few to learn from; label more, or take the depth "
            "threshold."
        )
    wide, wide_config = add_units(network, config, *_directions(data, places, config))
    states, base = _states(wide, wide_config, data, places)
    states = states[:, config.hidden_size :]
    base /= config.temperature
    labels = np.concatenate([one.labels[own] for one, own in zip(data, places, strict=True)])
    level, spread = states.mean(axis=0), states.std(axis=0) + 1e-12
    units = (states - level) / spread
    regression = HeadRegression(np.column_stack([base, units]), labels, base.shape[1])
    joined = np.concatenate([one.learns for one in data])
    offsets = np.cumsum([0, *(len(one.learns) for one in data)])
    flat = np.concatenate([own + start for own, start in zip(places, offsets, strict=False)])
    better = []
    best = None
    try:
        for number, (learning, deciding) in enumerate(folds(joined, N_FOLDS, gap), start=1):
            chosen, deciding_rows = learning[flat], deciding[flat]
            if len(np.unique(labels[chosen])) < len(np.unique(labels)) or not deciding_rows.any():
                continue
            _, losses = regression.fit(chosen, deciding_rows, number, tell)
            better.append(losses[-1] < losses[0])
        found, _ = regression.fit(np.ones(n, bool), None, 0, tell)
        if not better or any(better):
            best = found
    except Cancelled:
        best = None
    if best is None:
        return _calibrated(network, config, base * config.temperature, labels)
    gain, shift, weights = best
    with torch.no_grad():
        layer, old = wide.head.linear_out, config.hidden_size
        own = weights / spread
        layer.weight[:, :old].mul_(gain / config.temperature)
        layer.bias.mul_(gain / config.temperature)
        layer.weight[:, old:] = torch.from_numpy(own)
        layer.bias.add_(torch.from_numpy(shift - own @ level))
    return wide, wide_config.model_copy(update={"temperature": 1.0})


def fit_threshold(
    network: CnnRnn, config: CnnRnnConfig, data: Sequence[Labeled]
) -> tuple[CnnRnn, CnnRnnConfig]:
    """Fit scale and shift of the logits; what is more probable stays so.

    Parameters and results as of `fit_head`.
    """
    return _calibrated(network, config, *learned_logits(network, config, data))


def learned_logits(
    network: CnnRnn, config: CnnRnnConfig, data: Sequence[Labeled]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the logits, shape (n, n_logits), and labels of frames that are learned from."""
    places = _some(data)
    _, logits = _states(network, config, data, places)
    labels = np.concatenate([one.labels[own] for one, own in zip(data, places, strict=True)])
    return logits, labels


def _calibrated(
    network: CnnRnn,
    config: CnnRnnConfig,
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> tuple[CnnRnn, CnnRnnConfig]:
    new = with_behaviors(network, config, config.behaviors)
    return calibrate(new, config, logits, labels)


def _some(data: Sequence[Labeled]) -> list[NDArray[np.int64]]:
    """Choose the frames that are learned from: all, or as many, evenly."""
    total = sum(int(one.learns.sum()) for one in data)
    every = max(1, -(-total // EXAMPLES))
    return [np.flatnonzero(one.learns)[::every] for one in data]


def _directions(
    data: Sequence[Labeled], places: Sequence[NDArray[np.int64]], config: CnnRnnConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give weight and bias of whitened principal components of averaged features."""
    from scipy.linalg import eigh

    past, length = config.window.past, config.window.length
    averaged, single = [], []
    for one, own in zip(data, places, strict=True):
        features = one.features[:, :N_FEATURES].astype(np.float32)
        sums = np.concatenate([np.zeros((1, N_FEATURES)), features.cumsum(axis=0, dtype=float)])
        averaged.append((sums[own - past + length] - sums[own - past]) / length)
        single.append(features[own])
    mean = np.concatenate(averaged).mean(axis=0)
    spread = np.concatenate(single).std(axis=0) + 1e-2
    standard = (np.concatenate(averaged) - mean) / spread
    covariance = standard.T @ standard / len(standard)
    units = min(_UNITS, len(standard) // 4)
    variances, components = eigh(covariance, subset_by_index=(N_FEATURES - units, N_FEATURES - 1))
    kept = variances > 1e-9 * variances[-1]
    weight = (components[:, kept] / np.sqrt(variances[kept])).T / spread
    return weight, -weight @ mean


@torch.no_grad()
def _states(
    network: CnnRnn,
    config: CnnRnnConfig,
    data: Sequence[Labeled],
    places: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the last states of some frames, shape (n, hidden), and their logits."""
    states, logits = [], []
    for one, own in zip(data, places, strict=True):
        for state, read in _read(network, config, one.features, own):
            states.append(state.double().numpy())
            logits.append(read.double().numpy())
    return np.concatenate(states), np.concatenate(logits)


def _read(
    network: CnnRnn, config: CnnRnnConfig, features: NDArray[np.float16], places: NDArray[np.int64]
) -> list[tuple[Tensor, Tensor]]:
    """Give last state and logits of windows around some frames, in batches."""
    project, rest = split_head(network.head)
    rest.eval()
    past, future = config.window.past, config.window.future
    around = np.arange(-past, future + 1)
    results = []
    for part in np.array_split(places, max(1, -(-len(places) // 1024))):
        index = np.clip(part[:, None] + around, 0, len(features) - 1)
        seen, back = np.unique(index, return_inverse=True)
        inputs = project(torch.from_numpy(features[seen, :N_FEATURES].astype(np.float32)))
        sequence, _ = rest.rnn(inputs[torch.from_numpy(back.reshape(index.shape))])
        results.append((sequence[:, -1], rest.linear_out(sequence[:, -1])))
    return results


@torch.no_grad()
def held_out_logits(
    decoder: Decoder, features: Sequence[NDArray[np.float16]], held_out: Sequence[HeldOut]
) -> list[NDArray[np.float64]]:
    """Give the logits of a CNN-RNN by held-out block, shape (frames, n_logits).

    Parameters
    ----------
    decoder
        Whose head reads the features.
    features
        By recording, shape (t, ≥ 1280).
    held_out
        Blocks of frames; where no window fits, logits are meaningless.
    """
    network, config = decoder.network, decoder.config
    assert isinstance(network, CnnRnn) and isinstance(config, CnnRnnConfig)
    read = [
        _read(network, config, features[block.recording], np.arange(block.start, block.stop))
        for block in held_out
    ]
    return [torch.cat([logits for _, logits in parts]).double().numpy() for parts in read]
