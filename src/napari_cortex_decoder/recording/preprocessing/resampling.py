"""Resampling in time: the same movie at another frame rate, and two colors at the same times."""

from __future__ import annotations

from typing import Any, ClassVar

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from napari_cortex_decoder.clock import frames_last, is_even, rate_of
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import FrameReader
from napari_cortex_decoder.recording.formats.lazy import LazyMovie
from napari_cortex_decoder.recording.preprocessing.blocks import (
    CHUNK_BYTES,
    Sources,
    check_finite,
    row_tiles,
    stretches,
)
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Hertz

Floats = NDArray[np.float64]

# Measured on sines at even and uneven times (5 % jitter) up and down: up to .85 of the lower
# Nyquist frequency they come through within 1.5 %, and above the new one less than 1 % is left.
REACH = 24
PASSED = 0.9
MOST = 40
"""How many times slower the new rate may be: the frames around each new one are held together."""
_LITTLE, _NOISE = 3e-4, 1e-5
_MOST_TOGETHER = 64
_SAME = 1e-6  # of an interval


class Resample(Step):
    """Bring the movie to another frame rate.

    Each new frame is what the frames around its time tell of a movie without frequencies above half
    the lower of both rates: nothing is aliased, and what both rates can show is not blurred. The
    true frame times count, even or not. Where frames were lost none are made up: new frames whose
    time falls into such a gap are left out, and the frame times show it. Behavior traces stay as
    they are, on the session's clock.

    Attributes
    ----------
    frame_rate
        New frames a second (Hz).
    """

    name: ClassVar[str] = "resample"
    reshapes: ClassVar[bool] = True
    frame_rate: Hertz = 30.0

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Resample movie and reference."""
        times = recording.times
        where = recording.where
        if len(times) < 2:
            raise RecordingError(f"{where}: of one frame there is nothing to resample; crop less.")
        rate = rate_of(times)
        if rate > MOST * self.frame_rate:
            raise RecordingError(
                f"{where}: {rate:g} Hz are more than {MOST} times {self.frame_rate:g} Hz; average "
                "neighboring frames first (step bin, frames)."
            )
        grid, inside = self._grid(times)
        new, warnings = grid[inside], recording.warnings
        if len(new) < len(grid):
            warnings += (
                f"{len(grid) - len(new)} frames at {self.frame_rate:g} Hz would fall into gaps "
                "between the recorded frames; they are not made up, and the time axis shows the "
                "gaps.",
            )
        on_a_rate = recording.frame_times is None and len(new) == len(grid)
        reference = recording.reference
        return recording.replace(
            movie=resampled(recording.movie, times, new, self.frame_rate, where),
            reference=None
            if reference is None
            else resampled(reference, recording.reference_times, new, self.frame_rate, where),
            reference_lag=None if recording.reference_lag is None else 0.0,
            frame_rate=self.frame_rate,
            frame_times=None if on_a_rate else new,
            warnings=warnings,
        )

    def origins(self, recording: Recording) -> NDArray[np.int64]:
        """Return the frame that was the last one to begin at the time of each new frame."""
        times = recording.times
        grid, inside = self._grid(times)
        return _last_before(times, grid[inside], self._tolerance(times))

    def _grid(self, times: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return times at the new rate from the first frame to the end of the last one.

        And which of them lie in a frame, not in a gap.
        """
        tolerance = self._tolerance(times)
        ends = frames_last(times)
        n = max(1, int(np.ceil((ends[-1] - times[0] - tolerance) * self.frame_rate)))
        grid = times[0] + np.arange(n) / self.frame_rate
        return grid, grid < ends[_last_before(times, grid, tolerance)] - tolerance

    def _tolerance(self, times: Floats) -> float:
        """Return how many seconds of rounding leave a time where it is."""
        return _SAME * min(1 / rate_of(times), 1 / self.frame_rate)


def _last_before(times: Floats, wanted: Floats, tolerance: float) -> NDArray[np.int64]:
    """Return the last frame that begins at or before each wanted time."""
    return np.maximum(np.searchsorted(times, wanted + tolerance, side="right") - 1, 0)


