"""Normalised frames of many recordings on disk, and the images and windows drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from napari_cortex_decoder.decoder.config import Preprocessing, Window
from napari_cortex_decoder.decoder.normalization import movie_statistics
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording


@dataclass(frozen=True)
class CachedRecording:
    """One recording ready to learn from.

    Attributes
    ----------
    frames
        Shape (t, y, x), float16, normalised, memory-mapped.
    labels
        Shape (t,), int64: index of the behaviour, −1 unknown.
    """

    frames: NDArray[np.float16]
    labels: NDArray[np.int64]


def cache_recording(
    recording: Recording, ethogram: Ethogram, preprocessing: Preprocessing, file: Path
) -> CachedRecording:
    """Normalise a recording once, to a memory-mapped file; reuse the file if it is there.

    Parameters
    ----------
    recording, ethogram
        A movie and its labels, of one length.
    preprocessing
        Image size and scale, as the decoder will apply them.
    file
        `.npy` to write.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        statistics = movie_statistics(recording, preprocessing)
        shape = (recording.n_frames, *preprocessing.image_size)
        frames = np.lib.format.open_memmap(unfinished, "w+", dtype=np.float16, shape=shape)
        for start, block in read_blocks(recording.movie):
            frames[start : start + len(block)] = statistics.normalize(block)
        frames.flush()
        unfinished.rename(file)
    return CachedRecording(np.load(file, mmap_mode="r"), ethogram.frames())


class ImageDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images of labelled frames, each with its label.

    Parameters
    ----------
    recordings
        Where they come from.
    preprocessing
        Says which frames are the channels of an image.
    stride
        Take every `stride`-th frame: neighbours are near-copies.
    """

    def __init__(
        self, recordings: Sequence[CachedRecording], preprocessing: Preprocessing, *, stride: int
    ) -> None:
        self._recordings = recordings
        self._offsets = np.asarray(preprocessing.channel_offsets)
        before = max(0, -int(self._offsets.min()))
        after = max(0, int(self._offsets.max()))
        self._index = [
            (number, frame)
            for number, recording in enumerate(recordings)
            for frame in range(before, len(recording.labels) - after, stride)
            if recording.labels[frame] != UNKNOWN
        ]

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        """Give an image, shape (3, y, x) float16, and its label."""
        number, frame = self._index[item]
        recording = self._recordings[number]
        image = torch.from_numpy(recording.frames[frame + self._offsets])
        return image, torch.tensor(recording.labels[frame])


class WindowDataset(Dataset[tuple[Tensor, Tensor]]):
    """Windows of features, each with the label of its frame t.

    Parameters
    ----------
    features
        One tensor a recording, shape (t, 1280).
    labels
        One array a recording, shape (t,); −1 unknown.
    window
        Images before and after t.
    valid
        First and last + 1 frame of each recording that has features.
    """

    def __init__(
        self,
        features: Sequence[Tensor],
        labels: Sequence[NDArray[np.int64]],
        window: Window,
        valid: Sequence[tuple[int, int]],
    ) -> None:
        self._features = features
        self._labels = labels
        self._window = window
        self._index = [
            (number, frame)
            for number, (first, stop) in enumerate(valid)
            for frame in range(first + window.past, stop - window.future)
            if labels[number][frame] != UNKNOWN
        ]

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        """Give a window, shape (length, 1280), and the label of its frame t."""
        number, frame = self._index[item]
        start = frame - self._window.past
        window = self._features[number][start : start + self._window.length]
        return window, torch.tensor(self._labels[number][frame])
