"""Fitting a recurrent head, or only its calibration, to features that are computed already."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.inference import split_head
from napari_cortex_decoder.decoder.networks import CnnRnn, RecurrentHead, build_network
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.held_out import folds
from napari_cortex_decoder.training.tune_progress import Epoch

EPOCHS = 12
EXAMPLES = 2048  # an epoch takes so many at most: neighbours are near-copies
_BATCH = 128
_RATE = 3e-3
_PULL = 1e-3  # towards the base: a minute of labels must not undo what hours have taught
_FOLDS = 3
_CALIBRATION_PULL = 2.0  # pseudo-frames that hold scale at 1 and shift at 0
_MOST_SCALE = 5.0


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


class TunableHead(nn.Module):
    """A recurrent head whose first matrix product is done; a gain on it stands for that matrix.

    Between mice and rigs features change in level and spread more than in meaning: a gain and a
    shift of each input follow that with two numbers where the matrix has 1280.
    """

    def __init__(self, head: RecurrentHead) -> None:
        super().__init__()
        self.project, self.rest = split_head(head)
        self.project.requires_grad_(False)
        self.gain = nn.Parameter(torch.ones(self.project.out_features))
        self.rest.rnn.weight_ih_l0.requires_grad_(False)
        for name, parameter in self.rest.named_parameters():
            if name not in ("rnn.weight_ih_l0",):
                parameter.requires_grad_(True)

    @torch.no_grad()
    def inputs(self, features: NDArray[np.float16]) -> Tensor:
        """Do the first product for all frames, shape (t, inputs)."""
        width = self.project.in_features
        parts = np.array_split(features[:, :width], max(1, len(features) // 4096))
        return torch.cat([self.project(torch.from_numpy(p.astype(np.float32))) for p in parts])

    def forward(self, windows: Tensor) -> Tensor:
        """Give logits of windows of inputs, shape (n, length, inputs)."""
        logits: Tensor = self.rest(windows * self.gain)
        return logits

    def folded(self, head: RecurrentHead) -> RecurrentHead:
        """Give a head of the usual form that does the same."""
        whole = copy.deepcopy(head)
        tensors = dict(self.rest.rnn.state_dict())
        tensors["weight_ih_l0"] = self.gain[:, None] * self.project.weight
        tensors["bias_ih_l0"] = self.gain * self.project.bias + self.rest.rnn.bias_ih_l0
        whole.rnn.load_state_dict({name: t.detach() for name, t in tensors.items()})
        whole.linear_out.load_state_dict(self.rest.linear_out.state_dict())
        return whole


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
    seed: int,
    tell: Callable[[Epoch], None],
) -> tuple[CnnRnn, list[tuple[NDArray[np.float64], NDArray[np.int64]]]]:
    """Fit the head; how long is decided by contiguous folds inside what is learned from.

    Parameters
    ----------
    network, config
        The base, for the behaviors of the labels.
    data
        Features and labels.
    gap
        Frames between what learns and what decides.
    seed
        Draws the examples.
    tell
        Called after each epoch; when it raises `Cancelled`, the best so far is given.

    Returns
    -------
    network
        A copy with another head; the base's own where nothing that was tried decided better.
    out_of_fold
        Logits (n, n_logits) and labels (n,) of frames that the fits they are by did not learn
        from, to calibrate on.

    Raises
    ------
    TrainingError
        If there are too few labelled frames.
    """
    head = network.head.eval()
    tunable = TunableHead(head)
    windows = [_Windows(tunable, one, config) for one in data]
    joined = np.concatenate([one.learns for one in data])
    parts = [
        (learning, deciding)
        for learning, deciding in folds(joined, _FOLDS, gap)
        if learning.sum() >= _BATCH
    ]
    if not parts:
        raise TrainingError(
            f"{int(joined.sum())} labelled frames are too few to learn from and to decide how long "
            "to learn; label more, or take the depth threshold."
        )
    losses, logits = [], []
    best = 0
    try:
        for number, (learning, deciding) in enumerate(parts, start=1):
            fitted = _fit(head, windows, learning, deciding, seed, number, EPOCHS, tell)
            losses.append(fitted.losses)
            logits.append(fitted.logits)
        best = int(np.mean(losses, axis=0).argmin())
        final = _fit(head, windows, joined, None, seed, 0, best, tell).head if best else tunable
    except Cancelled:
        final, best = tunable, 0
    calibrating = []
    labels = np.concatenate([one.labels for one in data])
    for place, (_, deciding) in enumerate(parts):
        if place < len(logits):
            calibrating.append((logits[place][best], labels[deciding]))
        else:
            known = _logits(TunableHead(head), windows, deciding)
            calibrating.append((known.double().numpy(), labels[deciding]))
    tuned = copy.deepcopy(network)
    tuned.head = final.folded(head)
    return tuned.eval(), calibrating


@dataclass(frozen=True, eq=False)
class _Fit:
    head: TunableHead
    losses: list[float]
    logits: list[NDArray[np.float64]]


class _Windows:
    """Windows of inputs of one recording, by frame."""

    def __init__(self, head: TunableHead, data: Labeled, config: CnnRnnConfig) -> None:
        inputs = head.inputs(data.features)
        past, future = config.window.past, config.window.future
        padded = functional.pad(inputs, (0, 0, past, future))
        self.of_frame = padded.unfold(0, config.window.length, 1).transpose(1, 2)
        self.labels = torch.from_numpy(data.labels)


def _fit(
    head: RecurrentHead,
    windows: Sequence[_Windows],
    learning: NDArray[np.bool_],
    deciding: NDArray[np.bool_] | None,
    seed: int,
    fold: int,
    epochs: int,
    tell: Callable[[Epoch], None],
) -> _Fit:
    """Fit a copy of a head; its entry 0 of losses and logits is the base's."""
    tunable = TunableHead(head)
    places = np.flatnonzero(learning)
    rng = np.random.default_rng((seed, fold))
    trained = [p for p in tunable.parameters() if p.requires_grad]
    start = [p.detach().clone() for p in trained]
    optimizer = torch.optim.Adam(trained, lr=_RATE)
    per_epoch = max(1, min(EXAMPLES, len(places)) // _BATCH)
    planned = EPOCHS * per_epoch  # the same steps at the same rates, whenever it ends
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, planned, eta_min=_RATE / 10)
    losses: list[float] = []
    logits: list[NDArray[np.float64]] = []

    def decide() -> float | None:
        if deciding is None:
            return None
        read = _logits(tunable, windows, deciding)
        losses.append(float(_loss(read, _labels(windows, np.flatnonzero(deciding)))))
        logits.append(read.double().numpy())
        return losses[-1]

    decide()
    for epoch in range(1, epochs + 1):
        tunable.train()
        total = 0.0
        drawn = rng.permutation(places)
        for step in range(per_epoch):
            part = drawn[step * _BATCH : (step + 1) * _BATCH]
            loss = _loss(tunable(_take(windows, part)), _labels(windows, part))
            pull = sum(((p - s) ** 2).sum() for p, s in zip(trained, start, strict=True))
            optimizer.zero_grad()
            (loss + _PULL * pull).backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        tunable.eval()
        tell(Epoch(fold, epoch, epochs, total / per_epoch, decide()))
    return _Fit(tunable.eval(), losses, logits)


