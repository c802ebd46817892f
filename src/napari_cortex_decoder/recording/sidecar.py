"""The folder beside a recording that keeps what the recording's file cannot say."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import read_json, write_json

_FILE = "recording.json"
_FIELDS = ("frame_rate", "pixel_size")


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
    """Give the folder in which to keep what belongs to a recording; it need not exist yet.

    Parameters
    ----------
    path
        File or folder of the recording.

    Returns
    -------
    Path
        ``<recording>.cortex`` beside the recording, where that place can be written to, else a
        folder of the user's own data, named after the recording's full path.
    """
    path = Path(path).absolute()
    beside = _beside(path)
    place = beside if beside.is_dir() else beside.parent
    return beside if _writable(place) else _elsewhere(path)


def remembered_metadata(path: str | os.PathLike[str]) -> dict[str, float]:
    """Give what a user has once said about a recording.

    Parameters
    ----------
    path
        File or folder of the recording.

    Returns
    -------
    dict
        ``frame_rate`` (Hz) and ``pixel_size`` (mm), those that were said.

    Raises
    ------
    RecordingError
        If the sidecar is there and damaged.
    """
    path = Path(path).absolute()
    remembered: dict[str, float] = {}
    # what was said last, when the recording's place could not be written to, comes first
    for folder in (_elsewhere(path), _beside(path)):
        for field, value in _read(folder / _FILE).items():
            if field in _FIELDS:
                remembered.setdefault(field, _number(folder / _FILE, field, value))
    return remembered


def remember_metadata(
    path: str | os.PathLike[str],
    *,
    frame_rate: float | None = None,
    pixel_size: float | None = None,
) -> Path:
    """Keep what a user says about a recording, for the next time it is opened.

    Parameters
    ----------
    path
        File or folder of the recording.
    frame_rate
        Frames a second (Hz); None leaves what was said before.
    pixel_size
        Edge of a pixel in mm; None leaves what was said before.

    Returns
    -------
    Path
        The file that was written, whole or not at all.

    Raises
    ------
    RecordingError
        If a value is not a positive number, or no place can be written to.
    """
    target = sidecar_folder(path) / _FILE
    said = {"frame_rate": frame_rate, "pixel_size": pixel_size}
    content = _read(target) | {
        field: _number(target, field, value) for field, value in said.items() if value is not None
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(
            f"{target}: what you said about the recording cannot be kept ({error.strerror}); "
            "get permission to write there."
        ) from error
    write_json(target, content, RecordingError)
    return target


def _read(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file, RecordingError) if file.exists() else {}
    except (OSError, RecordingError) as error:
        raise RecordingError(
            f"{file}: what was remembered about the recording cannot be read; delete this file "
            "and give the frame rate again."
        ) from error
    if not isinstance(content, dict):
        raise RecordingError(f"{file}: this is not a JSON object; delete it.")
    return content


def _number(file: Path, field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordingError(f"{file}: {field} is {value!r}; give a positive number.")
    if not (math.isfinite(value) and value > 0):
        raise RecordingError(f"{file}: {field} is {value}; give a positive number.")
    return float(value)
