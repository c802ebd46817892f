"""Files that are written whole or not at all, and small files read as data from anywhere.

The caller says which of the named errors is raised, as a class of `errors` or any other function of
one sentence.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 2**20
"""More than any description needs that is read as a whole; a larger file is something else."""

_DISK_IS_FULL = 2**20

Refusal = Callable[[str], Exception]
"""Makes the exception that tells a sentence."""


@contextmanager
def written_whole(path: Path, error: Refusal, *, overwrite: bool) -> Iterator[Path]:
    """Give a place to write to, and put what is there at `path` when all went well.

    Parameters
    ----------
    path
        Where the file or folder is to be.
    error
        What is raised if `path` exists and may not be replaced, or cannot be written; nothing is
        left behind then, and the old file is as it was.
    overwrite
        Whether what is there already may be replaced.

    Yields
    ------
    Path
        A name beside `path`, with its suffix, at which nothing is yet.
    """
    if path.exists() and not overwrite:
        raise error(f"{path} exists already; choose another name or allow overwriting.")
    if not path.parent.is_dir():
        raise error(f"{path} cannot be written: there is no folder {path.parent}; make it first.")
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        _put(part, path)
    except OSError as reason:
        raise error(
            f"{path} cannot be written: {_told(reason, path)}; nothing was written."
        ) from reason
    finally:
        _remove(part)


def write_whole(path: str | Path, content: bytes | str, error: Refusal) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    content
        What it will hold; text is written as UTF-8.
    error
        What is raised if it cannot be written: no such folder, no permission, no space.
    """
    with written_whole(Path(path), error, overwrite=True) as part, part.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: str | Path, data: object, error: Refusal) -> None:
    """Write a JSON file whole or not at all; see `write_whole`."""
    write_whole(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n", error)


def read_bytes(path: str | Path, error: Refusal, *, limit: int = MAX_BYTES) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path
        Which.
    error
        What is raised if it is missing, not readable, or larger than `limit`.
    limit
        The most bytes that it may have.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror}); check the path.") from reason
    if len(content) > limit:
        raise error(
            f"{path} has more than {limit / 2**20:.3g} MiB, more than such a file needs; "
            "give another file."
        )
    return content


def read_json(path: str | Path, error: Refusal) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path
        Which.
    error
        What is raised if it is missing, not readable, larger than `MAX_BYTES`, or not JSON.
    """
    return parse_json(read_bytes(path, error), str(path), error)


def parse_json(text: str | bytes, where: str, error: Refusal) -> Any:
    """Parse JSON.

    Parameters
    ----------
    text
        What the file holds.
    where
        Names the file in a refusal.
    error
        What is raised if it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise error(f"{where} is not JSON ({reason}); give a JSON file.") from reason


def check_version(where: str, version: object, newest: int, error: Refusal) -> None:
    """Refuse a file of a version that this program does not know.

    Parameters
    ----------
    where
        Names the file in a refusal.
    version
        What the file says.
    newest
        The newest version that this program reads.
    error
        What is raised if `version` is no whole number from 1 to `newest`.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise error(f"{where}: 'version' is {version!r}; it must be a whole number from 1.")
    if version > newest:
        raise error(
            f"{where} is of version {version}, this program reads up to {newest}; "
            "update napari-cortex-decoder."
        )


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


def _told(reason: OSError, path: Path) -> str:
    free = shutil.disk_usage(path.parent).free
    # HDF5 hides the number of the error in a text, and NumPy forgets it
    is_full = reason.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(reason)
    if is_full or free < _DISK_IS_FULL:
        return f"the disk is full ({free / 1e9:.1f} GB free); make room or choose another place"
    return " ".join((reason.strerror or str(reason)).split())[:150]
