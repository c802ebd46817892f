"""Windows of cached arrays, each with the label of its frame t, in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from napari_cortex_decoder.arrays import Ints, Singles
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import UNKNOWN
from napari_cortex_decoder.training.arrays import read_array

Batch = tuple[Tensor, Tensor]

_MOST_MEASURED = 256
"""Frames of a stretch that its statistics are taken from: enough for a mean and a spread."""


@dataclass(frozen=True)
class CachedArray:
    """What one recording gives to learn from."""

    # `.npy` of shape (t, ...), float16 or float32: normalized frames, features or traces
    file: Path
    labels: Ints  # shape (t,), int64: index of the behavior, −1 unknown
    # range of the frames that may be looked at; before are those of a warm-up
    first: int
    stop: int

    @cached_property
    def values(self) -> NDArray[np.floating]:
        """The array, memory-mapped: opened where it is used, be it another process."""
        remedy = "move it away, and it is made again"
        opened = read_array(self.file, "f", 2, remedy=remedy)
        if len(opened) != len(self.labels):
            raise TrainingError(
                f"{self.file}: it has {len(opened)} of {len(self.labels)} frames; {remedy}."
            )
        return opened


@dataclass(frozen=True)
class RandomStretch:
    """Normalize each recording anew in each epoch, by the statistics of a random stretch of it.

    A decoder that only knows means over whole sessions is at a loss where the session is short.
    """

    shortest: int  # frames
    seed: int  # draws the stretches, with the recording and the epoch
    # ``"sd"``: what is left after the mean is divided by its SD; ``"mean"``: only the mean is taken
    # away (the paper's SD is one of brightness over space, the same in any stretch); ``"min-max"``:
    # each trace of the stretch to 0 … 1
    scaling: str

    def measure(
        self, values: NDArray[np.floating], recording: int, epoch: int
    ) -> tuple[Singles, Singles]:
        """Return what is to be subtracted and what is to be divided by."""
        rng = np.random.default_rng((self.seed, recording, epoch))
        n = len(values)
        length = n
        if self.shortest < n:
            length = round(math.exp(rng.uniform(math.log(self.shortest), math.log(n))))
        start = int(rng.integers(n - length + 1))
        # traces are small, and their extremes must not be missed
        step = 1 if self.scaling == "min-max" else max(1, length // _MOST_MEASURED)
        part = values[start : start + length : step].astype(np.float32)
        if self.scaling == "min-max":
            low = part.min(axis=0)
            return low, _no_zeros(part.max(axis=0) - low)
        mean = part.mean(axis=0)
        if self.scaling == "mean":
            return mean, np.ones(1, np.float32)
        axis = None if part.ndim > 2 else 0  # images have one SD, traces one each
        return mean, _no_zeros(np.sqrt(np.mean((part - mean) ** 2, axis=axis)))


def _no_zeros(spread: Singles) -> Singles:
    return np.where(spread > 0, spread, 1).astype(np.float32)


class Examples(Dataset[Batch]):
    """Windows around labeled frames.

    `offsets` are the frames of a window relative to t, of any shape: (3,) for the channels of an
    image, (length, 3) for a window of images, (length,) for one of features or traces. Recordings
    are normalized anew in each epoch by a `stretch`.
    """

    def __init__(
        self,
        recordings: Sequence[CachedArray],
        offsets: Ints,
        *,
        stride: int = 1,
        stretch: RandomStretch | None = None,
    ) -> None:
        self._recordings = recordings
        self._offsets = offsets
        self._stretch = stretch
        self._measured: dict[int, tuple[int, Singles, Singles]] = {}
        before, after = max(0, -int(offsets.min())), max(0, int(offsets.max()))
        index = [np.empty((0, 2), np.int64)]
        for number, recording in enumerate(recordings):
            frames = np.arange(recording.first + before, recording.stop - after, stride)
            frames = frames[recording.labels[frames] != UNKNOWN]
            index.append(np.stack([np.full_like(frames, number), frames], axis=1))
        self._index = np.concatenate(index)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def labels(self) -> Ints:
        """Label of each example, shape (n,)."""
        every = [recording.labels for recording in self._recordings]
        return np.array([every[number][frame] for number, frame in self._index], np.int64)

    def __getitems__(self, items: Sequence[int]) -> Batch:
        """Return a batch: inputs, (n, *offsets.shape, ...) float32, and labels, (n,) int64.

        Items are epoch × length + number of each example, all of one epoch or of two that follow.
        """
        epochs, numbers = np.divmod(np.asarray(items), len(self))
        places = self._index[numbers]
        first = self._recordings[0].values
        inputs = np.empty((len(items), *self._offsets.shape, *first.shape[1:]), np.float32)
        labels = np.empty(len(items), np.int64)
        for recording, epoch in np.unique(np.stack([places[:, 0], epochs], axis=1), axis=0):
            here = np.flatnonzero((places[:, 0] == recording) & (epochs == epoch))
            frames = places[here, 1]
            cached = self._recordings[recording]
            values = cached.values[frames.reshape(-1, *[1] * self._offsets.ndim) + self._offsets]
            inputs[here] = values
            if self._stretch is not None:
                mean, spread = self._statistics(int(recording), int(epoch))
                inputs[here] = (inputs[here] - mean) / spread
            labels[here] = cached.labels[frames]
        return torch.from_numpy(inputs), torch.from_numpy(labels)

    def __getitem__(self, item: int) -> Batch:
        """Return one example as a batch of one."""
        return self.__getitems__([item])

    def _statistics(self, recording: int, epoch: int) -> tuple[Singles, Singles]:
        assert self._stretch is not None
        known = self._measured.get(recording)
        if known is None or known[0] != epoch:
            cached = self._recordings[recording]
            values = cached.values[cached.first : cached.stop]
            known = epoch, *self._stretch.measure(values, recording, epoch)
            self._measured[recording] = known
        return known[1], known[2]


@dataclass(eq=False)
class ResumableBatches(Sampler[list[int]]):
    """Shuffled batches without end, of which any is known from its number alone.

    So a run that begins again at step s sees from there on what it would have seen anyway, and no
    state has to be kept. A round has so many batches, the next one goes on where it ended;
    `position` gives the number of the batch that comes next, and each device, `rank`, takes its own
    part of one.
    """

    n_examples: int
    batch_size: int
    _: KW_ONLY
    length: int
    seed: int
    position: Callable[[], int]
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[list[int]]:
        start, size = self.position(), self.batch_size * self.world_size
        per_epoch = steps_per_epoch(self.n_examples, size)
        epoch, order = -1, np.empty(0, np.int64)
        for number in range(start, start + self.length):
            if number // per_epoch != epoch:
                epoch = number // per_epoch
                order = np.random.default_rng((self.seed, epoch)).permutation(self.n_examples)
            first = number % per_epoch * size
            mine = order[first : first + size][self.rank :: self.world_size]
            yield [int(epoch * self.n_examples + item) for item in mine]


def steps_per_epoch(n_examples: int, batch_size: int) -> int:
    """Number of whole batches, at least one: what is left over comes in another epoch's order."""
    return max(1, n_examples // batch_size)
