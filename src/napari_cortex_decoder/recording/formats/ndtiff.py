"""NDTiff, the folders of Micro-Manager 2 and pycro-manager: an index tells where each frame is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    RawFrames,
    check_frames,
    check_planes,
    gathered,
    other_frames,
)
from napari_cortex_decoder.recording.formats.light import movie_first
from napari_cortex_decoder.recording.formats.names import colours_told
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.tiff_metadata import with_micromanager

_INDEX = "NDTiff.index"
# https://github.com/micro-manager/NDStorage: grey of 8 bit, and of 10 to 16 bit
_PIXELS = {0: "u1", 1: "u2", 3: "u2", 4: "u2", 5: "u2", 6: "u2"}
# Reading the description of a frame takes a tenth of a millisecond: of more than these, two are.
_FEW = 20_000
Entry = tuple[Any, ...]


def index_of(path: Path) -> Path | None:
    """Return the index of a folder, or of the folder that a TIFF lies in."""
    places = [path, path / "Full resolution"] if path.is_dir() else [path.parent]
    if not path.is_dir() and path.suffix.lower() not in (".tif", ".tiff"):
        return None
    return next((p / _INDEX for p in places if (p / _INDEX).is_file()), None)


def open_ndtiff(path: Path, given: Given) -> MovieFile:
    """Open the frames of an index; see `napari_cortex_decoder.recording.open_recording`."""
    index = index_of(path)
    assert index is not None
    # of two frames of one place the later one counts
    listed = tifffile.read_ndtiff_index(index)
    entries = {tuple(sorted(e[0].items(), key=str)): e for e in listed}
    if not entries:
        raise RecordingError(f"{index}: it lists no frame; the acquisition was never started.")
    found, numbers, names, told = _in_order(index, list(entries.values()))
    kinds = {(e[4], e[3], _PIXELS.get(e[5], ""), e[6]) for e in found}
    if len(kinds) > 1 or any(not pixels or packed for _, _, pixels, packed in kinds):
        raise RecordingError(
            f"{index}: its frames are not all greyscale and of one size; export them as one TIFF."
        )
    height, width, pixels, _ = kinds.pop()
    check_frames(path, (len(found), height, width), np.dtype(pixels))
    frames, there = _frames(index, found, (height, width), pixels)
    if not there.all():
        told.append(other_frames(len(found), int(there.sum())))
    kept = [e for e, is_there in zip(found, there, strict=True) if is_there]
    movie = MovieFile(
        frames=frames,
        channels=len(names),
        numbers=numbers[there],
        files=frozenset(index.with_name(name) for name in {e[1] for e in found}),
        warnings=tuple(told),
    )
    return with_micromanager(movie, lambda frame: _description(index, kept[frame]), _FEW)


def _in_order(
    index: Path, entries: list[Entry]
) -> tuple[list[Entry], NDArray[np.int64], list[str], list[str]]:
    """Frames by time, then colour; the count of each; colours; what to say."""
    values: dict[str, list[Any]] = {}
    for axes, *_ in entries:
        for axis, value in axes.items():
            if value not in values.setdefault(axis, []):
                values[axis].append(value)
    told = []
    time = "time" if len(values.get("time", ())) > 1 or "z" not in values else "z"
    for axis, several in values.items():
        if axis not in (time, "channel") and len(several) > 1:
            told.append(
                f"it holds {len(several)} of the axis {axis!r}; {several[0]!r} is shown, and not "
                f"{', '.join(repr(v) for v in several[1:5])}."
            )
            entries = [e for e in entries if e[0].get(axis) == several[0]]
    names = [str(value) for value in values.get("channel", [""])]
    slices = len(values.get("z", ())) if len(values.get("time", ())) > 1 else 1
    check_planes(index, len(names), slices)
    order, known = movie_first(names)
    told += colours_told([names[i] for i in order], known)
    places = {names[i]: n for n, i in enumerate(order)}
    times = np.array([int(e[0].get(time, 0)) for e in entries], np.int64)
    place = np.array([places[str(e[0].get("channel", ""))] for e in entries], np.int64)
    counts = (times - times.min()) * len(names) + place
    rows = np.argsort(counts, kind="stable")
    return [entries[i] for i in rows], counts[rows], names, told


def _frames(
    index: Path, entries: list[Entry], shape: tuple[int, int], pixels: str
) -> tuple[FrameReader, NDArray[np.bool_]]:
    """Readers of the frames that are whole in their files, and which these are."""
    there = np.zeros(len(entries), bool)
    parts: list[tuple[FrameReader, NDArray[np.int64]]] = []
    step = shape[0] * shape[1] * np.dtype(pixels).itemsize
    for name in dict.fromkeys(e[1] for e in entries):
        path = index.with_name(Path(name.replace("\\", "/")).name)
        if not path.is_file():
            continue
        with path.open("rb") as file:
            order = ">" if file.read(2) == b"MM" else "<"
            size = file.seek(0, 2)
        rows = np.array([i for i, e in enumerate(entries) if e[1] == name], np.int64)
        starts = np.array([entries[i][2] for i in rows], np.int64)
        whole = (starts > 0) & (starts + step <= size)
        there[rows] = whole
        if whole.any():
            stored = np.dtype(order + pixels)
            parts.append((RawFrames(path, starts[whole], shape, stored), rows[whole]))
    if not parts:
        raise RecordingError(
            f"{index}: none of its {len(entries)} frames is in its folder; put its TIFFs beside it."
        )
    return gathered(parts), there


def _description(index: Path, entry: Entry) -> dict[str, Any]:
    """Micro-Manager's description of a frame, empty where there is none."""
    start, length, packed = entry[7:10]
    if packed or not 0 < length < 2**20:
        return {}
    with index.with_name(Path(entry[1]).name).open("rb") as file:
        file.seek(start)
        text = file.read(length)
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
