"""Movies whose frames are computed when they are read, from a stretch of other movies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import FrameReader
from napari_cortex_decoder.recording.formats.lazy import LazyMovie

CHUNK_BYTES = 32 * 2**20
KEPT_BYTES = 2**30
TILE_BYTES = 64 * 2**20
Blocks = tuple[NDArray[Any], ...]
"""The same frames of each of several movies, each (n, y, x)."""
BlockFunction = Callable[[Blocks, int, slice], NDArray[np.generic]]
"""Computes frames from blocks, the frames [start, start + n) of each source, start, and keep.

The last tells which of these n are wanted; the others are their surroundings.
"""


@dataclass(frozen=True)
class Sources:
    """Movies (t, y, x) of equal length, read a stretch at a time; picklable, without frames.

    The last stretch is kept: of the next one, most is the same where surroundings are long.
    """

    movies: tuple[da.Array, ...]
    _recent: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without frames."""
        return {**self.__dict__, "_recent": {}}

    def read(self, start: int, stop: int, *, keep: bool = True) -> tuple[NDArray[Any], ...]:
        """Read frames [start, stop) of each movie, as far as there are any.

        They are to `keep` if the next stretch may have some of them.
        """
        stop = min(stop, self.movies[0].shape[0])
        if not keep:
            return tuple(_read(movie, start, stop) for movie in self.movies)
        begin, end, kept = self._recent.get("stretch", (0, 0, ()))
        if begin <= start and stop <= end:
            return tuple(block[start - begin : stop - begin] for block in kept)
        if begin <= start < end:
            new = (_read(movie, end, stop) for movie in self.movies)
            pairs = zip(kept, new, strict=True)
            blocks = tuple(np.concatenate([old[start - begin :], more]) for old, more in pairs)
        else:
            blocks = tuple(_read(movie, start, stop) for movie in self.movies)
        if sum(block.nbytes for block in blocks) <= KEPT_BYTES:
            self._recent["stretch"] = (start, stop, blocks)
        return blocks


class ComputedFrames(FrameReader):
    """Reader of frames that a picklable function computes from the frames of other movies.

    Frame i comes from the source frames [first + i · every, first + (i + 1) · every), and from so
    many more before and after these as `surroundings` tells. So many are computed at once: the
    longer the surroundings, the more is worth it.
    """

    def __init__(
        self, sources: tuple[da.Array, ...], function: BlockFunction, shape: tuple[int, int, int],
        dtype: np.dtype[Any], surroundings: int, first: int, every: int,
    ) -> None:  # fmt: skip
        worth = max(CHUNK_BYTES // (shape[1] * shape[2] * dtype.itemsize), surroundings // 4)
        names = (movie.name for movie in sources)
        token = ("computed", *names, tokenize(function), shape[0], first, every)
        super().__init__(shape, dtype, token, max(1, min(worth, surroundings, shape[0])))
        self._sources, self._function = Sources(sources), function
        self._surroundings, self._first, self._every = surroundings, first, every

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Compute frames by their indices, shape (len(frames), rows, columns)."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        around = self._surroundings
        for part in stretches(frames, max(self.together, 64), 1 + 2 * around):
            first, stop = int(frames[part][0]), int(frames[part][-1]) + 1
            begin, end = self._first + first * self._every, self._first + stop * self._every
            start = max(0, begin - around)
            blocks = self._sources.read(start, end + around, keep=around > 0)
            computed = self._function(blocks, start, slice(begin - start, end - start))
            out[part] = computed[frames[part] - first]
        return out


def stretches(frames: NDArray[np.int64], longest: int, apart: int) -> Iterator[slice]:
    """Divide wanted frames into runs that are computed together.

    From the first to the last of a run are `longest` frames at most, and from one to the next at
    most `apart`: those between are computed as well, where reading them is needed anyway.
    """
    begin = 0
    for i in range(1, len(frames) + 1):
        if (
            i == len(frames)
            or frames[i] <= frames[i - 1]
            or frames[i] - frames[i - 1] > apart
            or frames[i] - frames[begin] >= longest
        ):
            yield slice(begin, i)
            begin = i


def _read(source: da.Array, start: int, stop: int) -> NDArray[Any]:
    """Read a stretch of a movie, inside a task of dask's: more threads would only wait."""
    if isinstance(source, LazyMovie):
        # past dask: a graph for each step and stretch costs more than most steps do
        return source._reader.read(np.arange(start, stop))
    return np.asarray(source[start:stop].compute(scheduler="synchronous"))


def computed_movie(
    sources: tuple[da.Array, ...],
    function: BlockFunction,
    *,
    frame_shape: tuple[int, int] | None = None,
    dtype: Any = np.float32,
    n_frames: int | None = None,
    surroundings: int = 0,
    first: int = 0,
    every: int = 1,
) -> da.Array:
    """Return a lazy movie whose frames are computed from others; see `ComputedFrames`.

    The frames keep the shape and number of the first source unless told otherwise.
    """
    n, *shape = sources[0].shape
    rows, columns = frame_shape or shape
    shape = (n if n_frames is None else n_frames, rows, columns)
    return LazyMovie(
        ComputedFrames(sources, function, shape, np.dtype(dtype), surroundings, first, every)
    )


@dataclass(frozen=True, eq=False)
class _Alone:
    """Computes frames of one movie, each from itself alone."""

    function: Callable[[NDArray[Any]], NDArray[np.generic]]

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        return self.function(blocks[0][keep])


def each_frame(
    movie: da.Array, function: Callable[[NDArray[Any]], NDArray[np.generic]], **others: Any
) -> da.Array:
    """Return a lazy movie of what a picklable function makes of frames, each from itself alone."""
    return computed_movie((movie,), _Alone(function), **others)


def row_tiles(frame_shape: tuple[int, int], n_frames: int) -> Iterator[slice]:
    """Divide frames into bands of rows, of which so many of float64 take 64 MiB."""
    rows, columns = frame_shape
    band = max(1, min(rows, TILE_BYTES // max(1, n_frames * columns * 8)))
    for top in range(0, rows, band):
        yield slice(top, min(top + band, rows))


def check_finite(frames: NDArray[Any], start: int, where: str, *, every: int = 1) -> None:
    """Refuse frames (n, y, x) with gaps, and say where the first one is.

    `start` is the number of the first frame in its movie, and `every` how many frames of the movie
    lie between one and the next, itself counted.
    """
    if np.issubdtype(frames.dtype, np.integer):
        return
    finite = np.isfinite(frames)
    if len(frames) > 1 and finite.any():
        # what is never measured, while others are, is no gap: it lies outside a mask
        finite |= ~finite.any(axis=0)
    if finite.all():
        return
    frame, row, column = (int(i) for i in np.argwhere(~finite)[0])
    raise RecordingError(
        f"{where}: the movie is {frames[frame, row, column]} in frame {start + every * frame} at "
        f"row {row}, column {column}; fill such gaps (fill-gaps, --fill-gaps), or mask them."
    )
