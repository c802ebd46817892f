"""The folder beside a recording that keeps what the recording's file cannot say."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import platformdirs

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import make_folder, read_json, write_json
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.recording.formats.traces.painted import given_names

_FILE = "recording.json"
_NUMBERS = {"frame_rate": 0.0, "pixel_size": 0.0, "first_frame_time": -math.inf}  # above which


class Remembered(TypedDict, total=False):
    """What a user may say of a recording, as `open_recording` takes it."""

    frame_rate: float | None
    pixel_size: float | None
    first_frame_time: float | None
    dataset: str | None
    axes: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    areas: str | Sequence[str] | None
    atlas: str | None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.cortex")


def _elsewhere(path: Path) -> Path:
    key = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    root = platformdirs.user_data_path("napari-cortex-decoder", appauthor=False)
    return root / "recordings" / f"{path.name}-{key}.cortex"


def _writable(folder: Path) -> bool:
    """Whether files can be made in an existing folder; only trying tells on network shares."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def sidecar_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder in which to keep what belongs to a recording; it need not exist yet.

    It is ``<recording>.cortex`` beside the recording's file or folder, where that place can be
    written to, else a folder of the user's own data, named after the recording's full path.
    """
    return sidecar_folders(path).folder


class SidecarFolders(NamedTuple):
    """Where something that belongs to a recording may be kept."""

    folder: Path  # where to write: see `sidecar_folder`
    other: Path  # where it may lie from a day when this was the one to write to
    away: bool  # whether `folder` is not beside the recording: nothing can be written there

    def newest(self, name: str) -> Path:
        """Return what was written last under a name; its place in `folder` if there is nothing."""
        return next(iter(self.kept(name)), self.folder / name)

    def kept(self, name: str) -> list[Path]:
        """Return the files or folders of a name that are there, the one written last first."""
        there = [one / name for one in (self.folder, self.other) if (one / name).exists()]
        return sorted(there, key=lambda place: -place.stat().st_mtime_ns)


def sidecar_folders(path: str | os.PathLike[str]) -> SidecarFolders:
    """Return both folders in which something of a recording may be kept; neither need exist."""
    path = Path(path).absolute()
    beside, elsewhere = _beside(path), _elsewhere(path)
    if _writable(beside if beside.is_dir() else beside.parent):
        return SidecarFolders(beside, elsewhere, away=False)
    return SidecarFolders(elsewhere, beside, away=True)


def relative_to(recording: Path, file: Path) -> str:
    """Return how a file is written down beside a recording: relative where it lies there."""
    home, file = recording.absolute().parent, file.absolute()
    return str(file.relative_to(home)) if file.is_relative_to(home) else str(file)


@reads("what is known of a recording")
def remembered_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a user has once said about a recording: see `remember_metadata`.

    If the sidecar is there and damaged that raises `RecordingError`.
    """
    remembered: dict[str, Any] = {}
    path = Path(path).absolute()
    # whether one could write there is no question of reading
    for file in SidecarFolders(_beside(path), _elsewhere(path), away=False).kept(_FILE):
        for field, value in _read(file).items():
            if field in Remembered.__annotations__:
                remembered.setdefault(field, _checked(file, field, value))
    return remembered


def remember_metadata(path: str | os.PathLike[str], **said: Unpack[Remembered]) -> Path:
    """Keep what a user says about a recording, for the next time it is opened.

    That is ``frame_rate`` (Hz), ``pixel_size`` (mm), ``first_frame_time`` (s), ``dataset``,
    ``axes``, ``shape``, ``dtype``, ``areas`` and ``atlas``, as `open_recording` takes them; None
    leaves what was said before. If a value is impossible, or no place can be written to, that
    raises `RecordingError`.
    """
    target = sidecar_folder(path) / _FILE
    given: dict[str, Any] = {field: value for field, value in said.items() if value is not None}
    if "areas" in given:
        given["areas"] = ";".join(given_names(given["areas"]))
    content = _read(target) | {f: _checked(target, f, value) for f, value in given.items()}
    make_folder(target.parent, RecordingError)
    write_json(target, content, RecordingError)
    return target


def _read(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file, RecordingError) if file.exists() else {}
    except (OSError, RecordingError) as error:
        raise RecordingError(
            f"{file}: what was remembered about the recording cannot be read; delete this file "
            "and say it again."
        ) from error
    if not isinstance(content, dict):
        raise RecordingError(f"{file}: this is not a JSON object; delete it.")
    return content


def _checked(file: Path, field: str, value: Any) -> Any:
    if field in _NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value > _NUMBERS[field]):
            kind = "a number" if _NUMBERS[field] else "a positive number"
            raise RecordingError(f"{file}: {field} is {value!r}; give {kind}.")
        return float(value)
    if field == "shape":
        whole = isinstance(value, list | tuple) and all(type(n) is int and n > 0 for n in value)
        if not whole or len(value) not in (2, 3):
            raise RecordingError(f"{file}: shape is {value!r}; give two or three whole numbers.")
        return tuple(value)
    if not isinstance(value, str) or not value:
        raise RecordingError(f"{file}: {field} is {value!r}; give a text.")
    return value
