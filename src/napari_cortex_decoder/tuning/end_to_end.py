"""Fitting a whole CNN-RNN to a few labels: from the head that was fitted first, in small steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.arrays import Bools, Ints
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.networks import CnnRnn
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.progress import Cancelled
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.training.loss import classification_loss
from napari_cortex_decoder.tuning.encoding import encode_images
from napari_cortex_decoder.tuning.epoch import Epoch
from napari_cortex_decoder.tuning.heads import Labeled, fit_head
from napari_cortex_decoder.tuning.held_out import N_FOLDS, Masks, folds
from napari_cortex_decoder.tuning.tunable import Model

EPOCHS = 6
EXAMPLES = 1024  # an epoch takes so many frames at most
_STRETCH = 32  # frames that are classified together share most of their images
_STRETCHES = 2  # in a step
_RATE_ENCODER, _RATE_HEAD = 1e-4, 3e-4
_FEWEST = 128  # frames to learn from
_AT_ONCE = 256  # frames classified at once where nothing is learned


@dataclass(frozen=True, eq=False)
class Filmed:
    """What one recording gives to learn from, end to end."""

    frames: NDArray[np.float16]  # normalized, shape (t, y, x)
    labeled: Labeled  # its features by the base, and its labels


def fit_end_to_end(
    base: Model,
    data: Sequence[Filmed],
    *,
    gap: int,
    seed: int,
    compute: Compute,
    checkpoint: Path,
    tell: Callable[[int, int, Epoch | None], None],
) -> Model:
    """Fit encoder and head of a CNN-RNN, from where a head alone gets to; gives it calibrated.

    One contiguous part of what is learned from decides how long to learn, and whether at all: where
    no epoch decides better, the head alone is what is given. Statistics of batch normalization stay
    those of the base: a few minutes of one mouse give worse ones. Raises TrainingError if there are
    too few labelled frames, the checkpoint is damaged or the disk is full.

    Parameters
    ----------
    base, data, gap
        As of `fit_head`.
    seed
        Draws the examples.
    compute
        Where and how.
    checkpoint
        Written after each epoch; the fit goes on from there if it is there already.
    tell
        Called with steps done and in all, and after each epoch with that; when it raises
        `Cancelled`, the best so far is given.
    """
    learns = [one.labeled.learns for one in data]
    learning, deciding = decision(learns, gap)
    ends = np.cumsum([len(mask) for mask in learns])[:-1]
    apart = [np.split(mask, ends) for mask in (learning, deciding)]
    per_epoch = max(1, min(EXAMPLES, int(learning.sum())) // (_STRETCH * _STRETCHES))
    total = 2 * EPOCHS * per_epoch
    labels = np.concatenate(
        [one.labeled.labels[mask] for one, mask in zip(data, apart[1], strict=True)]
    )

    def heads(masks: Masks) -> Model:
        told = [replace(one.labeled, learns=mask) for one, mask in zip(data, masks, strict=True)]
        return fit_head(base, told, gap=gap, tell=lambda _: tell(0, total, None))

    def learn(masks: Masks, before: int) -> None:
        done = (before + fit.epoch) * per_epoch
        loss = fit.learn(masks, lambda step: tell(done + step, total, None))
        if fit.phase:
            fit.decide(apart[1], labels)
        fit.save()
        tell(done + per_epoch, total, fit.epoch_told(loss))

    fit = _Fit(data, seed, select_device(compute), per_epoch, checkpoint)
    try:
        if not fit.resumed(base.with_encoder()[1]):
            fit.begin(1, heads(apart[0]))
            fit.decide(apart[1], labels)
            fit.save()
            tell(0, total, fit.epoch_told(None))
        while fit.phase and fit.epoch < EPOCHS:
            learn(apart[0], 0)
        if fit.best_epoch == 0:
            return heads(learns)
        if fit.phase:
            fit.begin(0, heads(learns))
            fit.save()
        while fit.epoch < fit.best_epoch:
            learn(learns, EPOCHS)
        tuned = fit.network
    except Cancelled:
        if not fit.losses:
            return heads(learns)
        tuned = fit.best_network()
    logits = fit.best_logits.double().numpy()
    return Model(tuned.cpu().eval(), fit.config).calibrated(logits, labels)


def decision(learns: Masks, gap: int) -> tuple[Bools, Bools]:
    """Choose the frames that learn at first, and those that decide how long; of all recordings.

    Raises TrainingError if there are too few.
    """
    joined = np.concatenate(learns)
    apart = folds(joined, N_FOLDS, gap)
    if not apart or apart[-1][0].sum() < _FEWEST:
        raise TrainingError(
            f"{int(joined.sum())} labelled frames are too few to learn from end to end and to "
            "decide how long; label more, or take the depth head."
        )
    return apart[-1]


class _Fit:
    """A network while it learns, and what is needed to go on after a kill."""

    def __init__(
        self,
        data: Sequence[Filmed],
        seed: int,
        device: torch.device,
        per_epoch: int,
        checkpoint: Path,
    ) -> None:
        self._data, self._seed = data, seed
        self._device, self._per_epoch, self._file = device, per_epoch, checkpoint
        self.phase, self.epoch = 1, 0
        self.losses: list[float] = []
        self.aucs: list[float | None] = []
        self.best_logits = torch.empty(0)
        self._best: dict[str, Tensor] = {}

    @property
    def best_epoch(self) -> int:
        """The epoch that decided best; 0: the head alone."""
        return int(np.argmin(self.losses))

    def begin(self, phase: int, model: Model) -> None:
        """Begin to learn: 1, to decide how long; 0, for good."""
        network, config = model.with_encoder()
        self.phase, self.epoch = phase, 0
        with torch.no_grad():  # so that losses are those of what is said
            network.head.linear_out.weight.div_(config.temperature)
            network.head.linear_out.bias.div_(config.temperature)
        self._take(network, config.model_copy(update={"temperature": 1.0}))

    def _take(self, network: CnnRnn, config: CnnRnnConfig) -> None:
        self.config = config
        self.network = copy.deepcopy(network).to(self._device)
        self.network.requires_grad_(True)
        parts = (self.network.cnn, _RATE_ENCODER), (self.network.head, _RATE_HEAD)
        self._optimizer = torch.optim.Adam(
            [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
        )

    def learn(self, masks: Masks, tell: Callable[[int], None]) -> float:
        """Learn for an epoch; give the mean loss."""
        rng = np.random.default_rng((self._seed, self.phase, self.epoch))
        stretches = _stretches(masks, rng)
        self.network.eval()
        self.network.head.rnn.train()  # cuDNN gives no gradients otherwise
        losses = []
        for step in range(self._per_epoch):
            tell(step)
            own = stretches[step * _STRETCHES : (step + 1) * _STRETCHES]
            if not own:
                break
            epoch = self._seed * 1_000_003 + self.phase * 10_007 + self.epoch
            with seeded(epoch * 1009 + step):
                logits = torch.cat([self._classify(*stretch) for stretch in own])
            labels = np.concatenate([self._data[n].labeled.labels[p] for n, p in own])
            loss = classification_loss(logits, torch.from_numpy(labels).to(self._device))
            self._optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimizer.step()
            losses.append(float(loss.detach()))
        self.network.eval()
        self.epoch += 1
        return float(np.mean(losses))

    @torch.no_grad()
    def decide(self, masks: Masks, labels: Ints) -> None:
        """Note how good it is on what decides, and keep it if it is the best."""
        self.network.eval()
        logits = torch.cat(
            [
                self._classify(number, places).cpu()
                for number, mask in enumerate(masks)
                for places in _parts(np.flatnonzero(mask), _AT_ONCE)
            ]
        )
        self.losses.append(float(classification_loss(logits, torch.from_numpy(labels))))
        self.aucs.append(auc_of_logits(logits.double().numpy(), labels))
        if self.best_epoch == self.epoch:
            self.best_logits = logits
            self._best = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}

    def best_network(self) -> CnnRnn:
        """Return the network that decided best."""
        self.config = self.config.model_copy(update={"hidden_size": _hidden(self._best)})
        network = CnnRnn(self.config)
        network.load_state_dict(self._best)
        return network

    def epoch_told(self, loss: float | None) -> Epoch:
        """Say what the last epoch came to."""
        decided = (self.losses[-1], self.aucs[-1]) if self.phase else (None, None)
        epochs = EPOCHS if self.phase else self.best_epoch
        return Epoch(self.phase, self.epoch, epochs, loss, *decided)

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        content = {
            "phase": self.phase, "epoch": self.epoch, "losses": self.losses, "aucs": self.aucs,
            "network": self.network.state_dict(), "optimizer": self._optimizer.state_dict(),
            "best": self._best, "best_logits": self.best_logits,
        }  # fmt: skip
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self._file, TrainingError, overwrite=True) as part:
            torch.save(content, part)

    def resumed(self, config: CnnRnnConfig) -> bool:
        """Go on from the checkpoint; tell whether there is one."""
        if not self._file.exists():
            return False
        remedy = "remove it, and the fine-tune begins anew"
        with readable(self._file, "a checkpoint of this program", TrainingError, remedy=remedy):
            content = torch.load(self._file, map_location="cpu", weights_only=True)
            own = {"hidden_size": _hidden(content["network"]), "temperature": 1.0}
            config = config.model_copy(update=own)
            network = CnnRnn(config)
            network.load_state_dict(content["network"])
            self._take(network.eval(), config)
            self._optimizer.load_state_dict(content["optimizer"])
            self.phase, self.epoch = int(content["phase"]), int(content["epoch"])
            self.losses, self.aucs = list(content["losses"]), list(content["aucs"])
            self._best, self.best_logits = content["best"], content["best_logits"]
        return True

    def _classify(self, number: int, places: Ints) -> Tensor:
        """Return logits of frames of one recording, each image encoded once."""
        past, future = self.config.window.past, self.config.window.future
        around = np.unique(places[:, None] + np.arange(-past, future + 1))
        features = encode_images(
            self.network.cnn, self._data[number].frames, around, self.config, self._device
        )
        index = np.searchsorted(around, places[:, None] + np.arange(-past, future + 1))
        logits: Tensor = self.network.head(features[torch.from_numpy(index).to(self._device)])
        return logits


def _hidden(tensors: dict[str, Tensor]) -> int:
    return tensors["head.linear_out.weight"].shape[1]


def _stretches(masks: Masks, rng: np.random.Generator) -> list[tuple[int, Ints]]:
    """Cut what is learned from into stretches of neighbours, anew in each epoch; shuffle them."""
    cut = []
    for number, mask in enumerate(masks):
        places = np.flatnonzero(mask)
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            cut += [(number, part) for part in _parts(run, _STRETCH, int(rng.integers(_STRETCH)))]
    return [cut[i] for i in rng.permutation(len(cut))]


def _parts(places: Ints, size: int, first: int = 0) -> Iterator[Ints]:
    for part in np.split(places, range(first or size, len(places), size)):
        if part.size:
            yield part
