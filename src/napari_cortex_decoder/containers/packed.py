"""Compressed chunks, and what they would unpack to: looked at before a library unpacks them.

A kilobyte can claim to be, or really be, gigabytes. HDF5 and Zarr unpack a chunk whole, whatever
comes out of it, although the file says how large its chunks are.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError

_HARMLESS = 2**28
"""Bytes that may be unpacked without asking."""

DEFLATE_RATIO = 1032
"""No deflated byte can become more: https://zlib.net/zlib_tech.html."""

_PIECE = 2**20
_SLACK = 2**16


def check_packed(
    path: Path,
    packed: bytes,
    codec: str,
    chunk_bytes: int,
    error: Callable[[str], Exception] = RecordingError,
) -> None:
    """Refuse a chunk as it is stored that would unpack to far more than `chunk_bytes`.

    `codec` is the name of its compression, as numcodecs has it: gzip, zlib, zstd, blosc, lz4, bz2,
    lzma. Others are not looked into; what is no such stream is left to the library to refuse.
    """
    limit = 2 * chunk_bytes + _SLACK
    measure = _MEASURES.get(codec)
    if len(packed) > limit or (measure is not None and measure(packed, limit) > limit):
        raise error(
            f"{path}: a compressed chunk of {len(packed)} bytes would become more than the "
            f"{chunk_bytes} bytes that its chunks have; the file is damaged or made to fill the "
            "memory, so get it again from where it was recorded."
        )


def _deflated(packed: bytes, limit: int) -> int:
    if len(packed) * DEFLATE_RATIO <= max(limit, _HARMLESS):
        return 0
    stream, size, left = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32), 0, packed
    try:
        while left and size <= limit and not stream.eof:
            size += len(stream.decompress(left, _PIECE))
            left = stream.unconsumed_tail
    except zlib.error:
        return 0
    return size


def _streamed(
    stream: bz2.BZ2Decompressor | lzma.LZMADecompressor, packed: bytes, limit: int
) -> int:
    size, piece = 0, packed
    try:
        while size <= limit and not stream.eof and (piece or not stream.needs_input):
            size += len(stream.decompress(piece, _PIECE))
            piece = b""
    except (OSError, EOFError, lzma.LZMAError):
        return 0
    return size


def _zstd(packed: bytes, limit: int) -> int:
    """Size that a frame claims; where it claims none, whether it fits: RFC 8878, 3.1.1."""
    if packed[:4] != b"\x28\xb5\x2f\xfd" or len(packed) < 6:
        return 0
    flags = packed[4]
    one_segment = bool(flags & 0x20)
    length = (int(one_segment), 2, 4, 8)[flags >> 6]
    start = 5 + (not one_segment) + (0, 1, 2, 4)[flags & 3]
    if length:
        return int.from_bytes(packed[start : start + length], "little") + (length == 2) * 256
    import imagecodecs

    try:
        return len(imagecodecs.zstd_decode(packed, out=limit))
    except imagecodecs.ZstdError:
        return limit + 1


def _claimed(layout: str, at: int) -> Callable[[bytes, int], int]:
    """Make a measure that reads a size of some layout `at` some byte of the header."""

    def measure(packed: bytes, limit: int) -> int:
        if len(packed) < at + struct.calcsize(layout):
            return 0
        return int(struct.unpack_from(layout, packed, at)[0])

    return measure


_MEASURES: dict[str, Callable[[bytes, int], int]] = {
    "gzip": _deflated,
    "zlib": _deflated,
    "zstd": _zstd,
    "blosc": _claimed("<I", 4),
    "lz4": _claimed("<I", 0),
    "bz2": lambda packed, limit: _streamed(bz2.BZ2Decompressor(), packed, limit),
    "lzma": lambda packed, limit: _streamed(lzma.LZMADecompressor(), packed, limit),
}
