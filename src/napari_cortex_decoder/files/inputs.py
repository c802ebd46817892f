"""Which files are being read, so that nothing is written over them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_read: dict[object, tuple[Path, ...]] = {}
"""Files and folders by who reads them."""


@contextmanager
def protected(paths: Iterable[str | Path]) -> Iterator[None]:
    """Say which files and folders are read while this lasts; what is not there does not matter.

    Nothing is written over one of them, over a link to it, nor over what lies in such a folder.
    """
    who = object()
    _read[who] = tuple(Path(path).absolute() for path in paths)
    try:
        yield
    finally:
        del _read[who]


def in_use(reader: object, paths: Iterable[str | Path]) -> None:
    """Say which files and folders are read as long as `reader` lives; see `protected`."""
    who = object()
    _read[who] = tuple(Path(path).absolute() for path in paths)
    weakref.finalize(reader, _read.pop, who, None)


def is_read(path: Path) -> bool:
    """Return whether `path`, links followed, is being read, holds what is, or lies in it."""
    target = _identity(path)
    if target is None:
        return False
    around = {_identity(folder) for folder in path.parents}
    for one in (one for paths in list(_read.values()) for one in paths):
        found = _identity(one)
        if found is None:
            continue
        if found == target or found in around:
            return True
        if path.is_dir() and target in map(_identity, Path(os.path.realpath(one)).parents):
            return True
    return False


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file or folder; None if there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: what was typed can be the name of no file
        return None
    return found.st_dev, found.st_ino
