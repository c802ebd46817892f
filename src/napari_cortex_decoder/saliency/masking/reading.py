"""Normalised frames of a recording, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.cache.recording_cache import RecordingCache
from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.frames.normalization import (
    Statistics,
    StatisticsAccumulator,
    normalized_frames,
)
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.decoder.prediction import MEASURING
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording

Frames = NDArray[np.float32]


class NormalizedFrames:
    """The frames of one recording as an encoder sees them.

    With statistics of the session any frame can be read by itself. Detrended frames and running
    statistics depend on the frames before, so those are read from the beginning on, and read again
    when an earlier frame is asked for.

    Statistics that decoding has left in the cache are taken from there. Features are not: OpenVINO
    may have made them, and what it rounds otherwise would pass for importance. Raises
    RecordingError if the recording does not vary or has unusable pixels.

    Parameters
    ----------
    recording, preprocessing
        Whose frames, and what is done to them.
    report
        Called with the progress of the pass that measures the recording.
    """

    def __init__(self, recording: Recording, preprocessing: Preprocessing, report: Report) -> None:
        self.resampling = Resampling.of(recording, preprocessing.image_size)
        self._recording = recording
        self._preprocessing = preprocessing
        self._statistics = None if preprocessing.causal else self._measure(report)
        self._in_order = preprocessing.causal or preprocessing.detrend_seconds is not None
        self._blocks: Iterator[Frames] = iter(())
        self._held = np.empty((0, *preprocessing.image_size), np.float32)
        self._first = recording.n_frames  # so that the first reading begins the stream

    def _measure(self, report: Report) -> Statistics:
        kept = None
        if self._recording.path is not None:  # statistics do not depend on the encoder
            kept = RecordingCache(self._recording, self._preprocessing, encoder_hash="")
            if (known := kept.statistics()) is not None:
                return known
        total = self._recording.n_frames
        gathered = StatisticsAccumulator(self._recording, self._preprocessing)
        report(Progress(MEASURING, 0, total))
        for start, frames in read_blocks(self._recording.movie):
            gathered.update(start, frames)
            report(Progress(MEASURING, start + len(frames), total))
        found = gathered.result()
        if kept is not None:
            kept.keep_statistics(found)
        return found

    def read(self, start: int, stop: int) -> Frames:
        """Return frames [start, stop), shape (n, *image_size), float32."""
        if not self._in_order:
            assert self._statistics is not None  # only running ones need the order instead
            raw = np.asarray(self._recording.movie[start:stop].compute(scheduler="threads"))
            return self._statistics.normalize(raw)
        if start < self._first:
            self._blocks = normalized_frames(self._recording, self._preprocessing, self._statistics)
            self._first, self._held = 0, self._held[:0]
        while self._first + len(self._held) < stop:
            self._held = np.concatenate([self._held, next(self._blocks)])
            surplus = min(len(self._held), start - self._first)
            if surplus > 0:
                self._first, self._held = self._first + surplus, self._held[surplus:]
        return self._held[start - self._first : stop - self._first].copy()
