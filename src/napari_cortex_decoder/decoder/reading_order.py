"""Frames in the order in which answers are wanted: around the one that is looked at first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import ImageConfig, Preprocessing
from napari_cortex_decoder.decoder.normalization import Statistics, StatisticsAccumulator
from napari_cortex_decoder.movie_blocks import frames_within, whole_chunks
from napari_cortex_decoder.recording import Recording

LookedAt = Callable[[], int]
"""Gives the frame that is looked at; asked again and again, from any thread."""

_BLOCK_FRAMES = 64
_BLOCK_BYTES = 16 * 2**20
_SAMPLED_FRAMES = 64
_SAMPLING_SECONDS = 0.5
_ANSWERED_AT_ONCE = 8
"""Frames on each side of the one that is looked at which a first answer covers."""


def blocks_from(recording: Recording, looked_at: LookedAt) -> Iterator[tuple[int, NDArray]]:
    """Read a movie whole, a block at a time, always the nearest to what is looked at.

    Parameters
    ----------
    recording
        Whose movie.
    looked_at
        Asked before each block.

    Yields
    ------
    start : int
        The block's first frame.
    frames : numpy.ndarray
        Shape (n, y, x), as the movie has them.
    """
    limit = min(_BLOCK_FRAMES, frames_within(recording.movie, _BLOCK_BYTES))
    stretches = np.array(list(whole_chunks(recording.movie, limit)))
    waiting = np.ones(len(stretches), dtype=bool)
    while waiting.any():
        frame = looked_at()
        away = np.maximum(stretches[:, 0] - frame, frame - stretches[:, 1] + 1).clip(0)
        nearest = int(np.where(waiting, away, recording.n_frames).argmin())
        waiting[nearest] = False
        start, stop = (int(edge) for edge in stretches[nearest])
        frames = _read(recording, start, stop)
        for offset in range(0, stop - start, limit):
            yield start + offset, frames[offset : offset + limit]


def ranges_from(n: int, size: int, place: int) -> list[tuple[int, int]]:
    """Cut 0 … n into ranges of a size, the nearest to a place first."""
    starts = sorted(range(0, n, size), key=lambda start: abs(start + size / 2 - place))
    return [(start, min(start + size, n)) for start in starts]


def can_start_anywhere(preprocessing: Preprocessing) -> bool:
    """Tell whether a frame can be normalised without all frames before it."""
    return not preprocessing.causal and preprocessing.detrend_seconds is None


def sampled_statistics(recording: Recording, preprocessing: Preprocessing) -> Statistics:
    """Estimate the statistics of a session from frames all over it, in half a second or so.

    Raises
    ------
    RecordingError
        If these frames are unusable or all alike.
    """
    accumulator = StatisticsAccumulator(recording, preprocessing)
    end = time.monotonic() + _SAMPLING_SECONDS
    order = sorted(range(_SAMPLED_FRAMES), key=lambda i: int(f"{i:06b}"[::-1], 2))
    places = (np.array(order) * (recording.n_frames - 1)) // (_SAMPLED_FRAMES - 1)
    for number, place in enumerate(dict.fromkeys(places.tolist())):
        if number >= 2 and time.monotonic() > end:
            break  # a movie that is slow to jump in; two frames at least tell a spread
        accumulator.update(place, _read(recording, place, place + 1))
    return accumulator.result()


def frames_around(
    recording: Recording, config: ImageConfig, frame: int
) -> tuple[int, NDArray[np.number]]:
    """Read the frames that a decoder needs to answer for a frame and a few beside it.

    Returns
    -------
    start : int
        First frame read.
    frames : numpy.ndarray
        Shape (n, y, x), as the movie has them.
    """
    before, after = config.frames_before, config.frames_after
    middle = int(np.clip(frame, before, recording.n_frames - 1 - after))
    start = max(0, middle - _ANSWERED_AT_ONCE - before)
    stop = min(recording.n_frames, middle + _ANSWERED_AT_ONCE + after + 1)
    return start, _read(recording, start, stop)


def _read(recording: Recording, start: int, stop: int) -> NDArray[np.number]:
    return np.asarray(recording.movie[start:stop].compute(scheduler="threads"))
