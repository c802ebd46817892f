"""Output that is there whole or not at all."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError

NOTHING_LEFT = 2**20


@contextmanager
def written_whole(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a place to write to, and put what is there at `path` when all went well.

    Parameters
    ----------
    path
        Where the file or folder is to be.
    overwrite
        Whether what is there already may be replaced.

    Yields
    ------
    Path
        A name beside `path`, with its suffix, at which nothing is yet.

    Raises
    ------
    RecordingError
        If `path` exists and may not be replaced, or cannot be written; nothing is left behind.
    """
    if path.exists() and not overwrite:
        raise RecordingError(
            f"{path}: it exists already; choose another name or allow overwriting."
        )
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: there is no folder {path.parent}; make it first.")
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        _put(part, path)
    except OSError as error:
        raise RecordingError(f"{path}: {_reason(error, path)}; nothing was written.") from error
    finally:
        _remove(part)


def _put(part: Path, path: Path) -> None:
    if path.is_dir() or (part.is_dir() and path.exists()):
        # a folder cannot be replaced in one stroke: the old one steps aside until the new is there
        aside = path.with_name(f"{part.name}.old")
        path.rename(aside)
        try:
            part.rename(path)
        except OSError:
            aside.rename(path)
            raise
        _remove(aside)
    else:
        part.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _reason(error: OSError, path: Path) -> str:
    free = shutil.disk_usage(path.parent).free
    # HDF5 hides the number of the error in a text, and NumPy forgets it
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
    if is_full or free < NOTHING_LEFT:
        return f"the disk is full ({free / 1e9:.1f} GB free); make room or choose another place"
    return f"it cannot be written ({' '.join(str(error).split())[:150]})"
