"""Haemodynamic correction: take away what a reference colour sees as well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie, row_tiles
from napari_cortex_decoder.recording.preprocessing.resampling import resampled
from napari_cortex_decoder.recording.preprocessing.step import (
    PREVIEW_FRAMES,
    Step,
    Survey,
    pixel_means,
)
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Hertz, Shown

_Lag = Annotated[float, Field(gt=-1, lt=1, allow_inf_nan=False)]
_Corners = tuple[float | None, float | None, float]
"""High-pass, low-pass and frame rate (Hz)."""

ORDER = 2
PADDING = 50
# the filters' impulse response has died down to 1e-4 after so many periods of the high-pass
PERIODS = 2
LEVEL_FRAMES = 64
# of half the frame rate: a low-pass above it takes so little away that a preview does without
LITTLE = 0.8


class Hemodynamics(Step):
    """Subtract, pixel by pixel, the part of the movie that its reference explains.

    Both colours are high-pass filtered, the reference is low-pass filtered besides; the movie is
    regressed on the reference in each pixel over the whole recording, and the residual is left,
    with a mean of 0. Filters (Butterworth of order 2, forwards and backwards), their frequencies
    and the regression are those of wfield (Couto et al. 2021, Nat Protoc 16:3241). To be applied
    to ΔF/F of both colours; on raw counts the coefficients take up the ratio of brightness.

    A reference that was filmed in turns with the movie is first brought to the movie's own frame
    times, as `Resample` does it: half an interval late, it would leave most of a heartbeat in.

    Attributes
    ----------
    highpass
        Corner of the high-pass filter of both colours in Hz; None leaves slow changes in.
    lowpass
        Corner of the low-pass filter of the reference in Hz, which keeps its noise out; None, or
        half the frame rate or more, leaves it as it is.
    lag
        How many intervals between frames the reference was filmed after the movie: 0 at the same
        time, 0.5 in turns. None: as the recording says, and at the same time where it does not.
    """

    name: ClassVar[str] = "hemodynamics"
    highpass: Annotated[Hertz | None, Shown("Hz", "off")] = 0.1
    lowpass: Annotated[Hertz | None, Shown("Hz", "off")] = 14.0
    lag: Annotated[_Lag | None, Shown("frames", "as the file says")] = None

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Correct the movie; the reference stays as it is, for controls."""
        where = recording.where
        reference = recording.reference
        if reference is None:
            raise RecordingError(
                f"{where}: there is no reference movie to correct with; open the recording with "
                "its second colour (channels=2) or leave this step out."
            )
        rate = recording.known_frame_rate()
        if self.highpass is not None and self.highpass >= rate / 2:
            raise RecordingError(
                f"{where}: a high-pass of {self.highpass:g} Hz needs more than {rate:g} frames a "
                "second; lower it or switch it off."
            )
        lowpass, warnings = self.lowpass, recording.warnings
        if lowpass is not None and lowpass >= rate / 2:
            lowpass = None
            warnings += (
                f"the reference is not low-pass filtered: {self.lowpass:g} Hz is beyond half the "
                f"frame rate of {rate:g} Hz.",
            )
        if self.lag is None and recording.reference_lag is None:
            warnings += (
                "nothing says when the reference's frames were filmed; they are taken to be of the "
                "movie's times. If the colors took turns, correct with lag=0.5.",
            )
        known = recording if self.lag is None else recording.replace(reference_lag=self.lag)
        reference = resampled(reference, known.reference_times, recording.times, rate, where)
        both = _filtered_movies(recording.movie, reference, (self.highpass, lowpass, rate))
        correction = _fit(both, recording.shape, survey)
        if not np.isfinite(correction.movie_mean + correction.reference_mean).all():
            # of the filtered movies one could not tell which frame it was
            for movie in (recording.movie, reference):
                pixel_means(movie, survey, "search", where)
        corrected = computed_movie((both,), correction, frame_shape=recording.shape)
        return recording.replace(movie=corrected, warnings=warnings)

    def thinning(self, recording: Recording) -> int:
        """Leave enough frames for the filters, and the low-pass where it takes much away."""
        rate = recording.known_frame_rate()
        if self.highpass is None:
            return 1
        most = _surroundings(self.highpass, rate) // PREVIEW_FRAMES
        if self.lowpass is not None and self.lowpass < LITTLE * rate / 2:
            most = min(most, int(LITTLE * rate / 2 / self.lowpass))
        return max(1, most)


