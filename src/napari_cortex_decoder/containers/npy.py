"""NumPy's ``.npy`` files: what they say of their array, of which only what is sliced is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type of an array without its data."""
    version = np.lib.format.read_magic(file)
    if version > (2, 0):
        raise ValueError(f"version {version} of the format is for names of fields")
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


@dataclass(frozen=True)
class NpyHeader:
    """What an ``.npy`` file says about its array, and how many frames if others are there."""

    path: Path
    shape: tuple[int, ...]
    fortran_order: bool
    stored: np.dtype[Any]
    offset: int
    claimed: int = 0

    @contextmanager
    def open(self) -> Iterator[NpyArray]:
        """Return the array to slice, while its file is open."""
        with self.path.open("rb", buffering=0) as file:
            yield NpyArray(self, file)


@dataclass(frozen=True)
class NpyArray:
    """An array in a file, of which only what is sliced is read.

    It is not mapped into memory: the system ends a program that looks at a page of a file that
    somebody has cut short.
    """

    header: NpyHeader
    file: IO[bytes]

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read what a number, or a slice without steps, for each axis takes."""
        shape, parts = self.header.shape, [*index]
        if self.header.fortran_order:
            shape, parts = shape[::-1], parts[::-1]
        # of the slowest axis that is cut no more is read than is wanted
        axis = next((i for i, part in enumerate(parts) if part != slice(None)), 0)
        wanted = range(shape[axis])[parts[axis]]
        start, n = (wanted, 1) if isinstance(wanted, int) else (wanted.start, len(wanted))
        read = self._slab(shape, axis, start, start + n)
        parts[axis] = 0 if isinstance(wanted, int) else slice(None)
        part: NDArray[Any] = read[tuple(parts)]
        return part.T if self.header.fortran_order else part

    def _slab(self, shape: tuple[int, ...], axis: int, start: int, stop: int) -> NDArray[Any]:
        inner = math.prod(shape[axis + 1 :]) * self.header.stored.itemsize
        out = np.empty((*shape[:axis], stop - start, *shape[axis + 1 :]), self.header.stored)
        if not out.size:
            return out
        pieces = 1 if stop - start == shape[axis] else math.prod(shape[:axis])
        into, size = out.reshape(-1).view(np.uint8).data, out.nbytes // pieces
        for piece in range(pieces):
            self.file.seek(self.header.offset + (piece * shape[axis] + start) * inner)
            read_fully(self.file, into[piece * size : (piece + 1) * size], self.header.path)
        return out


def read_header(path: Path, *, stopped_early: bool = False) -> NpyHeader:
    """Read the header of an ``.npy`` file and check that its array is whole, and of numbers.

    Of a recording, which may have `stopped_early` or gone on, whole parts along the slowest axis
    will do.
    """
    if not path.stat().st_size:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    with readable(path, "a NumPy array"), path.open("rb") as file:
        shape, fortran_order, stored = array_header(file)
        offset = file.tell()
    if stored.hasobject or stored.subdtype or stored.names:
        raise RecordingError(
            f"{path}: it holds {stored}, not numbers; save the movie as a plain array."
        )
    need = math.prod(shape) * stored.itemsize
    held = path.stat().st_size - offset
    claimed = 0
    if stopped_early and held != need and len(shape) > 2 and min(shape) > 0:
        slowest = len(shape) - 1 if fortran_order else 0
        parts, rest = divmod(held, need // shape[slowest])
        if parts and not rest:
            claimed, need = shape[slowest], held
            shape = (*shape[:slowest], parts, *shape[slowest + 1 :])
    if min(shape, default=0) < 0 or held < need:
        raise RecordingError(
            f"{path}: the file is truncated: its header claims {need} bytes of "
            f"{' x '.join(map(str, shape))} and it holds {held}; copy it again."
        )
    return NpyHeader(path, shape, fortran_order, stored, offset, claimed)


def read_fully(file: Any, into: memoryview, path: Path) -> None:
    """Fill `into` from an unbuffered file, or say that the file has become shorter."""
    done = 0
    while done < len(into):
        got = file.readinto(into[done:])
        if not got:
            raise RecordingError(
                f"{path}: the file ends inside a frame: it became shorter; copy it again."
            )
        done += got
