"""Frames in the order in which answers are wanted: around the one that is looked at first."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.decoder.config import ImageConfig, Preprocessing
from napari_cortex_decoder.decoder.frames.normalization import (
    Statistics,
    StatisticsAccumulator,
    normalized_frames,
)
from napari_cortex_decoder.decoder.prediction import LookedAt
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.movie_blocks import block_frames, whole_chunks
from napari_cortex_decoder.recording import Recording

_SAMPLED_FRAMES = 64
_SAMPLING_SECONDS = 0.5
_ANSWERED_AT_ONCE = 8
"""Frames on each side of the one that is looked at which a first answer covers."""


def normalized_blocks(
    recording: Recording,
    preprocessing: Preprocessing,
    statistics: Statistics | None,
    looked_at: LookedAt | None,
) -> Iterator[tuple[int, Singles]]:
    """Read a movie as the encoder sees it, but for the warm-up of running statistics.

    Yields a block's first frame, and its frames, shape (n, *image_size), float32. Blocks near to
    what is looked at come first where `can_start_anywhere`; else they come in their order.
    """
    if looked_at is not None and statistics is not None and can_start_anywhere(preprocessing):
        for start, frames in blocks_from(recording, looked_at):
            yield start, statistics.normalize(frames)
        return
    place, warm_up = 0, preprocessing.warm_up_frames(recording.known_frame_rate())
    for block in normalized_frames(recording, preprocessing, statistics):
        left_out = min(max(0, warm_up - place), len(block))
        if left_out < len(block):
            yield place + left_out, block[left_out:]
        place += len(block)


def blocks_from(
    recording: Recording, looked_at: LookedAt
) -> Iterator[tuple[int, NDArray[np.number]]]:
    """Read a movie whole, always the block nearest to what is looked at: first frame, frames."""
    limit = block_frames(recording.movie)
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
    """Return whether a frame can be normalised without all frames before it."""
    return not preprocessing.causal and preprocessing.detrend_seconds is None


def sampled_statistics(recording: Recording, preprocessing: Preprocessing) -> Statistics:
    """Estimate the statistics of a session from frames all over it, in half a second or so.

    Raises RecordingError if these frames are unusable or all alike.
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


class FirstAnswers:
    """What to answer while the statistics of a session are still being measured."""

    def __init__(
        self, recording: Recording, config: ImageConfig, looked_at: LookedAt | None
    ) -> None:
        self._recording = recording
        self._config = config
        self._looked_at = looked_at if can_start_anywhere(config.preprocessing) else None
        self._statistics: Statistics | None = None
        self._before = -1
        self._answered = range(0)

    def wanted(self) -> tuple[int, Singles] | None:
        """Return a first frame and frames to decode, if what is looked at has no answer yet.

        They have shape (n, *image_size), float32, and are normalised by the statistics of a sample.
        """
        if self._looked_at is None:
            return None
        frame, before = self._looked_at(), self._before
        self._before = frame
        rests = before in (-1, frame)  # nobody reads answers while the slider is drawn along
        if frame in self._answered or not rests:
            return None
        try:
            if self._statistics is None:
                self._statistics = sampled_statistics(self._recording, self._config.preprocessing)
        except RecordingError:  # of these few frames; the whole pass tells what is wrong with all
            self._looked_at = None
            return None
        needed = self._config.frames_before, self._config.frames_after
        middle = min(max(frame, needed[0]), self._recording.n_frames - 1 - needed[1])
        start = max(0, middle - _ANSWERED_AT_ONCE - needed[0])
        stop = min(self._recording.n_frames, middle + _ANSWERED_AT_ONCE + needed[1] + 1)
        # what lies before the first answer, or after the last one, never gets one
        self._answered = range(
            0 if start == 0 else start + needed[0],
            stop if stop == self._recording.n_frames else stop - needed[1],
        )
        return start, self._statistics.normalize(_read(self._recording, start, stop))


def _read(recording: Recording, start: int, stop: int) -> NDArray[np.number]:
    return np.asarray(recording.movie[start:stop].compute(scheduler="threads"))
