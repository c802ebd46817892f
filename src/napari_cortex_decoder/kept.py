"""Results kept beside a recording: one file each, written whole, with what it was made from.

A file is a `.safetensors` whose header says all but the arrays. It is data: only classes that a
reader names are made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import check_version, make_folder, marked, parse_json, write_whole
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.sidecar import sidecar_folder, sidecar_folders

_KEY = "napari-cortex-decoder kept"
_VERSION = 1
_OURS = marked(b'{"__metadata__":', _KEY, offset=8)
_CLASS, _ARRAY, _SLICE, _MAP, _TABLE = "is", "array", "slice", "map", "table"


@dataclass(frozen=True)
class Kept:
    """What was kept."""

    content: Any  # as it was given to `keep`; sequences are tuples
    made_from: Mapping[str, str]  # hashes, or other words, of what it was made from, by name
    written: str  # when, ISO 8601

    def changed(self, now: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of what is not now as it was made from."""
        return tuple(name for name, was in self.made_from.items() if now.get(name, was) != was)


def keep(recording: Path, name: str, content: object, made_from: Mapping[str, str]) -> Path:
    """Write a result, such as a ``"prediction"``, beside its recording, in place of the one before.

    It is made of numbers, texts, None, members of enums, arrays, pandas tables, slices, and
    sequences, mappings and dataclasses of these. Raises RecordingError if it cannot be written;
    what was there before is as it was.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    header = {
        "version": _VERSION,
        "kind": name,
        "made_from": dict(made_from),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "content": _packed(content, arrays),
    }
    place = sidecar_folder(recording) / f"{name}.safetensors"
    make_folder(place.parent, RecordingError)
    data = save(arrays, metadata={_KEY: json.dumps(header)})
    write_whole(place, data, RecordingError, kind=_OURS)
    return place


def kept(recording: Path, name: str, classes: Iterable[type]) -> Kept | None:
    """Read what `keep` wrote; None if nothing was kept.

    Raises RecordingError if it is damaged, of a newer version, or holds something else.
    """
    file = sidecar_folders(recording).newest(f"{name}.safetensors")
    if not file.exists():
        return None
    remedy = "delete this file and make it again"
    with (
        readable(file, "what was kept of a recording", RecordingError, remedy=remedy),
        safe_open(file, framework="numpy") as content,
    ):
        text = (content.metadata() or {}).get(_KEY)
        if text is None:
            raise RecordingError(f"{file} was not kept by this program; move it away.")
        header = parse_json(text, str(file), RecordingError)
        check_version(str(file), header.get("version"), _VERSION, RecordingError)
        arrays = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
        known = {one.__name__: one for one in classes}
        unpacked = _unpacked(header["content"], arrays, known)
        made_from = {str(key): str(value) for key, value in header["made_from"].items()}
        return Kept(unpacked, made_from, str(header["written"]))


def is_kept(recording: Path, name: str) -> bool:
    """Whether anything was kept under a name."""
    return bool(sidecar_folders(recording).kept(f"{name}.safetensors"))


def _packed(value: Any, arrays: dict[str, NDArray[np.generic]]) -> Any:
    """Return a value as JSON holds it; arrays go into `arrays`."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: _packed(getattr(value, one.name), arrays) for one in fields(value)}
        return {_CLASS: type(value).__name__, **parts}
    if isinstance(value, Enum):
        return {_CLASS: type(value).__name__, "value": value.value}
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.ascontiguousarray(value)
        return {_ARRAY: name}
    if isinstance(value, slice):
        return {_SLICE: [value.start, value.stop]}
    if isinstance(value, Mapping):
        return {_MAP: {str(key): _packed(one, arrays) for key, one in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence):
        return [_packed(one, arrays) for one in value]
    if hasattr(value, "to_dict"):  # a table of pandas, which need not be loaded to know
        return {_TABLE: {name: _packed(list(value[name]), arrays) for name in value.columns}}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _unpacked(value: Any, arrays: Mapping[str, NDArray[Any]], known: Mapping[str, type]) -> Any:
    """Return what `_packed` was given."""
    if isinstance(value, list):
        return tuple(_unpacked(one, arrays, known) for one in value)
    if not isinstance(value, dict):
        return value
    if _CLASS in value:
        made = known[value[_CLASS]]
        parts = {n: _unpacked(one, arrays, known) for n, one in value.items() if n != _CLASS}
        return made(**parts)
    ((kind, content),) = value.items()
    if kind == _ARRAY:
        return arrays[content]
    if kind == _SLICE:
        return slice(*content)
    parts = {name: _unpacked(one, arrays, known) for name, one in content.items()}
    if kind == _TABLE:
        import pandas as pd

        return pd.DataFrame({name: list(column) for name, column in parts.items()})
    if kind == _MAP:
        return parts
    raise ValueError(f"{kind!r} is nothing that is kept")
