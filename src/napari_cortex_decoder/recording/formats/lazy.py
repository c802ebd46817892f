"""The lazy movie: a dask array over a reader of frames."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from napari_cortex_decoder.recording.formats.frames import FrameReader

_CHUNK_FRAMES = 64
_CHUNK_BYTES = 2**23


class _Sliceable:
    """What dask slices: some frames of a reader, read when they are indexed."""

    def __init__(self, reader: FrameReader, frames: range) -> None:
        self.reader = reader
        self.frames = frames
        self.shape = (len(frames), *reader.shape[1:])
        self.dtype = reader.dtype
        self.ndim = 3

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        first, *rest = index
        one = not isinstance(first, slice)
        wanted = self.frames[first : first + 1] if one else self.frames[first]
        indices = np.arange(wanted.start, wanted.stop, wanted.step, dtype=np.int64)
        nothing = np.empty((0, *self.shape[1:]), self.dtype)
        block = self.reader.read(indices) if len(indices) else nothing
        picked: NDArray[Any] = block[(0 if one else slice(None), *rest)]
        return picked


def _frames_of(reader: FrameReader, token: str, frames: range) -> da.Array:
    """Return some frames of a reader, in chunks that are quick to stream and small to hold."""
    _, rows, columns = reader.shape
    chunk = max(1, min(_CHUNK_FRAMES, _CHUNK_BYTES // (rows * columns * reader.dtype.itemsize)))
    chunk = max(reader.together, chunk // reader.together * reader.together)
    return da.from_array(
        _Sliceable(reader, frames),
        chunks=(max(1, min(chunk, len(frames))), rows, columns),
        name=f"movie-{token}-{frames.start}-{frames.stop}-{frames.step}",
        asarray=True,
        fancy=False,
        lock=False,
        meta=np.empty((0, 0, 0), reader.dtype),
    )


class LazyMovie(da.Array):  # type: ignore[misc]
    """A movie (t, y, x) whose slices in time are read alone, whoever computes them.

    dask hands a slice down to the reader only where it may fuse tasks. napari forbids that, to
    cache chunks: of an ordinary dask array it would read 64 frames to show one, and the cost of
    one slice would grow with the number of chunks. Here a slice in time is an array of its own; one
    frame is taken from the frames that its file keeps together, so that a cache has them all.
    """

    __slots__ = ()
    _reader: FrameReader
    _token: str

    def __new__(cls, reader: FrameReader) -> LazyMovie:
        """Make the movie of a reader."""
        token = tokenize(reader.token)
        whole = _frames_of(reader, token, range(reader.shape[0]))
        self = super().__new__(cls, whole.dask, whole.name, whole.chunks, meta=whole._meta)
        self._reader, self._token = reader, token
        return self  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[type[LazyMovie], tuple[FrameReader]]:
        """Pickle as the reader, which is small."""
        return LazyMovie, (self._reader,)

    def __getitem__(self, index: Any) -> da.Array:
        """Take frames, and rows and columns of them, without reading."""
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        every = range(self.shape[0])
        if isinstance(first, int | np.integer) and -len(every) <= first < len(every):
            place = every[first] % self._reader.together
            start = every[first] - place
            kept = every[start : start + self._reader.together]
            return _frames_of(self._reader, self._token, kept)[(place, *rest)]
        if isinstance(first, slice):
            return _frames_of(self._reader, self._token, every[first])[(slice(None), *rest)]
        return super().__getitem__(index)
