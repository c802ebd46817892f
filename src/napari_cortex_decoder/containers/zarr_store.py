"""The store from which Zarr arrays are read: it looks at each compressed chunk first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from zarr.storage import LocalStore

from napari_cortex_decoder.containers.packed import check_packed
from napari_cortex_decoder.errors import RecordingError

_DESCRIPTIONS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_NOWHERE = 2**64 - 1
# what turns bytes into numbers and no more: others may make objects, as `pickle` does
_CODECS = frozenset([
    "bytes", "endian", "transpose", "sharding_indexed", "crc32", "crc32c", "adler32",
    "fletcher32", "jenkins_lookup3", "blosc", "gzip", "zlib", "zstd", "lz4", "bz2", "lzma",
    "delta", "shuffle", "packbits", "fixedscaleoffset", "bitround", "quantize", "astype",
    "zfpy", "pcodec",
])  # fmt: skip


class CheckedStore(LocalStore):  # type: ignore[misc]
    """A folder of chunks that is only read, and of whose chunks none becomes too large.

    Parameters
    ----------
    path
        The folder.
    folders
        Time of last change (ns) of folders in it when it was opened.
    opened
        When that was (ns since 1970).
    """

    def __init__(self, path: Path, folders: Mapping[Path, int], opened: int) -> None:
        super().__init__(path, read_only=True)
        self._folders, self._opened = folders, opened
        self._codec, self._chunk_bytes, self._chunks_a_shard = "", 0, 0

    def expect(self, array: Any) -> None:
        """Say of which array the chunks are that are read; raise unless they are packed numbers."""
        strange = sorted(codec_names(array) - _CODECS)
        if strange or array.dtype.hasobject:
            raise RecordingError(
                f"{self.root}: the chunks of {array.name or 'the array'} are made by "
                f"{', '.join(strange) or 'Python'}, which may hold objects that can run programs; "
                "save them as numbers, packed with zstd or blosc."
            )
        self._chunk_bytes = math.prod(array.chunks) * array.dtype.itemsize
        self._codec = compression(array)
        if array.shards is not None:
            self._chunks_a_shard = math.prod(array.shards) // math.prod(array.chunks)

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the content of a file, or a part of it."""
        found = await super().get(key, prototype, byte_range)
        if not self._chunk_bytes or key.endswith(_DESCRIPTIONS):
            return found
        if found is None:
            self._check_empty(key)
            return found
        content = found.to_bytes()
        for chunk in [content] if byte_range or not self._chunks_a_shard else self._shard(content):
            check_packed(self.root, chunk, self._codec, self._chunk_bytes)
        return found

    def _check_empty(self, key: str) -> None:
        """Raise if a chunk is gone; one that was never written, as empty ones are not, is none.

        Whoever removes a file changes the folder in which it was.
        """
        place = (self.root / key).parent
        while place != self.root and not place.is_dir():
            place = place.parent
        changed = place.stat().st_mtime_ns
        known = self._folders.get(place)
        if changed >= self._opened if known is None else changed != known:
            raise RecordingError(
                f"{self.root / key}: this part of the movie is missing, and {place.name} changed "
                "since it was opened; open the movie again once its disk and all files are there."
            )

    def _shard(self, content: bytes) -> list[bytes]:
        """Divide a shard into its chunks by the table at its end: offset and length of each."""
        table = content[-(16 * self._chunks_a_shard + 4) : -4]
        if len(table) < 16 * self._chunks_a_shard:
            return []
        places = np.frombuffer(table, "<u8").reshape(-1, 2).tolist()
        return [content[at : at + size] for at, size in places if at != _NOWHERE]


def codec_names(array: Any) -> set[str]:
    """Return the names of all codecs of an array, those within shards too."""
    metadata = array.metadata
    if metadata.zarr_format == 2:
        codecs = [*(metadata.filters or ()), metadata.compressor]
        described = [codec.get_config() for codec in codecs if codec is not None]
    else:
        described = [codec.to_dict() for codec in metadata.codecs]
    names = set()
    while described:
        codec = described.pop()
        names.add(str(codec.get("id", codec.get("name"))).lower().removeprefix("numcodecs."))
        within = codec.get("configuration", {})
        described += [*within.get("codecs", ()), *within.get("index_codecs", ())]
    return names


def compression(array: Any) -> str:
    """Return the name of an array's compression, as numcodecs has it; empty if it has none."""
    names = []
    for codec in (*(array.filters or ()), *(array.compressors or ())):
        name = getattr(codec, "codec_id", None) or type(codec).__name__.removesuffix("Codec")
        names.append(str(name).lower().removeprefix("numcodecs."))
    return names[-1] if names else ""
