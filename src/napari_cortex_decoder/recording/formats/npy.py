"""NumPy's ``.npy``: one array, read where it lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.containers.npy import array_header
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.arrays import (
    Array,
    could_be_traces,
    movie_of,
    traces_of,
)
from napari_cortex_decoder.recording.formats.axes import told_axes
from napari_cortex_decoder.recording.formats.description import description_of
from napari_cortex_decoder.recording.formats.frames import fewer_frames, file_token, read_fully
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile, MovieFormat


@dataclass(frozen=True)
class NpyHeader:
    """What an ``.npy`` file says about its array, and where that was cut off: `claimed` frames."""

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

    Where a recording may have `stopped_early`, whole parts along the slowest axis will do.
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
    if stopped_early and held < need and len(shape) > 2 and min(shape) > 0:
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


def open_npy(path: Path, given: Given) -> MovieFile:
    """Open an array; see `napari_cortex_decoder.recording.open_recording`."""
    header = read_header(path, stopped_early=True)
    shape = header.shape
    # in column-major order a frame is in one piece where time is last, as MATLAB's people have it
    array = Array(
        source=header,
        shape=shape,
        dtype=header.stored,
        stamp=file_token(path),
        what="a NumPy array",
        column_major=header.fortran_order and len(shape) > 2,
    )
    if could_be_traces(shape, header.stored):
        return traces_of(array, (), given)
    told: list[str] = []
    beside = description_of(path, told)
    places = (beside.said,) if beside is not None else ()
    axes = given.axes or told_axes(shape, *places)
    if header.claimed:
        told.append(fewer_frames(header.claimed, shape[-1 if header.fortran_order else 0]))
    if array.column_major and axes is None:
        told.append(
            "the array is in column-major order, so its axes were taken to be 'yxt' or 'yxct'; if "
            'they are not, open it with axes="tyx".'
        )
    return movie_of(replace(array, places=places, said=tuple(told)), axes)


FORMAT = MovieFormat(
    name="NumPy",
    patterns=("*.npy",),
    open=open_npy,
    options=frozenset({"axes", "areas", "atlas"}),
)