def resampled(
    movie: da.Array, times: Floats, wanted: Floats, frame_rate: float, where: str
) -> da.Array:
    """Return a movie (t, y, x), taken at `times` (s), at other times (s), lazily, as float32.

    Frequencies above half of `frame_rate` (Hz), that of the wanted times, are taken away. Where the
    times are the same it is the movie itself. `where` names the recording in a refusal.
    """
    tolerance = _SAME / frame_rate
    if len(times) == len(wanted) and np.abs(times - wanted).max() < tolerance:
        return movie
    return LazyMovie(_ResampledFrames(movie, times, wanted, frame_rate, where))


class _ResampledFrames(FrameReader):
    """Reader of frames at other times."""

    def __init__(
        self, movie: da.Array, times: Floats, wanted: Floats, frame_rate: float, where: str
    ) -> None:
        _, rows, columns = movie.shape
        token = ("resampled", movie.name, tokenize(times, wanted, frame_rate))
        # they are made of much the same frames
        together = max(1, min(CHUNK_BYTES // (rows * columns * 4), _MOST_TOGETHER, len(wanted)))
        super().__init__((len(wanted), rows, columns), np.dtype(np.float32), token, together)
        self._source, self._times, self._wanted = Sources((movie,)), times, wanted
        self._rate, self._where = frame_rate, where

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Compute frames by their indices, shape (len(frames), rows, columns)."""
        out = np.empty((len(frames), *self.shape[1:]), np.float32)
        for part in stretches(frames, self.together, self.together):
            first, weights = interpolation(self._times, self._wanted[frames[part]], self._rate)
            n = weights.shape[1]
            (block,) = self._source.read(first, first + n)
            check_finite(block, first, self._where)
            for rows in row_tiles(block.shape[1:], n):
                # near zero float32 has digits enough
                level = block[0, rows].astype(np.float32)
                tile = np.subtract(block[:, rows], level, dtype=np.float32)
                mixed = (weights @ tile.reshape(n, -1)).reshape(-1, *level.shape)
                out[part, rows] = mixed + level
        return out


def interpolation(
    times: Floats, wanted: Floats, frame_rate: float
) -> tuple[int, NDArray[np.float32]]:
    """Return how much each sample counts for the value of a signal at other times.

    The weights of one wanted time are those with the least squared error over all sines that both
    rates can show, that take least of those above half of the wanted rate, and that add up to 1
    (Yen 1956, IRE Trans Circuit Theory 3:251, for uneven samples). There is no such resampling in
    SciPy: `resample_poly` is for even times and two whole numbers, splines take away high
    frequencies and let others alias.

    Return the first of the samples that count, and weights, (wanted, samples), from there on.
    """
    from scipy.linalg import cho_factor, cho_solve

    rate = rate_of(times)
    slow = min(rate, frame_rate)
    reach = int(np.ceil(REACH * rate / slow))
    n = min(2 * reach, len(times))
    last = np.searchsorted(times, wanted, side="right") - 1
    begins = np.clip(last - reach + 1, 0, len(times) - n)
    first = int(begins.min())
    weights = np.zeros((len(wanted), int(begins.max()) + n - first))
    samples = times[first : first + weights.shape[1]]
    even = is_even(samples)
    likeness = _likeness(samples[:n] if even else samples, rate, slow)
    factor = None
    for time, begin, row in zip(wanted, begins - first, weights, strict=True):
        taps = slice(begin, begin + n)
        if not even:
            factor = cho_factor(likeness[taps, taps])
        elif factor is None:
            factor = cho_factor(likeness)
        alike = _band(time - samples[taps], PASSED * slow / 2)
        best, level = cho_solve(factor, np.stack([alike, np.ones(n)], axis=1)).T
        row[taps] = best + level * ((1 - best.sum()) / level.sum())
    return first, weights.astype(np.float32)


def _likeness(times: Floats, rate: float, slow: float) -> Floats:
    """Return how alike samples at all pairs of times are, for the frequencies that matter."""
    apart = times[:, None] - times
    nyquist, highest = rate / 2, slow / 2
    alike = (1 - _LITTLE) * _band(apart, PASSED * highest) + _LITTLE * _band(apart, highest)
    if nyquist > highest:
        alike += _band(apart, nyquist) - _band(apart, highest)
    return alike + _NOISE * rate * np.eye(len(times))


def _band(apart: Floats, highest: float) -> Floats:
    """Return the integral of cosines over all frequencies (Hz) up to a highest one."""
    return 2 * highest * np.sinc(2 * highest * apart)
