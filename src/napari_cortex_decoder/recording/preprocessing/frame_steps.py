"""Steps that need no frame but their own: crop, bin, mask, fill gaps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.blocks import each_frame
from napari_cortex_decoder.recording.preprocessing.mask_file import read_mask
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey, with_both
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

Range = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]


class Crop(Step):
    """Keep a rectangle, a stretch of time, or both.

    Attributes
    ----------
    rows, columns, frames
        First one kept and the one after the last; all if None.
    """

    name: ClassVar[str] = "crop"
    reshapes: ClassVar[bool] = True
    rows: Range | None = None
    columns: Range | None = None
    frames: Range | None = None

    @property
    def of_pixels(self) -> bool:
        """Whether it needs pixels beside each other."""
        return self.rows is not None or self.columns is not None

    @field_validator("rows", "columns", "frames")
    @classmethod
    def _check(cls, limits: tuple[int, int] | None) -> tuple[int, int] | None:
        if limits is not None and limits[0] >= limits[1]:
            raise ValueError("a range goes from a first one to a later one")
        return limits

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Crop movie, reference, frame times and behaviour."""
        sizes = (*recording.shape, recording.n_frames)
        kept = {}
        for label, size in zip(("rows", "columns", "frames"), sizes, strict=True):
            start, stop = getattr(self, label) or (0, size)
            if stop > size:
                ends = f"the crop ends at {stop} of the movie's {size} {label}"
                raise RecordingError(f"{recording.where}: {ends}; make it smaller.")
            kept[label] = slice(start, stop)
        rows, columns, frames = kept.values()

        def crop(movie: da.Array, _: str) -> da.Array:
            return each_frame(
                movie,
                partial(_cropped, rows, columns),
                frame_shape=(rows.stop - rows.start, columns.stop - columns.start),
                dtype=movie.dtype,
                n_frames=frames.stop - frames.start,
                first=frames.start,
            )

        changes = {} if self.frames is None else _cropped_time(recording, frames)
        return with_both(recording, crop, **changes)

    def origins(self, recording: Recording) -> NDArray[np.int64] | None:
        """Return the frames that are kept."""
        return None if self.frames is None else np.arange(*self.frames)


class Bin(Step):
    """Average squares of pixels, frames in a row, or both.

    What is left over at the far edges is dropped.

    Attributes
    ----------
    pixels
        Edge of a square.
    frames
        How many frames become one.
    """

    name: ClassVar[str] = "bin"
    reshapes: ClassVar[bool] = True
    pixels: Annotated[int, Field(ge=1, le=1024)] = 2
    frames: Annotated[int, Field(ge=1, le=100_000)] = 1

    @property
    def of_pixels(self) -> bool:
        """Whether it needs pixels beside each other."""
        return self.pixels > 1

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Bin movie and reference; pixel size, frame rate and frame times follow."""
        rows, columns = (size // self.pixels for size in recording.shape)
        n_frames = recording.n_frames // self.frames
        if not (rows and columns and n_frames):
            raise RecordingError(
                f"{recording.where}: nothing is left of {recording.movie.shape} frames, rows and "
                f"columns after binning {self.frames} frames and {self.pixels} pixels; bin less."
            )

        def binned(movie: da.Array, _: str) -> da.Array:
            return each_frame(
                movie,
                partial(_binned, self.frames, self.pixels),
                frame_shape=(rows, columns),
                n_frames=n_frames,
                every=self.frames,
            )

        times = recording.frame_times
        return with_both(
            recording,
            binned,
            pixel_size=recording.pixel_size and recording.pixel_size * self.pixels,
            frame_rate=recording.frame_rate and recording.frame_rate / self.frames,
            reference_lag=recording.reference_lag and recording.reference_lag / self.frames,
            frame_times=None if times is None else times[:: self.frames][:n_frames],
        )

    def origins(self, recording: Recording) -> NDArray[np.int64] | None:
        """Return the first of the frames that become one."""
        if self.frames == 1:
            return None
        return np.arange(recording.n_frames // self.frames) * self.frames


class Mask(Step):
    """Set what is not cortex to 0.

    Attributes
    ----------
    path
        TIFF, PNG or ``.npy`` of one picture, in which 0 is outside.
    """

    name: ClassVar[str] = "mask"
    only_pixels: ClassVar[bool] = True
    path: Path

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Mask movie and reference."""
        masked = partial(_masked, read_mask(self.path, recording.shape))
        return with_both(recording, lambda movie, _: each_frame(movie, masked, dtype=movie.dtype))


