"""The one door for writing: whole or not at all, and never over what is not ours."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypedDict, Unpack

from napari_cortex_decoder.files.inputs import is_read
from napari_cortex_decoder.files.kinds import Kind, json_like
from napari_cortex_decoder.files.reading import Refusal
from napari_cortex_decoder.files.removing import replace_file
from napari_cortex_decoder.files.workshop import NEW, OLD, sweep, workshop

_DISK_IS_FULL = 2**20
_LEAST = 4096  # bytes without which a disk is full before anything takes minutes
_SIDECAR = ".cortex"


class Allowed(TypedDict, total=False):
    """What may be replaced where something is to be written; without any of it, nothing."""

    kind: Kind | None  # whether an existing file is what this writer wrote before
    # a file of another kind, too, but never one of the folder that this program keeps beside a
    # recording
    overwrite: bool
    # given where a folder is to be written: whether an existing one is ours, and may be replaced if
    # `overwrite` allows it
    folder: Kind | None


@contextmanager
def written_whole(path: str | Path, error: Refusal, **allowed: Unpack[Allowed]) -> Iterator[Path]:
    """Return a place to write to, and put what is there at `path` when all went well.

    The place has the same name, in a hidden folder beside `path`, and nothing is there yet. A link
    at `path` stays: what it leads to is replaced. `error` is raised if it cannot be written, or
    `check_place` refuses it; nothing is left behind then, and what was there is as it was.
    """
    try:
        place = _checked(Path(path), error, **allowed)
        sweep(place.parent)
        with workshop(place.parent) as work:
            part = work / NEW / Path(path).name  # writers look at the suffix
            yield part
            # writing may have taken minutes
            _checked(Path(path), error, **allowed)
            _put(part, place, work)
    except OSError as reason:
        _refuse(Path(path), reason, error)


def write_whole(
    path: str | Path, content: bytes | str, error: Refusal, **allowed: Unpack[Allowed]
) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it.

    Text is written as UTF-8. `error` is raised if it cannot be written: no such folder, no
    permission, no space, or there is something that may not be replaced; see `check_place`.
    """
    with written_whole(path, error, **allowed) as part, part.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: str | Path, data: object, error: Refusal, **allowed: Unpack[Allowed]) -> None:
    """Write a JSON file whole or not at all; see `write_whole`.

    Without a `kind` it may replace a JSON object that has the same fields, or some of them.
    """
    if allowed.get("kind") is None and isinstance(data, dict):
        allowed["kind"] = json_like(data)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text, error, **allowed)


def check_place(path: str | Path, error: Refusal, **allowed: Unpack[Allowed]) -> Path:
    """Refuse a place where nothing may be written, before anything takes minutes; return it.

    Refused are, whatever is `Allowed`: a folder where a file is to be and the other way round; what
    is being read (see `protected`); what is write-protected, no plain file, or a link to nothing; a
    place whose folder is missing or cannot be written to, as where the disk is full. All links are
    followed in what is returned.
    """
    try:
        place = _checked(Path(path), error, **allowed)
        with workshop(place.parent) as work:  # only trying tells
            (work / NEW / "tried").write_bytes(bytes(_LEAST))
            return place
    except OSError as reason:
        _refuse(Path(path), reason, error)


def make_folder(path: str | Path, error: Refusal) -> Path:
    """Make a folder to write to, and those above it; one that is there already is taken."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as reason:
        raise error(f"{path} is no folder; choose another one to write to.") from reason
    except OSError as reason:
        said = reason.strerror or str(reason)
        raise error(f"{path} cannot be written to ({said}); choose another folder.") from reason
    return path


def _checked(
    path: Path,
    error: Refusal,
    *,
    kind: Kind | None = None,
    overwrite: bool = False,
    folder: Kind | None = None,
) -> Path:
    place = Path(os.path.realpath(path))
    if not place.name:
        raise error(f"{path} is a folder; give the name of a file to write.")
    if not place.parent.is_dir():
        raise error(f"{path} cannot be written: there is no folder {path.parent}; make it first.")
    if path.is_symlink() and not place.exists():
        raise error(f"{path} is a link to {place}, which is not there; remove the link.")
    if not os.path.lexists(place):
        return place
    if is_read(place):
        raise error(
            f"{path} is one of the files that are read, and would be overwritten; choose another "
            "name to write to."
        )
    mode = place.stat().st_mode
    if stat.S_ISDIR(mode) and folder is None:
        raise error(f"{path} is a folder; give the name of a file to write.")
    if folder is not None and not stat.S_ISDIR(mode):
        raise error(f"{path} is a file, and a folder is to be there; choose another name.")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise error(f"{path} is no file but a device or the like; choose another name.")
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(place, os.W_OK):
        raise error(f"{path} is write-protected; choose another name.")
    if folder is not None:
        allowed = overwrite and folder(place)
    else:
        insists = overwrite and place.parent.suffix != _SIDECAR
        allowed = insists or (kind is not None and kind(place))
    if not allowed:
        if folder is not None and overwrite:
            raise error(
                f"{path} holds what this program did not write; choose another name or move it."
            )
        raise error(
            f"{path} exists already, and is not what would be written there again; choose another "
            "name or allow overwriting (--overwrite)."
        )
    return place


def _put(part: Path, place: Path, work: Path) -> None:
    if part.is_dir():
        if place.exists():
            # a folder cannot be replaced in one stroke: the old one steps aside until the new is
            # there; `sweep` puts it back where a crash came between
            (work / OLD).mkdir()
            aside = work / OLD / place.name
            place.rename(aside)
            try:
                part.rename(place)
            except OSError:
                aside.rename(place)
                raise
            return
        part.rename(place)
        return
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    if place.exists():
        shutil.copymode(place, part)
    replace_file(part, place)


def _refuse(path: Path, reason: OSError, error: Refusal) -> NoReturn:
    raise error(
        f"{path} cannot be written: {_told(reason, path)}; nothing was written."
    ) from reason


def _told(reason: OSError, path: Path) -> str:
    folder = next(place for place in path.absolute().parents if place.exists())
    free = shutil.disk_usage(folder).free
    # HDF5 hides the number of the error in a text, and NumPy forgets it
    is_full = reason.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(reason)
    if is_full or (reason.errno is None and free < _DISK_IS_FULL):
        return f"the disk is full ({free / 1e9:.1f} GB free); make room or choose another place"
    return " ".join((reason.strerror or str(reason)).split())[:150]


def csv_text(rows: Iterable[Iterable[object]], *, separator: str = ",", end: str = "\n") -> str:
    """Return rows of cells as the text of a table, quoted where a cell needs it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue()
