"""Movies in arrays that another library slices: NumPy, HDF5, MATLAB, Zarr."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.axes import (
    Arrangement,
    arrange,
    named_axes,
    told_axes,
)
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    check_frames,
    nothing_at_the_end,
    other_frames,
    unchanged,
)
from napari_cortex_decoder.recording.formats.named_values import (
    Places,
    said_frame_times,
    said_pixel_size,
    said_rate,
)
from napari_cortex_decoder.recording.formats.registry import MovieFile

# A chunk is decoded whole: one that is larger than this cannot be looked at frame by frame.
_LARGEST_CHUNK = 2**29
_MOST_TOGETHER = 2**26
_PAGE = 2**12


class ArraySource(Protocol):
    """Where an array lies; picklable."""

    @property
    def path(self) -> Path:
        """File or folder, for errors."""

    def open(self) -> AbstractContextManager[Any]:
        """Return the array to slice, and close its file afterwards."""


class ArrayFrames(FrameReader):
    """Frames along the time axis of an array."""

    def __init__(self, array: Array, arrangement: Arrangement, together: int) -> None:
        token = (*array.stamp, arrangement.axes, arrangement.shape)
        dtype = array.dtype.newbyteorder("=")
        super().__init__(arrangement.movie_shape, dtype, token, together)
        self._source, self._what, self._arrangement = array.source, array.what, arrangement

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, those of one chunk in one go."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        time, colour = np.divmod(frames, self._arrangement["c"])
        order = np.argsort(time, kind="stable")
        breaks = np.flatnonzero(np.diff(time[order]) > max(2, self.together)) + 1
        with (
            unchanged(self.token),
            readable(self._source.path, self._what),
            self._source.open() as array,
        ):
            for rows in np.split(order, breaks):
                first, last = int(time[rows[0]]), int(time[rows[-1]])
                block = self._block(array, first, last + 1)
                out[rows] = block[time[rows] - first, colour[rows]]
        return out

    def _block(self, array: Any, start: int, stop: int) -> NDArray[Any]:
        """Consecutive time points, shape (t, c, rows, columns)."""
        axes = self._arrangement.axes
        whole = {"t": slice(start, stop), **dict.fromkeys("cyx", slice(None))}
        block = np.asarray(array[tuple(whole.get(axis, 0) for axis in axes)])
        left = "".join(axis for axis in axes if axis in whole)
        for axis in "cyx":  # traces have no rows of pixels, and may be of one area
            if axis not in left:
                block, left = block[np.newaxis], axis + left
        return block.transpose([left.index(axis) for axis in "tcyx"])


@dataclass(frozen=True, eq=False, kw_only=True)
class Array:
    """An array in a file, and what the file says of it.

    `at_end` returns what to say of its end, by which axis is time; None: whether the frames there
    hold nothing, unless it has chunks.
    """

    source: ArraySource
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stamp: tuple[Any, ...]  # `file_token` of when it was opened, and the name of the array
    what: str  # it should be, for errors
    name: str = ""  # in the file, if it is not alone
    chunks: tuple[int, ...] | None = None  # if it does not lie in one piece
    held: tuple[int, ...] | None = None  # how much was written along each axis, if that is not all
    labels: Sequence[object] = ()  # of its axes
    column_major: bool = False  # whether the first axis is the fastest in the file
    transposed: bool = False  # as for `arrange`
    places: Places = ()  # where the file may say axes, rate, pixel size and frame times
    at_end: Callable[[int], tuple[str, ...]] | None = None
    said: tuple[str, ...] = ()  # that a user should read

    def frames(self, arrangement: Arrangement) -> tuple[ArrayFrames, tuple[str, ...]]:
        """Return its frames, once they are plausible, and a word on chunks that make them slow."""
        check_frames(self.source.path, arrangement.movie_shape, self.dtype)
        together, slow = self._together(arrangement)
        return ArrayFrames(self, arrangement, together), slow

    def _together(self, arrangement: Arrangement) -> tuple[int, tuple[str, ...]]:
        frames, rows, columns = arrangement.movie_shape
        most = max(1, _MOST_TOGETHER // (rows * columns * self.dtype.itemsize))
        if self.chunks is None:
            # of a frame that is spread over the whole file as many as a page of the disk holds cost
            # no more
            spread = arrangement.axes[0 if self.column_major else -1] == "t"
            page = max(1, _PAGE // self.dtype.itemsize) if spread else 1
            return min(arrangement["t"], page, most), ()
        size = math.prod(self.chunks) * self.dtype.itemsize
        if size > _LARGEST_CHUNK:
            each = f"each of its chunks holds {size / 2**30:.1f} GB"
            remedy = "save it again with chunks of about 64 frames"
            raise RecordingError(f"{self.source.path}: {each}; {remedy}.")
        times = int(self.chunks[arrangement.axes.index("t")]) * arrangement["c"]
        if min(times, frames) <= most:
            return min(times, frames), ()
        note = (
            f"its chunks hold {times} frames each, so each look at it decodes as many; it is "
            "quicker saved as Zarr."
        )
        return most, (note,)


def movie_of(array: Array, axes: str | None) -> MovieFile:
    """Make the movie of an array whose file has been looked through; the user may say its axes."""
    path, shape = array.source.path, array.shape
    named = named_axes(array.labels, shape)
    if named is None or not set("tyx") <= set(named):
        named = told_axes(shape, *array.places)
    if axes is None and named is not None:
        arrangement, warnings = arrange(path, shape, said=named)
    else:
        usual = "yxt" if array.column_major or array.transposed else "tyx"
        arrangement, warnings = arrange(
            path, shape, said=axes, usual=usual, transposed=array.transposed
        )
    claimed, time = arrangement["t"], arrangement.axes.index("t")
    held = array.held[time] if array.held else claimed
    if 0 < held < claimed:
        arrangement = Arrangement(arrangement.axes, (*shape[:time], held, *shape[time + 1 :]))
        warnings += (other_frames(claimed, held),)
    frames, slow = array.frames(arrangement)
    warnings += slow
    if array.at_end is not None:
        warnings += array.at_end(time)
    elif array.chunks is None:
        warnings += nothing_at_the_end(frames)
    colours, told = arrangement["c"], list(warnings)
    return MovieFile(
        frames=frames,
        channels=colours,
        frame_rate=said_rate(array.places, told),
        pixel_size=said_pixel_size(array.places, told),
        frame_times=said_frame_times(claimed, arrangement["t"], colours, array.places, told),
        metadata={"dataset": array.name} if array.name else {},
        warnings=(*told, *array.said),
    )
