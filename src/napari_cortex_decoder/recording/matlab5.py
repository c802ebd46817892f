"""What a MATLAB 5 file holds, told without trusting it.

`scipy.io.loadmat` crashes the interpreter on an array whose stored data type does not exist
(SciPy 1.17), so a file from anywhere is looked through here before SciPy reads a variable of it.
The format: "MAT-File Format", The MathWorks, level 5.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
CELL_CLASS = 1
FLAG_COMPLEX = 0x08
NUMERIC_CLASSES = range(6, 16)  # double … uint64
STORED_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
# tag and flags, up to 32 dimensions, a name of 63 letters, the tag of the data
HEAD_BYTES = 512


@dataclass(frozen=True)
class StoredArray:
    """One real numeric array of a MATLAB 5 file.

    Attributes
    ----------
    shape
        In MATLAB's order.
    n_bytes
        Size of its data in the file, uncompressed.
    stored
        Type of its elements in the file, which SciPy keeps: a whole double may be a uint8.
    place
        Bytes from the start of the file to the variable, its tag included, and how many it has.
    """

    shape: tuple[int, ...]
    n_bytes: int
    stored: np.dtype[np.generic]
    place: tuple[int, int] = (0, 0)


def read_array(path: Path, name: str, array: StoredArray) -> NDArray[np.generic]:
    """Read a variable that was listed by `real_arrays`, whatever else its file holds.

    SciPy is given the header and this variable alone, for it trips over strings, tables and other
    objects that lie between the beginning of the file and a variable.
    """
    import scipy.io

    start, n_bytes = array.place
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        file.seek(start)
        content = io.BytesIO(header[:116] + b" " * 8 + header[124:] + file.read(n_bytes))
    found: NDArray[np.generic] = scipy.io.loadmat(content, variable_names=[name])[name]
    return found


def real_arrays(path: Path) -> dict[str, StoredArray]:
    """List the real numeric arrays of a MATLAB 5 file that SciPy can read safely.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict of str to StoredArray
        By variable name. Text, cells, structures, sparse and complex arrays are left out.

    Raises
    ------
    RecordingError
        If the file is damaged.
    """
    arrays: dict[str, StoredArray] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None:
            raise RecordingError(f"{path}: this is no MATLAB file of version 5 or 7.3.")
        while file.tell() < size:
            tag = file.read(8)
            if len(tag) < 8:
                raise RecordingError(f"{path}: this MATLAB file is cut off; copy it again.")
            kind, n_bytes = struct.unpack(order + "II", tag)
            start = file.tell()
            if start + n_bytes > size:
                raise RecordingError(f"{path}: this MATLAB file is cut off; copy it again.")
            try:
                head = _head(file, kind, n_bytes, tag)
                found = _array_of(head, order) if head else None
            except (zlib.error, struct.error, UnicodeDecodeError, ValueError) as error:
                raise RecordingError(
                    f"{path}: this MATLAB file is damaged at byte {start} ({error}); save it again."
                ) from error
            # MATLAB keeps what its objects hold in a variable without a name
            if found is not None and found[0]:
                name, array = found[0], replace(found[1], place=(start - 8, n_bytes + 8))
                if name in arrays:
                    raise RecordingError(f"{path}: two variables are called {name!r}; rename one.")
                arrays[name] = array
            file.seek(start + n_bytes)
    return arrays


def _head(file: BinaryIO, kind: int, n_bytes: int, tag: bytes) -> bytes:
    """First bytes of an array, its own tag included; nothing of another element."""
    if kind == MATRIX:
        return tag + file.read(min(HEAD_BYTES, n_bytes))
    if kind == COMPRESSED:
        # more than the head, because deflated bytes may be more than inflated ones
        return zlib.decompressobj().decompress(file.read(min(4 * HEAD_BYTES, n_bytes)), HEAD_BYTES)
    return b""


def _array_of(head: bytes, order: str) -> tuple[str, StoredArray] | None:
    """Name and shape of an array, or None if it is not a real numeric one."""
    kind, _ = struct.unpack_from(order + "II", head)
    if kind != MATRIX:
        return None
    flags_type, flags_size, at, next_at = _element(head, 8, order)
    if flags_type != 6 or flags_size != 8:
        raise ValueError("its flags are not there")
    (flags,) = struct.unpack_from(order + "I", head, at)
    if flags & 0xFF not in NUMERIC_CLASSES or (flags >> 8) & FLAG_COMPLEX:
        return None
    dims_type, dims_size, at, next_at = _element(head, next_at, order)
    if dims_type != 5 or dims_size % 4 or not 8 <= dims_size <= 128:
        raise ValueError("its dimensions are not there")
    shape = struct.unpack_from(f"{order}{dims_size // 4}i", head, at)
    name_type, name_size, at, next_at = _element(head, next_at, order)
    if name_type != 1 or min(shape) < 0:
        raise ValueError("its name or its dimensions are impossible")
    name = head[at : at + name_size].decode("latin-1")
    if not math.prod(shape):
        return None
    data_type, data_size, *_ = _element(head, next_at, order)
    if data_type not in STORED_TYPES:
        raise ValueError(f"{name!r} has the data type {data_type}, which does not exist")
    if data_size != math.prod(shape) * np.dtype(STORED_TYPES[data_type]).itemsize:
        raise ValueError(f"{name!r} has {data_size} bytes of data for the shape {shape}")
    return name, StoredArray(tuple(shape), data_size, np.dtype(STORED_TYPES[data_type]))


def _element(head: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, size and place of an element's data, and the place of the next element."""
    (first,) = struct.unpack_from(order + "I", head, at)
    if first >> 16:  # the short form: four bytes of data beside type and size
        return first & 0xFFFF, first >> 16, at + 4, at + 8
    (size,) = struct.unpack_from(order + "I", head, at + 4)
    return first, size, at + 8, at + 8 + (size + 7) // 8 * 8


