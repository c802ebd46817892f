"""The cache folder: files that save computing again, bounded, and never in the way.

It is a folder of our own, with a mark in it, within the platform's cache folder or the one that the
variable ``CORTEX_DECODER_CACHE`` names, which may be in use for other things: only files that are
ours by their name, by the mark and by what they say inside are ever counted or removed. Any of
them may be deleted at any time. Trouble with them, a full disk or a damaged file, is logged and
costs the time to compute again, nothing else.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.cache.records import (
    begin_records,
    read_records,
    recording_name,
    write_records,
)
from napari_cortex_decoder.errors import CacheError
from napari_cortex_decoder.files import remove_file, replace_file

_LOG = logging.getLogger(__name__)

LIMIT_BYTES = 4 * 2**30
"""All entries together: features of seven hours at 30 Hz. What was not used for longest goes."""

SPARED_BYTES = 2**30
"""Nothing is kept that would leave less free space on the disk."""

_FOLDER = "napari-cortex-decoder-cache"
# the mark that tells backups to leave a folder out: https://bford.info/cachedir/
_MARK = "CACHEDIR.TAG"
_MARK_TEXT = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# Made by napari-cortex-decoder; everything in this folder may be deleted at any time.\n"
)
_NAMES = re.compile(r"(features|statistics)-[0-9a-f]{32}\.records(\.[0-9a-f]{8}\.part)?")
_EARLIER_NAMES = re.compile(r"(features|statistics)-[0-9a-f]{32}\.h5")
_DAY = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """One file of the cache."""

    path: Path  # where it is
    # ``"features"``, ``"statistics"``, or ``"unfinished"`` while it is written, or after whoever
    # wrote it was killed
    kind: str
    recording: str  # name of the recording; empty if nothing had been written
    n_bytes: int  # its size
    used: float  # when it was last written or read, seconds since 1970


def cache_folder() -> Path:
    """Return the folder of the cache, which need not exist."""
    named = os.environ.get("CORTEX_DECODER_CACHE")
    return Path(named or platformdirs.user_cache_path("napari-cortex-decoder") / "recordings") / (
        _FOLDER
    )


def entry_path(kind: str, digest: str) -> Path:
    """Return where an entry is, or would be, by its kind and 32 hexadecimal digits."""
    return cache_folder() / f"{kind}-{digest}.records"


def list_cache() -> list[Entry]:
    """Return all entries, the last used first. Raises CacheError if the folder cannot be read."""
    folder = cache_folder()
    try:
        found = _entries(folder) if _is_marked(folder) else []
        found += _earlier_entries(folder.parent)
    except OSError as reason:
        raise CacheError(f"{folder} cannot be read ({reason.strerror}).") from reason
    return sorted(found, key=lambda entry: -entry.used)


def clear_cache() -> int:
    """Delete all entries but those that are being written; return the bytes that this freed.

    Raises CacheError if one cannot be deleted.
    """
    freed = 0
    for entry in list_cache():
        if entry.kind == "unfinished" and _is_written(entry):
            continue
        try:
            remove_file(entry.path)
        except OSError as reason:
            raise CacheError(f"{entry.path} cannot be deleted ({reason.strerror}).") from reason
        freed += entry.n_bytes
    return freed


def read_entry(
    path: Path, kind: np.dtype[Any], n: int, start: int, stop: int
) -> NDArray[Any] | None:
    """Read records `start` to `stop` of the `n` of a kind that an entry consists of.

    None if there is no such entry, or a damaged one, which is deleted.
    """
    try:
        records = read_records(path, kind, n, start, stop)
    except FileNotFoundError:
        return None
    except OSError as reason:
        _tell_once(path.parent, reason.strerror or str(reason))
        return None
    except (ValueError, EOFError) as reason:
        _LOG.warning("%s in the cache is damaged (%s): computing again.", path, reason)
        _remove(path)
        return None
    try:
        os.utime(path)
    except OSError as reason:
        _LOG.info("%s can be read only (%s).", path, reason)
    return records


class EntryWriter:
    """Writes one entry of `n` records in any order; it is there, whole, once `finish` was called.

    After any trouble it does nothing any more. `recording` is the name to list it by;
    `is_unchanged` says whether that is what it was, or raises an error if what was read of it is
    not.
    """

    def __init__(
        self,
        path: Path,
        recording: str,
        kind: np.dtype[Any],
        n: int,
        is_unchanged: Callable[[], bool] = lambda: True,
    ) -> None:
        self._path, self._kind, self._is_unchanged = path, kind, is_unchanged
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        self._file: IO[bytes] | None = None
        self._first = 0
        self._do(lambda: self._open(recording, kind, n))

    def write(self, start: int, **columns: NDArray[Any]) -> None:
        """Write columns of records from number `start` on, unless there was trouble."""
        if (file := self._file) is not None:
            self._do(lambda: write_records(file, self._first, start, self._kind, columns))

    def finish(self) -> None:
        """Put the entry in its place, and let old ones go; leave nothing of a changed recording.

        Raises what `is_unchanged` does.
        """
        try:
            if self._is_unchanged() and self._file is not None:
                self._do(self._put)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave nothing behind; of no effect after `finish`."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as reason:  # what was still to be written does not fit either
            _LOG.info("%s: %s", self._part, reason)
        _remove(self._part)

    def _do(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, CacheError) as reason:
            _tell_once(self._path.parent, getattr(reason, "strerror", None) or str(reason))
            self.abandon()

    def _open(self, recording: str, kind: np.dtype[Any], n: int) -> None:
        folder = self._path.parent
        _make_folder(folder)
        _sweep(folder)
        free, n_bytes = shutil.disk_usage(folder).free, n * kind.itemsize
        if n_bytes > min(LIMIT_BYTES, free - SPARED_BYTES):
            raise CacheError(f"{n_bytes / 1e9:.1f} GB do not fit, {free / 1e9:.1f} GB are free")
        if self._path.exists() and recording_name(self._path) is None:
            raise CacheError(f"{self._path.name} is no file of the cache; move it away")
        self._file = self._part.open("xb")
        _lock(self._file)
        self._first = begin_records(self._file, recording, kind, n)

    def _put(self) -> None:
        assert self._file is not None  # else there was trouble before
        self._file.flush()
        os.fsync(self._file.fileno())
        if sys.platform == "win32":  # which renames no open file
            self._file.close()
        replace_file(self._part, self._path)
        self._file.close()
        self._file = None
        kept = 0
        for entry in list_cache():
            kept += entry.n_bytes
            if kept > LIMIT_BYTES and entry.kind != "unfinished":
                _remove(entry.path)


@cache
def _tell_once(folder: Path, reason: str) -> None:
    """Say, once in a program, that the cache cannot be used."""
    _LOG.warning("nothing is kept in the cache, %s: %s", folder, reason)


def _remove(path: Path) -> None:
    """Remove a file of the cache, if it is one and can be removed."""
    try:
        if _is_marked(path.parent) and recording_name(path) is not None:
            remove_file(path)
    except OSError as reason:
        _LOG.info("%s is left over: %s", path, reason)


def _is_marked(folder: Path) -> bool:
    try:
        # two programs that made the folder at once have both written it
        return (folder / _MARK).read_bytes().startswith(_MARK_TEXT)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if _is_marked(folder):
        return
    names = [path.name for path in folder.iterdir() if path.name != _MARK]
    if others := [name for name in names if not _NAMES.fullmatch(name)]:
        raise CacheError(f"{others[0]} is in it, and no {_MARK} of ours; move it away")
    with (folder / _MARK).open("ab") as mark:
        if not mark.tell():
            mark.write(_MARK_TEXT)


def _entries(folder: Path) -> list[Entry]:
    found = []
    for path in folder.iterdir():
        if match := _NAMES.fullmatch(path.name):
            try:
                name, status = recording_name(path), path.stat()
            except FileNotFoundError:  # another process has just let it go
                continue
            if name is not None:
                kind = "unfinished" if match[2] else match[1]
                found.append(Entry(path, kind, name, status.st_size, status.st_mtime))
    return found


def _earlier_entries(folder: Path) -> list[Entry]:
    """Return what versions that kept HDF5 files, without a folder of their own, have left."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if (match := _EARLIER_NAMES.fullmatch(path.name)) and path.is_file():
            name, status = _earlier_name(path), path.stat()
            if name is not None:
                found.append(Entry(path, match[1], name, status.st_size, status.st_mtime))
    return found


def _earlier_name(path: Path) -> str | None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            ours = set(file) in ({"features", "means"}, {"mean", "sd"})
            return str(file.attrs["recording"]) if ours else None
    except (OSError, RuntimeError, KeyError, ValueError):
        return None


def _sweep(folder: Path) -> None:
    """Remove what writers left that were killed."""
    for entry in _entries(folder):
        if entry.kind == "unfinished" and not _is_written(entry):
            _remove(entry.path)


def _lock(file: IO[bytes]) -> None:
    """Hold a file until it is closed, or its program ends; Windows does so by itself."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_written(entry: Entry) -> bool:
    """Whether somebody is writing an entry."""
    try:
        with entry.path.open("rb+") as file:
            _lock(file)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError:  # a network drive without locks
        return time.time() - entry.used < _DAY
    # who has just made it has not locked it yet; Windows refuses to delete what is open
    return not entry.n_bytes and time.time() - entry.used < 1