def _surroundings(slowest: float | None, rate: float) -> int:
    """Return the frames before and after one that its filtered value depends on."""
    return 0 if slowest is None else max(PADDING, int(np.ceil(PERIODS * rate / slowest)))


@lru_cache(maxsize=8)
def _matrix(
    highpass: float | None, lowpass: float | None, rate: float, n: int, start: int, stop: int
) -> NDArray[np.float32]:
    """Return what filters n frames, for those in [start, stop): one matrix product for all pixels.

    A filter that runs forwards and backwards is a linear map of the frames of a stretch; SciPy
    gives its matrix from unit impulses.
    """
    from scipy.signal import butter, sosfiltfilt

    impulses = np.eye(n)
    padding = min(PADDING, n - 1)
    for corner, kind in ((highpass, "highpass"), (lowpass, "lowpass")):
        if corner is not None:
            sections = butter(ORDER, corner, kind, fs=rate, output="sos")
            impulses = sosfiltfilt(sections, impulses, axis=0, padlen=padding)
    return impulses[start:stop].astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Filtering:
    """Filters both colours and puts them one below the other."""

    filters: _Corners
    levels: tuple[NDArray[np.float32], NDArray[np.float32]]

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        n, rows, columns = blocks[0].shape
        out = np.empty((keep.stop - keep.start, 2, rows, columns), np.float32)
        highpass, lowpass, rate = self.filters
        parts = zip(blocks, self.levels, (None, lowpass), strict=True)
        for colour, (block, level, low) in enumerate(parts):
            matrix = _matrix(highpass, low, rate, n, keep.start, keep.stop)
            for band in row_tiles((rows, columns), n):
                # near zero float32 has digits enough
                tile = np.subtract(block[:, band], level[band], dtype=np.float32)
                filtered = matrix @ tile.reshape(n, -1)
                out[:, colour, band] = filtered.reshape(-1, *tile.shape[1:])
        return out.reshape(-1, 2 * rows, columns)


def _filtered_movies(movie: da.Array, reference: da.Array, filters: _Corners) -> da.Array:
    levels = tuple(
        m[:LEVEL_FRAMES].mean(axis=0).compute().astype(np.float32) for m in (movie, reference)
    )
    return computed_movie(
        (movie, reference),
        _Filtering(filters, (levels[0], levels[1])),
        frame_shape=(2 * movie.shape[1], movie.shape[2]),
        surroundings=_surroundings(filters[0] or filters[1], filters[2]),
    )


@dataclass(frozen=True, eq=False)
class _Correction:
    """Takes off the movie what the reference explains, both filtered; all of shape (y, x)."""

    movie_mean: NDArray[np.float32]
    reference_mean: NDArray[np.float32]
    slope: NDArray[np.float32]

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        movie, reference = np.split(blocks[0][keep], 2, axis=1)
        explained = self.slope * (reference - self.reference_mean)
        return np.asarray(movie - self.movie_mean - explained)


def _fit(both: da.Array, frame_shape: tuple[int, int], survey: Survey) -> _Correction:
    """Regress the filtered movie on the filtered reference in each pixel, in one pass."""
    sums = np.zeros((4, *frame_shape))
    n = 0
    for _, block in survey.blocks(both, "haemodynamic regression", contiguous=True):
        a, b = np.split(block, 2, axis=1)
        for total, part in zip(sums, (a, b, a * b, b * b), strict=True):
            total += part.sum(axis=0, dtype=np.float64)
        n += len(block)
    mean_a, mean_b, mean_ab, mean_bb = sums / n
    variance = mean_bb - mean_b**2
    # a pixel whose reference is constant, as outside a mask, has nothing to correct with
    # or has nothing but NaN
    constant = ~(variance > 1e-12 * np.nanmax(variance, initial=0))
    slope = np.divide(
        mean_ab - mean_a * mean_b, variance, out=np.zeros(frame_shape), where=~constant
    )
    return _Correction(*(x.astype(np.float32) for x in (mean_a, mean_b, slope)))