def _take(windows: Sequence[_Windows], places: NDArray[np.int64]) -> Tensor:
    """Give windows by their place in all recordings, one after the other."""
    if len(windows) == 1:
        return windows[0].of_frame[torch.from_numpy(places)]
    ends = np.cumsum([len(one.labels) for one in windows])
    which = np.searchsorted(ends, places, side="right")
    begins = np.concatenate([[0], ends[:-1]])
    return torch.stack(
        [windows[w].of_frame[p - begins[w]] for w, p in zip(which, places, strict=True)]
    )


def _labels(windows: Sequence[_Windows], places: NDArray[np.int64]) -> Tensor:
    return torch.cat([one.labels for one in windows])[torch.from_numpy(places)]


@torch.no_grad()
def _logits(head: TunableHead, windows: Sequence[_Windows], mask: NDArray[np.bool_]) -> Tensor:
    head.eval()
    places = np.flatnonzero(mask)
    parts = [places[i : i + 1024] for i in range(0, len(places), 1024)]
    return torch.cat([head(_take(windows, part)) for part in parts])


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    return functional.cross_entropy(logits, labels)


def head_logits(
    network: CnnRnn, config: CnnRnnConfig, features: NDArray[np.float16]
) -> NDArray[np.float64]:
    """Give the logits of every frame, shape (t, n_logits); meaningless where no window fits."""
    data = Labeled(features, np.zeros(len(features), np.int64), np.ones(len(features), bool))
    head = TunableHead(network.head)
    return _logits(head, [_Windows(head, data, config)], data.learns).double().numpy()


def fit_calibration(
    logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Find scale and shift of logits at which the labels are likeliest (Platt 1999).

    Parameters
    ----------
    logits
        Shape (n, n_logits).
    labels
        Shape (n,).

    Returns
    -------
    scale
        One over the temperature.
    shift
        Shape (n_logits,), to be added to scaled logits.
    """
    from scipy.optimize import minimize

    n, k = logits.shape
    held = _CALIBRATION_PULL / n

    def loss(parameters: NDArray[np.float64]) -> float:
        moved = logits * np.exp(parameters[0]) + parameters[1:]
        if k == 1:
            sign = np.where(labels == 1, 1.0, -1.0)
            cross = np.logaddexp(0, -sign * moved[:, 0]).mean()
        else:
            cross = (np.logaddexp.reduce(moved, axis=1) - moved[np.arange(n), labels]).mean()
        return float(cross + held * (parameters**2).sum())

    bounds = [(-np.log(_MOST_SCALE), np.log(_MOST_SCALE)), *[(-10.0, 10.0)] * k]
    found = minimize(loss, np.zeros(k + 1), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(found[0])), found[1:]
