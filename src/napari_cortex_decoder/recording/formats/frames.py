"""Readers of frames: what every format gives, and how they combine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.containers.npy import read_fully
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable

# No camera has frames this large (8192 x 16384 px of 16 bit): a header that claims one is damaged,
# or made to exhaust the memory of whoever opens it.
LARGEST_FRAME = 2**28


class WithoutCache:
    """What is pickled without what its cached properties hold."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the rest."""
        cached = {n for n in vars(self) if isinstance(getattr(type(self), n, 0), cached_property)}
        return {name: value for name, value in vars(self).items() if name not in cached}


class FrameReader(WithoutCache, ABC):
    """Random access to the frames of one movie; picklable, safe to use from many threads.

    `shape` is (frames, rows, columns), `dtype` in the byte order of this machine. `token` changes
    when the file does, and names the movie in dask's graph and cache. `together` is the number of
    consecutive frames that cost no more to read than one of them: those in a chunk of the file, or
    between the key frames of a video.
    """

    def __init__(
        self, shape: tuple[int, int, int], dtype: np.dtype[Any], token: Any, together: int = 1
    ) -> None:
        self.shape, self.dtype, self.token, self.together = shape, dtype, token, together

    @abstractmethod
    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames by their indices, at least one, shape (len(frames), rows, columns)."""


def file_token(path: Path) -> tuple[str, int, int]:
    """Name one state of a file: path, size, time of last change."""
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


@contextmanager
def unchanged(*stamps: tuple[Any, ...]) -> Iterator[None]:
    """Refuse what was read from files that are no longer as they were when they were opened.

    Each of `stamps` begins with the `file_token` of that time. If a file was written to, cut short,
    replaced or removed since, whatever reading it gave becomes a `RecordingError`.
    """
    try:
        yield
    except Exception:
        _check_unchanged(stamps)
        raise
    _check_unchanged(stamps)


def _check_unchanged(stamps: tuple[tuple[Any, ...], ...]) -> None:
    for name, size, changed, *_ in stamps:
        with readable(Path(name), "the movie that it was"):
            now = file_token(Path(name))
        if now != (name, size, changed):
            how = f"it had {size} bytes and has {now[1]}" if now[1] != size else "it was written to"
            raise RecordingError(
                f"{name}: it changed since the movie was opened ({how}); open the movie again once "
                "no other program writes to it."
            )


def check_frames(path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    """Refuse what cannot be a movie before any memory is set aside for it."""
    frames, rows, columns = shape
    if not np.issubdtype(dtype, np.number) or np.issubdtype(dtype, np.complexfloating):
        raise RecordingError(
            f"{path}: the pixels are {dtype.name}; save the movie as integers or real numbers."
        )
    if frames < 1:
        raise RecordingError(f"{path}: there is no frame in it; a movie needs at least 2.")
    if rows < 1 or columns < 1:
        raise RecordingError(f"{path}: its frames are {rows} x {columns} px; export it again.")
    if rows * columns * dtype.itemsize > LARGEST_FRAME:
        raise RecordingError(
            f"{path}: its header claims frames of {rows} x {columns} px of {dtype.name}, more than "
            "any camera has; the header is damaged, so copy or export the file again."
        )


def check_planes(where: Path, colours: int, slices: int = 1) -> None:
    """Refuse a volume over time, and more than two colours."""
    if slices > 1:
        raise RecordingError(
            f"{where}: it is a volume over time ({slices} slices); save one slice, or a projection."
        )
    if colours > 2:
        raise RecordingError(
            f"{where}: it has {colours} colours; save the movie and at most one reference."
        )


def other_frames(
    claimed: int,
    held: int,
    why: str = "the others were never recorded, unless the file was copied before its end",
) -> str:
    """Say that a file ends before the last of the frames that it promises, or goes on behind it."""
    if held > claimed:
        return f"{claimed} frames are described and {held} are in the file; all are shown."
    return f"{held} of the {claimed} frames that it promises are here; {why}."


def nothing_at_the_end(frames: FrameReader) -> tuple[str, ...]:
    """Return a word on frames at the end that are all 0, as a program leaves those to come."""
    n = frames.shape[0]

    def is_empty(frame: int) -> bool:
        return not frames.read(np.array([frame])).any()

    if n < 3 or not is_empty(n - 1):
        return ()
    held = bisect_left(range(n), True, key=is_empty)
    if not held:
        return ()
    return (f"its last {n - held} of {n} frames hold nothing but 0: were they ever recorded?",)


class RawFrames(FrameReader):
    """Frames (rows, columns) that lie uncompressed in a file, at `offsets` (bytes) of it."""

    def __init__(
        self, path: Path, offsets: NDArray[np.int64], frame: tuple[int, int], stored: np.dtype[Any]
    ) -> None:
        token = (*file_token(path), offsets, frame, stored.str)
        super().__init__((len(offsets), *frame), stored.newbyteorder("="), token)
        self._path, self._offsets, self._stored = path, offsets, stored

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, those that lie side by side in one go."""
        out = np.empty((len(frames), *self.shape[1:]), self._stored)
        size = out[0].nbytes
        wanted = self._offsets[frames]
        breaks = np.flatnonzero(np.diff(wanted) != size) + 1
        into = out.reshape(-1).view(np.uint8).data
        with (
            unchanged(self.token),
            readable(self._path, "a movie"),
            self._path.open("rb", buffering=0) as file,
        ):
            for start, stop in pairwise([0, *breaks.tolist(), len(frames)]):
                file.seek(int(wanted[start]))
                read_fully(file, into[start * size : stop * size], self._path)
        return out.astype(self.dtype, copy=False)


class Picked(FrameReader):
    """Some frames of a reader, by their indices: one colour of a camera that takes two in turns."""

    def __init__(self, source: FrameReader, picked: NDArray[np.int64]) -> None:
        chunks = np.unique(picked // source.together).size
        together = max(1, round(len(picked) / max(1, chunks)))
        token, shape = (*source.token, picked), (len(picked), *source.shape[1:])
        super().__init__(shape, source.dtype, token, together)
        self._source, self._picked = source, picked

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, counted among the picked ones."""
        return self._source.read(self._picked[frames])


class OneAfterAnother(FrameReader):
    """The frames of several readers of one size and type in a row: a session in several files."""

    def __init__(self, *sources: FrameReader) -> None:
        shape = (sum(s.shape[0] for s in sources), *sources[0].shape[1:])
        together = max(s.together for s in sources)
        super().__init__(shape, sources[0].dtype, tuple(s.token for s in sources), together)
        self._sources = sources

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, from each source those it holds."""
        starts = np.cumsum([0, *(s.shape[0] for s in self._sources)])
        holders = np.searchsorted(starts, frames, side="right") - 1
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        for holder in np.unique(holders).tolist():
            rows = np.flatnonzero(holders == holder)
            out[rows] = self._sources[holder].read(frames[rows] - starts[holder])
        return out


def gathered(parts: Sequence[tuple[FrameReader, NDArray[np.int64]]]) -> FrameReader:
    """Combine readers of one kind of frame, each with the places of its frames in the movie."""
    places = np.concatenate([place for _, place in parts])
    whole = parts[0][0] if len(parts) == 1 else OneAfterAnother(*(part for part, _ in parts))
    order = np.argsort(places)
    return whole if (np.diff(order) == 1).all() else Picked(whole, order)
