"""Disks of their own that are full or read-only, for the superuser too, and what lies on them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MakeFull = Callable[[], None]


def _mount(*words: str | Path) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 8 MiB; skip where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", folder):
        pytest.skip("only who may mount disks can have a full one, and a read-only one")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def write_protect(disk: Path, yes: bool = True) -> None:
    """Make a disk read-only, for the superuser too, or writable again."""
    assert _mount("-o", "remount,ro" if yes else "remount,rw", disk)


def fill(disk: Path) -> None:
    """Leave no room on a disk."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 2**16):
                pass
        except OSError:
            return


def snapshot(folder: Path) -> dict[str, bytes | str | None]:
    """Everything in a folder: bytes of files, targets of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def age(folder: Path) -> None:
    """Let two hours go by for what ended programs left in a folder and below."""
    then = time.time() - 7200
    for part in folder.rglob(".cortex-decoder-*.part"):
        for file in (*part.rglob("*"), part):
            os.utime(file, (then, then))
