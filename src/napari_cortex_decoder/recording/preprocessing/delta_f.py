"""ΔF/F: fluorescence relative to a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.blocks import (
    Blocks,
    check_finite,
    computed_movie,
    each_frame,
    row_tiles,
)
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow
from napari_cortex_decoder.recording.preprocessing.step import (
    PREVIEW_FRAMES,
    Step,
    Survey,
    pixel_means,
    with_both,
)
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Seconds, Shown

PERCENTILE_BYTES = 256 * 2**20
# so few frames are computed each by itself in less time than SciPy takes to run over the window
FEW_FRAMES = 8


class DeltaF(Step):
    """Return each pixel as (F − F₀) / (F₀ − dark): its relative change from a baseline F₀.

    A pixel whose baseline is not above `dark`, such as one outside a mask, becomes 0.

    Attributes
    ----------
    baseline
        ``"mean"`` of the pixel over the movie; ``"percentile"`` of it over the movie (of evenly
        spaced frames, 256 MiB of them, where the movie is larger); or ``"moving"``, that
        percentile in a window around each frame, which follows bleaching. The window is mirrored
        at the ends of the movie, and its percentile is a value that occurs in it.
    percentile
        Of ``"percentile"`` and ``"moving"``, 0–100.
    window
        Length of the moving window in seconds.
    dark
        What the camera reads without light, in counts: it is no fluorescence, and left in F₀ it
        makes every change look smaller.
    """

    name: ClassVar[str] = "delta-f"
    baseline: Literal["mean", "percentile", "moving"] = "mean"
    percentile: Annotated[float, Field(ge=0, le=100), Shown("%")] = 10.0
    window: Seconds = 30.0
    dark: Annotated[float, Field(allow_inf_nan=False), Shown("counts")] = 0.0

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Return ΔF/F of movie and reference."""
        where, window = recording.where, None
        if self.baseline == "moving":
            window = MovingWindow.of_seconds(self.window, recording)

        def relative(movie: da.Array, channel: str) -> da.Array:
            if window is not None:
                moving = _MovingDeltaF(window, self.percentile, self.dark, where)
                return computed_movie((movie,), moving, surroundings=window.before + 1)
            what = f"baseline of the {channel}"
            if self.baseline == "mean":
                baseline = pixel_means(movie, survey, what, where)
            else:
                baseline = _percentiles(movie, self.percentile, survey, where)
            unlit = baseline <= self.dark
            if unlit.mean() > 0.9:
                raise RecordingError(
                    f"{where}: {unlit.mean():.0%} of the {channel}'s pixels have a baseline of "
                    f"{self.dark:g} or less; take ΔF/F before it is removed, or lower the dark."
                )
            return each_frame(movie, partial(_relative, baseline=baseline, dark=self.dark))

        return with_both(recording, relative)

    def thinning(self, recording: Recording) -> int:
        """Leave enough frames for a percentile of a window."""
        if self.baseline != "moving":
            return 1
        return max(1, MovingWindow.of_seconds(self.window, recording).n // PREVIEW_FRAMES)


@dataclass(frozen=True)
class _MovingDeltaF:
    window: MovingWindow
    percentile: float
    dark: float
    where: str

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        from scipy.ndimage import percentile_filter

        block = blocks[0]
        check_finite(block, start, self.where)
        out = np.empty((keep.stop - keep.start, *block.shape[1:]), np.float32)
        for rows in row_tiles(block.shape[1:], len(block)):
            pixels = block[:, rows].reshape(len(block), -1)
            baseline = np.empty((keep.stop - keep.start, pixels.shape[1]))
            if len(baseline) <= FEW_FRAMES:
                for i, frame in enumerate(range(keep.start, keep.stop)):
                    baseline[i] = self._percentile_around(pixels, frame)
            else:
                # pixel by pixel: SciPy's filter of one dimension sorts only what enters and leaves
                for i, pixel in enumerate(np.ascontiguousarray(pixels.T, np.float32)):
                    filtered = percentile_filter(pixel, self.percentile, size=self.window.n)
                    baseline[:, i] = filtered[keep]
            tile = block[keep, rows]
            out[:, rows] = _relative(tile, baseline.reshape(tile.shape), self.dark)
        return out

    def _percentile_around(self, pixels: NDArray[Any], frame: int) -> NDArray[Any]:
        """Percentile of the window around one of some frames (n, pixels), as SciPy's filter."""
        n = len(pixels)
        around = (frame - self.window.before + np.arange(self.window.n)) % (2 * n)
        mirrored = np.where(around < n, around, 2 * n - 1 - around)
        rank = min(int(self.window.n * self.percentile / 100), self.window.n - 1)
        return np.asarray(np.partition(pixels[mirrored].T, rank)[:, rank])


def _relative(
    frames: NDArray[Any], baseline: NDArray[np.float64], dark: float
) -> NDArray[np.float64]:
    light = baseline - dark
    return np.divide(
        frames - baseline,
        light,
        out=np.zeros(np.shape(frames)),
        where=np.broadcast_to(light > 0, frames.shape),
    )


def _percentiles(
    movie: da.Array, percentile: float, survey: Survey, where: str
) -> NDArray[np.float64]:
    """Percentile of each pixel over as many evenly spaced frames as fit into memory."""
    frame_bytes = movie.dtype.itemsize * movie.shape[1] * movie.shape[2]
    most = max(1, PERCENTILE_BYTES // frame_bytes)
    every = 1 if survey.around is not None else -(-movie.shape[0] // most)
    sparse = movie[::every]
    frames = np.concatenate([block for _, block in survey.blocks(sparse, "baseline")])
    check_finite(frames, 0, where, every=every)
    out = np.empty(frames.shape[1:])
    for rows in row_tiles(frames.shape[1:], len(frames)):
        out[rows] = np.percentile(frames[:, rows], percentile, axis=0)
    return out
