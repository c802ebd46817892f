"""Files of the cache: a line that says whose they are, then records in NumPy's own format.

Each record carries a checksum, so that one that was damaged, or never written, is found when it is
read. They are plain files on purpose: HDF5 ends the program when the disk fills up under it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_TAG = b"napari-cortex-decoder cache "
_LONGEST_TAG = 2**16
_CHECK = "checksum"


def recording_name(path: Path) -> str | None:
    """Return the name of the recording that a file of the cache is of.

    Empty where nothing had been written yet; None if the file is not the cache's.
    """
    with path.open("rb") as file:
        line = file.readline(_LONGEST_TAG)
    return "" if not line.strip(b"\0") else _name_in(line)


def _name_in(line: bytes) -> str | None:
    if not line.startswith(_TAG):
        return None
    try:
        return str(json.loads(line[len(_TAG) :]))
    except ValueError:
        return None


def begin_records(file: IO[bytes], recording: str, kind: np.dtype[Any], n: int) -> int:
    """Write the head of a file of `n` records; return where the first one belongs, in bytes."""
    file.write(_TAG + json.dumps(recording).encode() + b"\n")
    described = npy.dtype_to_descr(_checked(kind))
    npy.write_array_header_2_0(file, {"descr": described, "fortran_order": False, "shape": (n,)})
    file.flush()
    return file.tell()


def write_records(
    file: IO[bytes], at: int, start: int, kind: np.dtype[Any], columns: Mapping[str, NDArray[Any]]
) -> None:
    """Write records from number `start` on into a file whose first one belongs `at` a byte."""
    kept = np.empty(len(next(iter(columns.values()))), _checked(kind))
    for name, values in columns.items():
        kept[name] = values
    kept[_CHECK] = list(_checksums(kept))
    file.seek(at + start * kept.itemsize)
    file.write(kept.tobytes())


def read_records(path: Path, kind: np.dtype[Any], n: int, start: int, stop: int) -> NDArray[Any]:
    """Read some of the `n` records of a file.

    Raises OSError if it cannot be opened or read; ValueError if it is no such file, holds something
    else, or is damaged in what was asked for.
    """
    records = np.empty(stop - start, _checked(kind))
    with path.open("rb") as file:
        if _name_in(file.readline(_LONGEST_TAG)) is None:
            raise ValueError("it is no file of the cache")
        if npy.read_magic(file) != (2, 0):
            raise ValueError("it is of another version")
        shape, _, dtype = npy.read_array_header_2_0(file)
        if shape != (n,) or dtype != records.dtype:
            raise ValueError(f"it holds {shape} of {dtype}")
        file.seek(file.tell() + start * records.itemsize)
        if file.readinto(records.view(np.uint8).data) != records.nbytes:
            raise ValueError("it was cut short")
    if list(_checksums(records)) != records[_CHECK].tolist():
        raise ValueError("its checksums differ")
    return records


def _checked(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return a kind of record with a checksum at its end."""
    return np.dtype([*kind.descr, (_CHECK, "<u4")])


def _checksums(records: NDArray[Any]) -> Iterator[int]:
    content = records.view(np.uint8).reshape(len(records), -1)[:, :-4]
    return (zlib.crc32(record) for record in content)