def _cropped(rows: slice, columns: slice, block: NDArray[Any]) -> NDArray[np.generic]:
    return block[:, rows, columns]


def _binned(frames: int, pixels: int, block: NDArray[Any]) -> NDArray[np.generic]:
    n, rows, columns = len(block) // frames, *(size // pixels for size in block.shape[1:])
    whole = block[: n * frames, : rows * pixels, : columns * pixels]
    groups = whole.reshape(n, frames, rows, pixels, columns, pixels)
    # float64 while adding: a thousand 16-bit pixels do not fit into float32 exactly
    means: NDArray[np.float64] = groups.mean(axis=(1, 3, 5), dtype=np.float64)
    return means


def _masked(inside: NDArray[np.bool_], block: NDArray[Any]) -> NDArray[np.generic]:
    return np.where(inside, block, 0)  # not a product: outside there may be NaN


def _cropped_time(recording: Recording, frames: slice) -> dict[str, Any]:
    """Frame times and behaviour of a stretch of the movie.

    A recording that has frame times keeps its clock; one that has only a rate starts anew at 0.
    """
    changes: dict[str, Any] = {}
    if recording.frame_times is not None:
        changes["frame_times"] = recording.frame_times[frames]
    if recording.behavior:
        times = recording.times[frames]
        zero = 0.0 if recording.frame_times is not None else times[0]
        changes["behavior"] = {
            name: kept
            for name, trace in recording.behavior.items()
            if (kept := _cropped_trace(trace, times[0], times[-1], zero)) is not None
        }
    return changes


def _cropped_trace(
    trace: BehaviorTrace, first: float, last: float, zero: float
) -> BehaviorTrace | None:
    """Keep what lies in a stretch of time and one sample on either side of it."""
    begin = max(0, int(np.searchsorted(trace.times, first)) - 1)
    end = min(trace.times.size, int(np.searchsorted(trace.times, last, side="right")) + 1)
    if end <= begin:
        return None
    return BehaviorTrace(
        trace.name, trace.values[begin:end], trace.times[begin:end] - zero, trace.unit
    )


class FillGaps(Step):
    """Return a pixel that is NaN or infinite its own mean over the frames in which it is neither.

    The mean is what adds least: after ΔF/F, and in a decoder that looks at changes, it is 0. A
    pixel that was never measured, as outside a mask, becomes 0 in all frames.
    """

    name: ClassVar[str] = "fill-gaps"

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Fill movie and reference; how much that was is told."""
        told: list[str] = []
        done = with_both(recording, lambda movie, c: _filled(recording, movie, c, survey, told))
        return done.replace(warnings=(*recording.warnings, *told))


def _without_gaps(means: NDArray[np.floating], block: NDArray[Any]) -> NDArray[np.generic]:
    """Put the mean of a pixel, shape (y, x), into its gaps."""
    return np.where(np.isfinite(block), block, means)


def _filled(
    recording: Recording, movie: da.Array, channel: str, survey: Survey, told: list[str]
) -> da.Array:
    """Return the movie without gaps; what was filled is `told`."""
    if np.issubdtype(movie.dtype, np.integer):
        return movie
    total = np.zeros(movie.shape[1:])
    measured = np.zeros(movie.shape[1:], np.int64)
    n_frames, frames_with_gaps = 0, 0
    for _, block in survey.blocks(movie, f"gaps of the {channel}"):
        finite = np.isfinite(block)
        total += np.sum(block, axis=0, dtype=np.float64, where=finite)
        measured += finite.sum(axis=0)
        n_frames += len(block)
        frames_with_gaps += int((~finite.all(axis=(1, 2))).sum())
    if not measured.any():
        raise RecordingError(
            f"{recording.where}: the {channel} is NaN or infinite everywhere; export it again."
        )
    means = np.divide(total, measured, out=np.zeros(total.shape), where=measured > 0)
    filling = partial(_without_gaps, means.astype(movie.dtype))
    filled = each_frame(movie, filling, dtype=movie.dtype)
    if frames_with_gaps:
        told.append(
            f"{1 - measured.mean() / n_frames:.2%} of the {channel}'s pixels were NaN or infinite, "
            f"in {frames_with_gaps} frames; each is filled with its mean over time."
        )
    return filled
