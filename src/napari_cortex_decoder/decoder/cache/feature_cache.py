"""The cache folder: files that save computing again, bounded, and never in the way.

One HDF5 file an entry, with checksums, in the platform's cache folder (or in the one that the
variable ``CORTEX_DECODER_CACHE`` names). Any of them may be deleted at any time. Trouble with them,
a full disk or a damaged file, is logged and costs the time to compute again, nothing else.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import platformdirs

from napari_cortex_decoder.errors import CacheError

if TYPE_CHECKING:
    import h5py

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")

LIMIT_BYTES = 4 * 2**30
"""All entries together: features of seven hours at 30 Hz. What was not used for longest goes."""

_SPARED_BYTES = 2**30
"""Nothing is kept that would leave less free space on the disk."""

TROUBLE = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What h5py raises for files that are damaged, foreign, locked, or do not fit on the disk."""


@dataclass(frozen=True)
class Entry:
    """One file of the cache.

    Attributes
    ----------
    path
        Where it is.
    kind
        ``"features"`` or ``"statistics"``.
    recording
        Name of the recording; empty if the file is damaged.
    n_bytes
        Its size.
    used
        When it was last written or read, seconds since 1970.
    """

    path: Path
    kind: str
    recording: str
    n_bytes: int
    used: float


def cache_folder() -> Path:
    """Give the folder of the cache, which need not exist."""
    named = os.environ.get("CORTEX_DECODER_CACHE")
    return Path(named or platformdirs.user_cache_path("napari-cortex-decoder") / "recordings")


def list_cache() -> list[Entry]:
    """Give all entries, the last used first."""
    entries = []
    for path, n_bytes, used in _files():
        name = _attempt(path, lambda file: str(file.attrs["recording"])) or ""
        entries.append(Entry(path, path.name.partition("-")[0], name, n_bytes, used))
    return entries


def clear_cache() -> int:
    """Delete all entries; give the bytes that this freed.

    Raises
    ------
    CacheError
        If one cannot be deleted.
    """
    freed = 0
    for path, n_bytes, _ in _files("*"):
        try:
            path.unlink(missing_ok=True)
        except OSError as reason:
            raise CacheError(f"{path} cannot be deleted ({reason.strerror}).") from reason
        freed += n_bytes
    return freed


def read_entry(path: Path, read: Callable[[h5py.File], _Result]) -> _Result | None:
    """Read an entry; None if there is none, or if it is damaged, which deletes it.

    Parameters
    ----------
    path
        Where it would be.
    read
        Called with the open file.
    """
    if not path.exists():
        return None
    result = _attempt(path, read)
    try:
        if result is None:
            path.unlink(missing_ok=True)
        else:
            os.utime(path)
    except OSError as reason:
        _LOG.info("%s can be read only (%s).", path, reason)
    return result


def _attempt(path: Path, read: Callable[[h5py.File], _Result]) -> _Result | None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return read(file)
    except TROUBLE as reason:
        _LOG.warning("%s in the cache is damaged (%s): computing again.", path, reason)
        return None


class EntryWriter:
    """Writes one entry bit by bit; it is there once `finish` was called, and whole.

    After any trouble it does nothing any more.

    Parameters
    ----------
    path
        Where it will be.
    recording
        Name to list it by.
    n_bytes
        About how large it will be.
    """

    def __init__(self, path: Path, recording: str, n_bytes: int) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        self._file: h5py.File | None = None
        self.do(lambda: self._open(recording, n_bytes))

    def do(self, write: Callable[[], None]) -> None:
        """Take a step of the writing."""
        try:
            write()
        except TROUBLE as reason:
            _LOG.warning("nothing is kept in the cache, %s: %s", self._path.parent, reason)
            self.abandon()

    def write(self, write: Callable[[h5py.File], None]) -> None:
        """Call a function with the open file, unless there was trouble."""
        file = self._file
        if file is not None:
            self.do(lambda: write(file))

    def finish(self) -> None:
        """Put the entry in its place, and let old ones go."""
        if self._file is not None:
            self.do(self._put)

    def abandon(self) -> None:
        """Leave nothing behind; of no effect after `finish`."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
            self._part.unlink(missing_ok=True)
        except TROUBLE as reason:
            _LOG.warning("%s is left over: %s", self._part, reason)

    def _open(self, recording: str, n_bytes: int) -> None:
        import h5py

        self._path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._path.parent).free
        if n_bytes > min(LIMIT_BYTES, free - _SPARED_BYTES):
            raise OSError(f"{n_bytes / 1e9:.1f} GB do not fit, {free / 1e9:.1f} GB are free")
        self._file = h5py.File(self._part, "x", rdcc_nbytes=8 * 2**20)
        self._file.attrs["recording"] = recording

    def _put(self) -> None:
        assert self._file is not None  # else there was trouble before
        file, self._file = self._file, None
        file.close()
        self._part.replace(self._path)
        kept = 0
        for path, n_bytes, _ in _files():
            kept += n_bytes
            if kept > LIMIT_BYTES:
                path.unlink(missing_ok=True)


def _files(pattern: str = "*.h5") -> list[tuple[Path, int, float]]:
    """Give path, size and time of last use of the files in the cache, the last used first."""
    files = []
    for path in cache_folder().glob(pattern):
        try:
            status = path.stat()
        except FileNotFoundError:  # another process has just let it go
            continue
        files.append((path, status.st_size, status.st_mtime))
    return sorted(files, key=lambda entry: -entry[2])
