"""Disks of a few megabytes, to fill them up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    """Return a folder on a disk of so many bytes; skip the test where none can be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no small disk can be mounted here: there is no `mount`")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(folder: Path, left: int) -> Path:
    """Fill the disk of a folder but for so many bytes; give the file that does it."""
    filler = folder / "filler"
    block = b"f" * 4096
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - left))
    return filler
