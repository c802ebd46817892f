"""HDF5, and MATLAB 7.3, which is HDF5 with its axes the other way round."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5z

from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.arrays import Array
from napari_cortex_decoder.recording.formats.choosing import open_chosen
from napari_cortex_decoder.recording.formats.frames import file_token
from napari_cortex_decoder.recording.formats.named_values import (
    MOST_TIMES,
    Places,
    are_times,
    said_times,
)
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.arrays import texts_of
from napari_cortex_decoder.tables import time_unit


@dataclass(frozen=True)
class Hdf5Array:
    """A dataset of an HDF5 file."""

    path: Path
    name: str

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Return the dataset to slice."""
        with hdf5.opened(self.path) as file:
            yield file[self.name]


def open_hdf5(path: Path, given: Given) -> MovieFile:
    """Open a dataset; see `napari_cortex_decoder.recording.open_recording`."""
    with hdf5.opened(path) as file:
        arrays, small, told = _contents(file)

        def array(name: str) -> Array:
            data = arrays[name]
            places = (dict(data.attrs), dict(data.parent.attrs), dict(file.attrs), small)
            return array_of(path, data, name=name, places=places, said=tuple(told))

        return open_chosen(path, arrays, array, lambda: texts_of(file), given)


def array_of(
    path: Path, data: Any, *, name: str, places: Places = (), said: tuple[str, ...] = ()
) -> Array:
    """Return a dataset of a file that is open, and what the file says of it.

    If it is compressed with a filter that is not installed that raises `RecordingError`.
    """
    properties = data.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, _, _, filtered = properties.get_filter(index)
        if not h5z.filter_avail(code):
            raise RecordingError(
                f"{path}: {data.name} is compressed with {filtered.decode(errors='replace')!r}, "
                "which is not installed; install hdf5plugin, or save it with gzip."
            )
    held, holes = _recorded(data)
    return Array(
        source=Hdf5Array(path, data.name),
        name=name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=data.chunks,
        stamp=(*file_token(path), data.name),
        what="an HDF5 file",
        held=held,
        labels=[d.label or (d[0].name if len(d) else "") for d in data.dims],
        transposed="MATLAB_class" in data.attrs,
        places=places,
        said=(*said, *holes),
    )


def _contents(file: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return the arrays in a file, what other datasets hold that are numbers, and what to say."""
    arrays: dict[str, Any] = {}
    small: dict[str, Any] = {}
    told: list[str] = []

    def look(name: str, item: Any) -> None:
        is_array = isinstance(item, hdf5.Dataset) and item.shape is not None
        if not is_array or item.dtype.kind not in "iuf":
            return
        key = name.rpartition("/")[2].lower()
        if sum(n > 1 for n in item.shape) > 1:
            if item.ndim > 2 or not name.startswith("#refs#/"):
                arrays[name] = item
        elif item.size >= MOST_TIMES or key in small:
            return
        elif are_times(key) and item.size > 1:
            times = said_times(key, item[()], _unit(item, key), told)
            small[key.removesuffix(f"_{time_unit(key)}")] = times
        elif item.size == 1:
            small[key] = item[()]

    file.visititems(look)
    return arrays, small, told


def _recorded(array: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return how much of a dataset was written, along each axis, and a word on holes in it."""
    chunks = array.chunks or array.shape
    grid = [-(-n // size) for n, size in zip(array.shape, chunks, strict=True) if size]
    if array.chunks is None or array.id.get_num_chunks() >= math.prod(grid):
        return array.shape, ()
    places: list[tuple[int, ...]] = []
    array.id.chunk_iter(lambda chunk: places.append(chunk.chunk_offset))
    if not places:
        return (0,) * array.ndim, ()
    held = tuple(np.minimum(np.max(places, axis=0) + chunks, array.shape).tolist())
    inside = math.prod(-(-n // size) for n, size in zip(held, chunks, strict=True))
    holes = inside - len(places)
    if not holes:
        return held, ()
    return held, (
        f"{holes} of the {inside} chunks of {array.name} were never written; what is in them is "
        f"shown as {array.fillvalue}.",
    )


def _unit(times: Any, key: str) -> Any:
    """Return the unit of a list of times: its attribute, its group's, or what lies beside it."""
    for place, names in (
        (times.attrs, ("units", "unit", "time_unit", "time_units")),
        (times.parent.attrs, (f"{key}_units", f"{key}_unit", "time_units", "time_unit")),
    ):
        for name in names:
            if name in place:
                return place[name]
    beside = times.parent.own(f"{key}_units") or times.parent.own(f"{key}_unit")
    return beside[()] if getattr(beside, "shape", None) == () else ""
