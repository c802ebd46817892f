"""Hidden folders in which files are written, and what dead writers left in theirs."""

from __future__ import annotations

import math
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_cortex_decoder.files.removing import remove_whole

NEW, OLD = "new", "old"
"""Folders in a workshop: for what is written, and for what it replaces meanwhile."""

_NAME = ".cortex-decoder-{}.part"
_MARK = "napari-cortex-decoder.lock"
_AGE = 3600.0
"""s without a change after which a dead writer's workshop is removed."""

_looked: dict[Path, float] = {}


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """Make a hidden folder with an empty folder `NEW` in it; it is removed at the end.

    The lock in it is held as long as its writer lives. Raises OSError if nothing can be written to
    `folder`.
    """
    from filelock import FileLock

    work = folder / _NAME.format(secrets.token_hex(4))
    work.mkdir()
    lock = FileLock(work / _MARK, timeout=0)
    try:
        # without locks on this drive the workshop only looks dead: its age protects it
        with suppress(NotImplementedError):
            lock.acquire()
        (work / NEW).mkdir()
        yield work
    finally:
        lock.release()
        remove_whole(work)  # what stays, as on a drive that went away, `sweep` finds


@contextmanager
def scratch() -> Iterator[Path]:
    """Make an empty folder among the system's temporary ones; it is removed at the end.

    What dead programs left of theirs is swept.
    """
    folder = Path(tempfile.gettempdir())
    sweep(folder)
    with workshop(folder) as work:
        work.chmod(0o700)  # others may look into the folder that it lies in
        yield work / NEW


def sweep(folder: Path, age: float = _AGE) -> None:
    """Remove what dead writers left in a folder, and put back what they had set aside.

    A workshop is told by its name and the lock in it; its writer is dead if the lock is free, and
    it is removed when nothing in it changed for `age` seconds; 0 is for whoever holds the folder.
    What cannot be removed stays: it is in nobody's way.
    """
    now = time.monotonic()
    if age and now - _looked.get(folder, -math.inf) < age:
        return
    _looked[folder] = now
    for work in folder.glob(_NAME.format("[0-9a-f]" * 8)):
        with suppress(OSError, NotImplementedError):  # a lock that is held is an OSError, too
            _clear(work, age)


def _clear(work: Path, age: float) -> None:
    from filelock import FileLock

    mark = work / _MARK
    within = {one.name for one in work.iterdir()}
    if work.is_symlink() or mark.is_symlink() or not within <= {_MARK, NEW, OLD}:
        return
    if _MARK not in within:  # its writer died before it had locked it
        if not within and time.time() - work.stat().st_mtime >= age:
            work.rmdir()
        return
    # not the lock itself: taking it changes it
    newest = max(one.lstat().st_mtime for one in (work, *work.glob("*/**")) if one != mark)
    with FileLock(mark, timeout=0):
        for old in (work / OLD).glob("*"):
            if not os.path.lexists(work.parent / old.name):
                old.rename(work.parent / old.name)
        if time.time() - newest < age:
            return
    shutil.rmtree(work)
