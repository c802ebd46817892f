"""Where the attributes of an HDF5 object lie in its file, which the HDF5 library does not tell.

The layout: "HDF5 File Format Specification", IV.A, Data Object Headers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py

_CONTINUED, _ATTRIBUTE = 0x10, 0x0C
_MOST_BYTES = 2**24  # of a header; a message has less than 64 KiB
_MOST_BLOCKS = 2**10

Read = Callable[[int, int], bytes]
"""Return bytes of a file: where they begin, and how many."""


def attribute_bytes(read: Read, item: Any, name: str) -> bytes | None:
    """Return the value of an attribute as it is stored.

    Parameters
    ----------
    read
        Reads the file.
    item
        An h5py group or dataset.
    name
        Of the attribute.

    Returns
    -------
    bytes or None
        None where the header does not hold it: it lies in a heap of many attributes, or the header
        is damaged.
    """
    made = item.file.id.get_create_plist()
    begin = item.file.userblock_size  # which addresses are counted from
    wanted = name.encode("utf-8", "surrogateescape")
    address = h5py.h5o.get_info(item.id).addr
    try:
        for kind, content in _messages(
            lambda start, length: read(begin + start, length), address, made.get_sizes()
        ):
            if kind == _ATTRIBUTE:
                found, value = _attribute(content)
                if found == wanted:
                    return value
    except IndexError:  # it ends too soon
        pass
    return None


def _messages(read: Read, address: int, sizes: tuple[int, int]) -> Iterator[tuple[int, bytes]]:
    """Return kind and content of each message of a header, continuations included."""
    start = read(address, 64)
    flags = start[5] if start[:4] == b"OHDR" else 0
    if start[:4] == b"OHDR":
        at = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        blocks = [(address + at + width, _number(start, at, width))]
        head, edge = 6 if flags & 4 else 4, 4
    else:
        blocks = [(address + 16, _number(start, 8, 4))]
        head, edge = 8, 0
    left = _MOST_BYTES
    for number, (where, length) in enumerate(blocks):
        left -= length
        if left < 0 or number == _MOST_BLOCKS:
            raise IndexError
        block, at = read(where, length), 0
        while at + head <= len(block):
            kind, size = (block[at], 1) if edge else (_number(block, at, 2), 2)
            size = _number(block, at + size, 2)
            content = block[at + head : at + head + size]
            if kind == _CONTINUED:
                further, room = _number(content, 0, sizes[0]), _number(content, *sizes)
                blocks.append((further + edge, room - 2 * edge))  # a signature, a checksum
            yield kind, content
            at += head + size


def _attribute(content: bytes) -> tuple[bytes, bytes]:
    """Return name and value of an attribute's message."""
    version = content[0]
    lengths = [_number(content, at, 2) for at in (2, 4, 6)]  # of name, type and space
    at = 9 if version == 3 else 8
    name = content[at : at + lengths[0]].split(b"\0")[0]
    for length in lengths:
        at += (length + 7) // 8 * 8 if version == 1 else length
    return name, content[at:]


def _number(content: bytes, at: int, width: int) -> int:
    if at + width > len(content):
        raise IndexError
    return int.from_bytes(content[at : at + width], "little")
