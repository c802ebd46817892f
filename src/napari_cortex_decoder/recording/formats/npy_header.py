"""The header of NumPy's ``.npy`` files, and the array behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable


@dataclass(frozen=True)
class NpyHeader:
    """What an ``.npy`` file says about its array."""

    path: Path
    shape: tuple[int, ...]
    fortran_order: bool
    stored: np.dtype[Any]
    offset: int

    @contextmanager
    def open(self) -> Iterator[np.memmap[Any, Any]]:
        """Map the array; it is unmapped when nobody holds a view of it any more."""
        yield np.memmap(
            self.path,
            self.stored,
            "r",
            offset=self.offset,
            shape=self.shape,
            order="F" if self.fortran_order else "C",
        )


def read_header(path: Path) -> NpyHeader:
    """Read the header of an ``.npy`` file and check that its array is whole.

    Raises
    ------
    RecordingError
        If it is no such file, holds Python objects, or is truncated.
    """
    if not path.stat().st_size:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    with readable(path, "a NumPy array"), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise RecordingError(
                f"{path}: it is of version {version} of NumPy's format; save it again with "
                "numpy.save."
            )
        shape, fortran_order, stored = read(file)
        offset = file.tell()
    if stored.hasobject or stored.subdtype or stored.names:
        raise RecordingError(
            f"{path}: it holds {stored}, not numbers; save the movie as a plain array."
        )
    need = math.prod(shape) * stored.itemsize
    held = path.stat().st_size - offset
    if min(shape, default=0) < 0 or held < need:
        raise RecordingError(
            f"{path}: the file is truncated: its header claims {need} bytes of "
            f"{' x '.join(map(str, shape))} and it holds {held}; copy it again."
        )
    return NpyHeader(path, shape, fortran_order, stored, offset)
