"""Readers of frames, and the lazy movie made of one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.faults import readable

# No camera has frames this large (8192 x 16384 px of 16 bit): a header that claims one is damaged,
# or made to exhaust the memory of whoever opens it.
LARGEST_FRAME = 2**28
_CHUNK_FRAMES = 64
_CHUNK_BYTES = 2**23


class FrameReader(Protocol):
    """Random access to the frames of one movie; picklable, safe to use from many threads.

    Attributes
    ----------
    shape
        (frames, rows, columns).
    dtype
        Type of a pixel, in the byte order of this machine.
    token
        What changes when the file does: names the movie in dask's graph and cache.
    together
        Number of consecutive frames that cost no more to read than one of them (the frames in a
        chunk of the file).
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""

    @property
    def token(self) -> tuple[Any, ...]:
        """Name of the state of the file."""

    @property
    def together(self) -> int:
        """Frames that cost no more than one."""

    def read(self, frames: range) -> NDArray[Any]:
        """Read frames, shape (len(frames), rows, columns)."""


def file_token(path: Path) -> tuple[str, int, int]:
    """Name one state of a file: path, size, time of last change."""
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def check_frames(path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    """Refuse what cannot be a movie before any memory is set aside for it.

    Raises
    ------
    RecordingError
        If there is not more than one frame, a frame is empty or larger than any camera's, or the
        pixels are not real numbers.
    """
    frames, rows, columns = shape
    if not np.issubdtype(dtype, np.number) or np.issubdtype(dtype, np.complexfloating):
        raise RecordingError(
            f"{path}: the pixels are {dtype.name}; save the movie as integers or real numbers."
        )
    if frames < 2:
        raise RecordingError(
            f"{path}: there is {'one frame' if frames else 'no frame'} in it; "
            "a movie needs at least 2."
        )
    if rows < 1 or columns < 1:
        raise RecordingError(f"{path}: its frames are {rows} x {columns} px; export it again.")
    if rows * columns * dtype.itemsize > LARGEST_FRAME:
        raise RecordingError(
            f"{path}: its header claims frames of {rows} x {columns} px of {dtype.name}, more than "
            "any camera has; the header is damaged, so copy or export the file again."
        )


@dataclass(frozen=True, eq=False)
class RawFrames:
    """Frames that lie uncompressed in a file.

    Attributes
    ----------
    path
        The file.
    offsets
        Shape (frames,), bytes from the start of the file to each frame.
    frame_shape
        (rows, columns).
    stored
        Type of a pixel in the file, with its byte order.
    stamp
        `file_token` of the file when it was opened.
    """

    path: Path
    offsets: NDArray[np.int64]
    frame_shape: tuple[int, int]
    stored: np.dtype[Any]
    stamp: tuple[Any, ...]
    together: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return (len(self.offsets), *self.frame_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel, in native byte order."""
        return self.stored.newbyteorder("=")

    @property
    def token(self) -> tuple[Any, ...]:
        """State of the file and where its frames are taken from."""
        return (*self.stamp, self.offsets, self.frame_shape, self.stored.str)

    def read(self, frames: range) -> NDArray[Any]:
        """Read frames, those that lie side by side in one go."""
        out = np.empty((len(frames), *self.frame_shape), self.stored)
        if not len(frames):
            return out.astype(self.dtype, copy=False)
        size = out[0].nbytes
        wanted = self.offsets[np.asarray(frames)]
        breaks = np.flatnonzero(np.diff(wanted) != size) + 1
        bounds = [0, *breaks.tolist(), len(frames)]
        into = out.reshape(-1).view(np.uint8).data
        with readable(self.path, "a movie"), self.path.open("rb", buffering=0) as file:
            for start, stop in pairwise(bounds):
                file.seek(int(wanted[start]))
                read_fully(file, into[start * size : stop * size], self.path)
        return out.astype(self.dtype, copy=False)


def read_fully(file: Any, into: memoryview, path: Path) -> None:
    """Fill `into` from an unbuffered file, or say that the file has become shorter."""
    done = 0
    while done < len(into):
        got = file.readinto(into[done:])
        if not got:
            raise RecordingError(
                f"{path}: the file ends inside a frame; it became shorter since it was opened, "
                "so copy it again."
            )
        done += got


@dataclass(frozen=True, eq=False)
class EveryNth:
    """Every n-th frame of a reader: one colour of an interleaved camera."""

    source: FrameReader
    start: int
    step: int

    @property
    def _picked(self) -> range:
        return range(self.start, self.source.shape[0], self.step)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return (len(self._picked), *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self.source.dtype

    @property
    def token(self) -> tuple[Any, ...]:
        """Token of the source and which frames are picked."""
        return (*self.source.token, self.start, self.step)

    @property
    def together(self) -> int:
        """How many of the picked frames lie in one chunk of the source."""
        return max(1, self.source.together // self.step)

    def read(self, frames: range) -> NDArray[Any]:
        """Read frames, counted among the picked ones."""
        first, last = (self.start + f * self.step for f in (frames.start, frames.stop))
        return self.source.read(range(first, last, self.step * frames.step))


@dataclass(frozen=True, eq=False)
class OneAfterAnother:
    """The frames of several readers in a row: a session in several files."""

    sources: tuple[FrameReader, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return (sum(s.shape[0] for s in self.sources), *self.sources[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self.sources[0].dtype

    @property
    def token(self) -> tuple[Any, ...]:
        """Tokens of the sources, in order."""
        return tuple(s.token for s in self.sources)

    @property
    def together(self) -> int:
        """The most that any source gives together."""
        return max(s.together for s in self.sources)

    def read(self, frames: range) -> NDArray[Any]:
        """Read frames, from each source those it holds."""
        wanted = np.asarray(frames)
        starts = np.cumsum([0] + [s.shape[0] for s in self.sources])
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        holders = np.searchsorted(starts, wanted, side="right") - 1
        for holder in np.unique(holders):
            rows = np.flatnonzero(holders == holder)
            local = wanted[rows] - starts[holder]
            part = range(
                int(local[0]), int(local[-1]) + (1 if frames.step > 0 else -1), frames.step
            )
            out[rows] = self.sources[holder].read(part)
        return out


class _Sliceable:
    """What dask slices: turns an index into a call of `FrameReader.read`."""

    def __init__(self, reader: FrameReader) -> None:
        self.reader = reader
        self.shape = reader.shape
        self.dtype = reader.dtype
        self.ndim = 3

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        first, *rest = index
        every = range(self.shape[0])
        one = not isinstance(first, slice)
        frames = range(every[first], every[first] + 1) if one else every[first]
        block = self.reader.read(frames)
        picked: NDArray[Any] = block[(0 if one else slice(None), *rest)]
        return picked


def lazy_movie(reader: FrameReader) -> da.Array:
    """Give the movie of a reader as a dask array of shape (t, y, x) that reads what is asked for.

    Slicing and computing in one go, ``movie[i].compute()``, reads the frames asked for and no
    others: dask hands the slice down to the reader.
    """
    frames, rows, columns = reader.shape
    size = rows * columns * reader.dtype.itemsize
    chunk = max(1, min(_CHUNK_FRAMES, _CHUNK_BYTES // size))
    chunk = max(reader.together, chunk // reader.together * reader.together)
    return da.from_array(
        _Sliceable(reader),
        chunks=(min(chunk, frames), rows, columns),
        name=f"movie-{da.core.tokenize(reader.token)}",
        asarray=True,
        fancy=False,
        lock=False,
        meta=np.empty((0, 0, 0), reader.dtype),
    )
