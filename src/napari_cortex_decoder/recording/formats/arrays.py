"""Movies and traces in arrays that another library slices: NumPy, HDF5, MATLAB, Zarr."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
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
    fewer_frames,
    nothing_at_the_end,
    unchanged,
)
from napari_cortex_decoder.recording.formats.joining import join
from napari_cortex_decoder.recording.formats.named_values import (
    Places,
    said_frame_times,
    said_pixel_size,
    said_rate,
)
from napari_cortex_decoder.recording.formats.names import two_colours
from napari_cortex_decoder.recording.formats.painted import namings, painted
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile

# A chunk is decoded whole: one that is larger than this cannot be looked at frame by frame.
_LARGEST_CHUNK = 2**29
_MOST_TOGETHER = 2**26
_PAGE = 2**12

Shapes = Mapping[str, tuple[int, ...]]


class ArraySource(Protocol):
    """Where an array lies; picklable."""

    @property
    def path(self) -> Path:
        """File or folder, for errors."""

    def open(self) -> AbstractContextManager[Any]:
        """Return the array to slice, and close its file afterwards."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayFrames(FrameReader):
    """Frames along the time axis of an array; `what` the file should be, errors say."""

    source: ArraySource
    arrangement: Arrangement
    what: str

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, those of one chunk in one go."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        time, colour = np.divmod(frames, self.arrangement["c"])
        order = np.argsort(time, kind="stable")
        breaks = np.flatnonzero(np.diff(time[order]) > max(2, self.together)) + 1
        with (
            unchanged(self.token),
            readable(self.source.path, self.what),
            self.source.open() as array,
        ):
            for rows in np.split(order, breaks):
                first, last = int(time[rows[0]]), int(time[rows[-1]])
                block = self._block(array, first, last + 1)
                out[rows] = block[time[rows] - first, colour[rows]]
        return out

    def _block(self, array: Any, start: int, stop: int) -> NDArray[Any]:
        """Consecutive time points, shape (t, c, rows, columns)."""
        axes = self.arrangement.axes
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
        frames = ArrayFrames(
            source=self.source,
            arrangement=arrangement,
            what=self.what,
            shape=arrangement.movie_shape,
            dtype=self.dtype.newbyteorder("="),
            token=(*self.stamp, arrangement.axes, arrangement.shape),
            together=together,
        )
        return frames, slow

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


def open_chosen(
    path: Path,
    movies: Shapes,
    traces: Shapes,
    array: Callable[[str], Array],
    texts: Callable[[], Iterable[Sequence[str]]],
    given: Given,
) -> MovieFile:
    """Open of the arrays in a file the one that is meant, or two that are called after two lights.

    `movies` and `traces` are the shapes of those that can be such, by name; `array` returns one by
    its name, and `texts` the lists of texts in the file.
    """
    pair = two_colours(movies, given.dataset)
    if pair:
        return join([path / name for name in pair], [movie_of(array(n), given.axes) for n in pair])
    if given.dataset in traces if given.dataset else traces and not movies:
        return traces_of(array(choose(path, traces, given.dataset)), texts(), given)
    return movie_of(array(choose(path, movies, given.dataset)), given.axes)


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
        warnings += (fewer_frames(claimed, held),)
    frames, slow = array.frames(arrangement)
    warnings += slow
    if array.at_end is not None:
        warnings += array.at_end(time)
    elif array.chunks is None:
        warnings += nothing_at_the_end(frames)
    colours = arrangement["c"]
    return MovieFile(
        frames=frames,
        channels=colours,
        frame_rate=said_rate(array.places),
        pixel_size=said_pixel_size(array.places),
        frame_times=said_frame_times(claimed, arrangement["t"], colours, array.places),
        metadata={"dataset": array.name} if array.name else {},
        warnings=(*warnings, *array.said),
    )


def traces_of(array: Array, lists: Iterable[Sequence[str]], given: Given) -> MovieFile:
    """Paint the traces of an array, which the user or one of the `lists` of texts names."""
    path = array.source.path
    named = namings(path, array.shape, lists, given.areas)
    frames, slow = trace_frames(array, len(named[0].names), given.axes)
    n = frames.shape[0]
    found = MovieFile(
        frames=frames,
        frame_rate=said_rate(array.places),
        frame_times=said_frame_times(n, n, 1, array.places),
        metadata={"dataset": array.name} if array.name else {},
        warnings=(*slow, *array.said),
    )
    return painted(path, found, named, given)


def trace_frames(
    array: Array, n_names: int, axes: str | None
) -> tuple[ArrayFrames, tuple[str, ...]]:
    """Make frames (t, 1, areas) of an array of traces, of one or two axes, and say what is slow.

    The user may say its `axes`, ``"ta"`` or ``"at"``; else the one as long as there are names is
    the areas'. If both or none are, time comes first in Python and last in MATLAB, or is the longer
    one.
    """
    shape = array.shape
    said = (axes or "").lower().replace("a", "x")
    if axes and (sorted(said) != ["t", "x"][: len(shape)] or len(shape) > 2):
        raise RecordingError(
            f"{array.source.path}: its axes cannot be {axes!r}, as the array is "
            f'{" x ".join(map(str, shape))}; give "ta", or "at" if each row is an area.'
        )
    said = said[::-1] if array.transposed else said
    if not said:
        said = "xt" if array.transposed else "tx"
        if len(shape) == 1:
            said = "t"
        elif shape[0] != shape[1]:
            turned = shape[0] == n_names if n_names in shape else shape[1] > shape[0]
            said = "xt" if turned else "tx"
    return array.frames(Arrangement(said, tuple(shape)))


def choose(path: Path, candidates: Shapes, wanted: str | None) -> str:
    """Return the name of the array that is the movie: the one `wanted`, or the only candidate."""
    listed = ", ".join(
        f"{name} ({' x '.join(map(str, shape))})" for name, shape in sorted(candidates.items())[:8]
    )
    if wanted is not None:
        for name in (wanted, wanted.strip("/")):
            if name in candidates:
                return name
        raise RecordingError(
            f"{path}: there is no movie called {wanted!r} in it; "
            + (f"give one of {listed} as dataset." if listed else "it holds none.")
        )
    if not candidates:
        raise RecordingError(
            f"{path}: there is no movie in it, that is, no array of frames x rows x columns; "
            "save the movie into it or give another file."
        )
    if len(candidates) > 1:
        raise UnclearMovieError(
            f"{path}: there are {len(candidates)} arrays that could be the movie: {listed}; "
            "give the name of one as dataset (command line: --as dataset=NAME).",
            tuple(sorted(candidates)),
        )
    return next(iter(candidates))


def could_be_traces(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of traces: times and areas, of numbers."""
    return len(shape) == 2 and min(shape) > 1 and dtype.kind in "iuf"


def could_be_movie(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of a movie: frames, rows and columns of numbers."""
    is_number = bool(np.issubdtype(dtype, np.number))
    return is_number and 3 <= len(shape) <= 8 and sum(n > 1 for n in shape) >= 3
