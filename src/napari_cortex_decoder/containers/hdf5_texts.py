"""The texts and lists of an HDF5 file, looked at before the HDF5 library reads them.

They lie in heaps. HDF5 (seen in 2.0.0) never returns from a heap whose free space has been zeroed,
as happens where a copy broke off: an object of index 0 and size 0 leads to itself. Neither does it
where an object claims to be larger than its heap, whose size then wraps around. And a million rows
of 16 bytes each may all point at one text of megabytes.
The layout: "HDF5 File Format Specification", III.E, Global Heap.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_cortex_decoder.containers.hdf5_headers import attribute_bytes

_SIGNATURE = b"GCOL\x01\0\0\0"
_HEADER = len(_SIGNATURE) + 8
_OBJECT = struct.Struct("<HHIQ")
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
_MOST_OBJECTS = 2**16  # their index has so many bits
_LARGEST_HEAP = 2**26
_MOST_BYTES = 2**27
_MOST_TEXTS = 2**20
_MOST_PIECES = 200


class Content(io.FileIO):
    """The bytes of an HDF5 file, for `h5py.File`, which asks for each heap from its begin on.

    Parameters
    ----------
    path
        The file.
    error
        Makes the exception of a sentence.
    """

    def __init__(self, path: Path, error: Callable[[str], Exception]) -> None:
        super().__init__(path)
        self._path, self._error = path, error
        self._size = path.stat().st_size
        self._largest = 0
        self._at_once = 1
        self._left = _MOST_BYTES

    def readinto(self, into: Any) -> int:
        """Read as many bytes as `into` has."""
        start, view, got = self.tell(), memoryview(into), 0
        while got < len(view):
            more = super().readinto(view[got:])
            if not more:
                raise OSError(f"it ends at byte {start + got}")
            got += more
        if view[: len(_SIGNATURE)] == _SIGNATURE:
            self._look(start, int.from_bytes(view[len(_SIGNATURE) : _HEADER], "little"))
        return got

    def texts(self, dtype: np.dtype[Any]) -> int:
        """Return how many texts or lists an element of a type has."""
        if dtype.subdtype is not None:
            return math.prod(dtype.shape) * self.texts(dtype.base)
        if dtype.names is not None:
            return sum(self.texts(dtype[name]) for name in dtype.names)
        if not dtype.hasobject or h5py.check_ref_dtype(dtype) is not None:
            return 0
        inner = h5py.check_vlen_dtype(dtype)
        if inner is not None and inner not in (bytes, str) and self.texts(np.dtype(inner)):
            raise self._error(f"{self._path} has lists in lists, which nothing needs; mend it.")
        return 1

    def check_attribute(self, item: Any, name: str, dtype: np.dtype[Any]) -> bool:
        """Whether an attribute's texts were looked at; refuse those that claim too much."""
        value = attribute_bytes(self._at, item, name) if dtype.kind == "O" else None
        if value is not None:
            self._check_lengths([value], dtype)
        return value is not None

    def check_dataset(self, dataset: h5py.Dataset) -> bool:
        """Whether a dataset's texts were looked at; refuse those that claim too much."""
        about, dtype = dataset.id, dataset.dtype
        if dtype.kind != "O":
            return False
        if dataset.chunks is None and about.get_offset() is not None:
            self._check_lengths([self._at(about.get_offset(), about.get_storage_size())], dtype)
        elif dataset.chunks is not None and not about.get_create_plist().get_nfilters():
            corners: list[tuple[int, ...]] = []
            about.chunk_iter(lambda chunk: corners.append(chunk.chunk_offset))
            self._check_lengths((about.read_direct_chunk(at)[1] for at in corners), dtype)
        else:
            return not about.get_storage_size()
        return True

    def _check_lengths(self, parts: Iterable[bytes], dtype: np.dtype[Any]) -> None:
        """Refuse texts and lists longer than their file: HDF5 makes room before it looks."""
        inner = h5py.check_vlen_dtype(dtype)
        itemsize = 1 if inner in (None, bytes, str) else np.dtype(inner).itemsize
        most = min(self._size, _MOST_BYTES) // itemsize
        for part in parts:
            whole = len(part) // _REFERENCE.itemsize
            if np.frombuffer(part, _REFERENCE, whole)["length"].max(initial=0) > most:
                raise self._too_much()

    def _at(self, start: int, length: int) -> bytes:
        self.seek(start)
        return self.read(min(length, self._size))

    def taken(self, read: Callable[[], Any], texts: int) -> Any:
        """Return what `read` does: at most so many texts, which the file may not multiply."""
        try:
            return self._within(read, texts) if texts else read()
        except _Larger as larger:
            raise self._too_much() from larger

    def rows(self, read: Callable[[slice], Any], shape: tuple[int, ...], texts: int) -> Any:
        """Return all rows of an array with so many texts an element, some at a time."""
        texts *= math.prod(shape[1:])
        if texts * shape[0] > _MOST_TEXTS:
            raise self._error(f"{self._path} claims a table of {shape[0]} texts; mend it.")
        parts: list[Any] = []
        at = 0
        while at < shape[0] or not parts:
            step = min(shape[0], self._left // max(1, texts * self._largest))
            if step * _MOST_PIECES < shape[0]:
                raise self._too_much()
            try:
                parts.append(self._within(partial(read, slice(at, at + step)), texts * step))
            except _Larger:
                continue
            at += step
        return np.concatenate(parts)

    def _within(self, read: Callable[[], Any], texts: int) -> Any:
        if texts * self._largest > self._left:
            raise _Larger
        self._at_once = texts
        try:
            value = read()
        finally:
            self._at_once = 1
        self._left -= _held(value)
        return value

    def _look(self, start: int, claimed: int) -> None:
        """Refuse a heap that has no end, or would hold too much; remember its largest object."""
        if claimed > _LARGEST_HEAP:
            raise self._too_much()
        heap = self._at(start, claimed)
        at = _HEADER
        for _ in range(_MOST_OBJECTS):
            if at + _OBJECT.size > len(heap):
                break
            index, _, _, length = _OBJECT.unpack_from(heap, at)
            if index == 0 and length > 0:  # what is left of it is free
                break
            if index == 0 or length > len(heap) - at:
                raise self._damaged(start)
            self._largest = max(self._largest, length)
            at += _OBJECT.size + (length + 7) // 8 * 8
        else:
            raise self._damaged(start)
        if self._largest * self._at_once > self._left:
            raise _Larger

    def _damaged(self, start: int) -> Exception:
        return self._error(
            f"{self._path}: the heap of its texts is damaged at byte {start}; copy or export the "
            "file again."
        )

    def _too_much(self) -> Exception:
        return self._error(
            f"{self._path}: its texts become more than {_MOST_BYTES / 1e6:.0f} MB, more than any "
            "description needs; export the file again."
        )


class _Larger(Exception):
    """A text is larger than those known were when it was decided how many to read."""


def _held(value: Any) -> int:
    """Bytes or signs of the texts and lists in a value."""
    if isinstance(value, str | bytes):
        return len(value)
    if not isinstance(value, np.ndarray | np.void):
        return 0
    if value.dtype.names is not None:
        return sum(_held(value[name]) for name in value.dtype.names)
    return sum(map(_held, value.flat)) if value.dtype.hasobject else value.nbytes