def numeric_cells(path: Path, *, limit: int) -> dict[str, tuple[NDArray[np.generic], ...]]:
    """Read the cell arrays of real numbers of a MATLAB 5 file, without SciPy.

    Parameters
    ----------
    path
        The file.
    limit
        Bytes; a variable that is larger than that when inflated is refused.

    Returns
    -------
    dict of str to tuple of numpy.ndarray
        By variable name: the matrices of its cells, in MATLAB's order, typed as they are stored.
        Other variables, and cells that hold anything but real numbers, are left out.

    Raises
    ------
    RecordingError
        If the file is damaged or a variable too large.
    """
    found: dict[str, tuple[NDArray[np.generic], ...]] = {}
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(HEADER_BYTES)[126:128])
        if order is None:
            raise RecordingError(
                f"{path}: this is no MATLAB file of version 5; save it with -v7 in MATLAB."
            )
        while tag := file.read(8):
            try:
                kind, n_bytes = struct.unpack(order + "II", tag)
                element = _inflated(file, kind, n_bytes, tag, limit)
                cells = _cells_of(element, order) if element else None
            except (zlib.error, struct.error, UnicodeDecodeError, ValueError) as error:
                raise RecordingError(
                    f"{path}: this MATLAB file is damaged or cut off ({error}); copy it again."
                ) from error
            if cells is not None:
                found[cells[0]] = cells[1]
    return found


def _inflated(file: BinaryIO, kind: int, n_bytes: int, tag: bytes, limit: int) -> bytes:
    """Read one whole element, its tag included; nothing if it is no matrix."""
    if n_bytes > limit:
        raise ValueError(f"a variable of {n_bytes} bytes is larger than {limit}")
    content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise ValueError("the last variable is not complete")
    if kind == COMPRESSED:
        inflating = zlib.decompressobj()
        whole = inflating.decompress(content, limit)
        if inflating.unconsumed_tail:
            raise ValueError(f"a variable is larger than {limit} bytes")
        return whole
    return tag + content if kind == MATRIX else b""


def _cells_of(element: bytes, order: str) -> tuple[str, tuple[NDArray[np.generic], ...]] | None:
    """Name and matrices of a cell array of real numbers, or None if it is something else."""
    kind, _ = struct.unpack_from(order + "II", element)
    if kind != MATRIX:
        return None
    _, _, at, next_at = _element(element, 8, order)
    (flags,) = struct.unpack_from(order + "I", element, at)
    if flags & 0xFF != CELL_CLASS:
        return None
    _, dims_size, at, next_at = _element(element, next_at, order)
    count = math.prod(struct.unpack_from(f"{order}{dims_size // 4}i", element, at))
    _, name_size, at, next_at = _element(element, next_at, order)
    name = element[at : at + name_size].decode("latin-1")
    matrices = []
    for _ in range(count):
        _, _, at, after = _element(element, next_at, order)
        described = _array_of(element[next_at:at] + element[at : at + HEAD_BYTES], order)
        if described is None:
            return None
        stored = described[1]
        # data come last in a matrix, padded to eight bytes unless they share their tag
        start = _data_start(element, at, order)
        data = element[start : start + stored.n_bytes]
        values = np.frombuffer(data, stored.stored.newbyteorder("<" if order == "<" else ">"))
        matrices.append(values.reshape(stored.shape, order="F"))
        next_at = after
    return name, tuple(matrices)


def _data_start(element: bytes, at: int, order: str) -> int:
    """Find the data of a matrix whose flags begin at `at`: after flags, dimensions and name."""
    for _ in range(3):
        *_, at = _element(element, at, order)
    _, _, start, _ = _element(element, at, order)
    return start
