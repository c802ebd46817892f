"""Removing and replacing what the caller knows to be ours: the one place where files go."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove_file(path: Path) -> None:
    """Remove a file if it is there, or a link, never what that leads to."""
    path.unlink(missing_ok=True)


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def remove_whole(folder: Path) -> None:
    """Remove a folder and all that is in it, as far as that is possible."""
    shutil.rmtree(folder, ignore_errors=True)


def replace_file(part: Path, place: Path) -> None:
    """Put a file that is written, and safe on the disk, in its place in one stroke."""
    part.replace(place)
