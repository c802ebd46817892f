"""A look at the strings of an HDF5 file before the HDF5 library reads them.

HDF5 (seen in 2.0.0) never returns from reading a string out of a global heap whose free space has
been zeroed, as happens where a copy broke off: an object of index 0 and size 0 leads to itself.
Neither does it where an object claims to be larger than its heap, whose size then wraps around.
The layout: "HDF5 File Format Specification", III.E, Global Heap.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError

_SIGNATURE = b"GCOL\x01\0\0\0"
_OBJECT = struct.Struct("<HHIQ")
# In a larger file, only this much of its beginning and end is searched: heaps lie where attributes
# were written, before and after the pixels, and searching 100 GB would take minutes.
_SEARCHED = 2**26


def check_heaps(path: Path, error: Callable[[str], Exception] = RecordingError) -> None:
    """Refuse an HDF5 file from which the library would read a string for ever.

    Raises
    ------
    CortexDecoderError
        If a heap of strings is damaged.
    """
    size = path.stat().st_size
    if not size:
        raise error(f"{path}: the file is empty (0 bytes); copy it again.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        tail = max(_SEARCHED, size - _SEARCHED)
        for start, stop in ((0, min(size, _SEARCHED)), (tail, size)):
            at = content.find(_SIGNATURE, start, stop)
            while at >= 0:
                if _loops(content, at, size):
                    raise error(
                        f"{path}: the heap of its texts is damaged at byte {at}; copy or export "
                        "the file again."
                    )
                at = content.find(_SIGNATURE, at + 1, stop)


def _loops(content: mmap.mmap, start: int, size: int) -> bool:
    """Whether the chain of objects of a heap never ends."""
    header = len(_SIGNATURE) + 8
    if start + header > size:
        return False
    end = start + int.from_bytes(content[start + len(_SIGNATURE) : start + header], "little")
    at = start + header
    while at + _OBJECT.size <= min(end, size):
        index, _, _, length = _OBJECT.unpack_from(content, at)
        if index == 0:
            return bool(length == 0)
        if length > end - at:
            return True
        at += _OBJECT.size + (length + 7) // 8 * 8
    return False
