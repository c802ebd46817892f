"""Zarr 2 and 3, and OME-Zarr: a folder of chunks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.arrays import (
    ArrayFrames,
    are_times,
    choose,
    could_be_movie,
    frames_in_chunk,
    said_pixel_size,
    said_rate,
    said_times,
)
from napari_cortex_decoder.recording.formats.axes import Arrangement, arrange, named_axes, told_axes
from napari_cortex_decoder.recording.formats.frames import check_frames, file_token
from napari_cortex_decoder.recording.formats.joining import join
from napari_cortex_decoder.recording.formats.names import two_colours
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.recording.formats.tiff_metadata import OmeImage
from napari_cortex_decoder.recording.provenance import PROGRAM, steps_in_text
from napari_cortex_decoder.units import in_millimetres, in_seconds

_WHAT = "a Zarr movie"
_MARKS = ("zarr.json", ".zarray", ".zgroup")
_DEPTH = 4
_MOST_TIMES = 2**24


@dataclass(frozen=True, eq=False)
class ZarrArray:
    """An array of a Zarr folder; its chunks are files that are open only while they are read."""

    path: Path
    name: str
    folders: Mapping[Path, int]
    opened: int

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the opened array."""
        return {key: value for key, value in self.__dict__.items() if key != "_array"}

    @cached_property
    def _array(self) -> Any:
        import zarr

        from napari_cortex_decoder.recording.formats.zarr_store import CheckedStore

        store = CheckedStore(self.path, self.folders, self.opened)
        node = zarr.open(store, mode="r")
        array = node[self.name] if self.name else node
        store.expect(array)
        return array

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Return the array to slice."""
        yield self._array


@dataclass(frozen=True)
class _Image:
    """What OME-Zarr says of an image, whose finest level is the first."""

    levels: tuple[str, ...]
    axes: str | None
    frame_rate: float | None = None
    pixel_size: float | None = None
    told: tuple[str, ...] = ()


def open_zarr(path: Path, *, dataset: str | None = None, axes: str | None = None) -> MovieFile:
    """Open a Zarr folder; see `napari_cortex_decoder.recording.open_recording`."""
    import zarr

    from napari_cortex_decoder.recording.formats.zarr_store import CheckedStore

    opened = time.time_ns()
    with readable(path, _WHAT):
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            array, name, image, places = node, "", None, [dict(node.attrs)]
        else:
            name, image, other = _find(path, node, dataset)
            if other is not None:
                pair = [name, other]
                parts = [open_zarr(path, dataset=one, axes=axes) for one in pair]
                return join([path / one for one in pair], parts)
            array = node[name]
            inside = name.rpartition("/")[0]
            places = [dict(array.attrs), dict((node[inside] if inside else node).attrs)]
            places.append(dict(node.attrs))
        if not isinstance(array, zarr.Array):
            raise RecordingError(
                f"{path}: {name!r} is no array; give the name of the movie as dataset."
            )
        CheckedStore(path, {}, opened).expect(array)
        shape, stored, chunks = array.shape, array.dtype, array.chunks
        beside = [node[name.rpartition("/")[0]]] if "/" in name else []
        clocks = [_frame_times(path, group, opened) for group in (*beside, node)]
        times, told = next((clock for clock in clocks if clock[0] is not None), clocks[-1])
        stamp, folders = file_token(_description(path / name)), _folders(path, name)
        names = getattr(array.metadata, "dimension_names", None)
        names = names or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    said = axes or (image.axes if image else None) or named_axes(names, shape) or None
    if axes is None and (said is None or not set("tyx") <= set(said)):
        said = told_axes(shape, *places)
    arrangement, warnings = arrange(path, shape, said=said)
    check_frames(path, arrangement.movie_shape, stored)
    together, slow = frames_in_chunk(path, arrangement, chunks, stored.itemsize)
    warnings += (*slow, *told, *(image.told if image else ()))
    lost = _unwritten(path / name, array, arrangement)
    if lost:
        warnings += (
            f"the last {lost} of its {arrangement['t']} frames were never written, or not copied; "
            f"they are shown as {array.fill_value}.",
        )
    return MovieFile(
        frames=ArrayFrames(
            source=ZarrArray(path, name, folders, opened),
            arrangement=arrangement,
            dtype=stored.newbyteorder("="),
            stamp=(*stamp, name),
            what=_WHAT,
            together=together,
        ),
        channels=arrangement["c"],
        frame_rate=(image.frame_rate if image else None) or said_rate(*places),
        pixel_size=(image.pixel_size if image else None) or said_pixel_size(*places),
        frame_times=_each_colour(times, arrangement),
        steps=next((s for p in places if (s := steps_in_text(p.get(PROGRAM)))), ()),
        metadata={"dataset": name} if name else {},
        warnings=warnings,
    )


def _description(folder: Path) -> Path:
    return next(folder / mark for mark in ("zarr.json", ".zarray") if (folder / mark).exists())


def _folders(path: Path, name: str) -> dict[Path, int]:
    """Return when the folders of an array, and those that it lies in, were last changed (ns)."""
    array = path / name
    places = [place for place in (array / "c", array, *array.parents) if place.is_dir()]
    inside = [place for place in places if place == path or path in place.parents]
    return {place: place.stat().st_mtime_ns for place in inside}


def _find(path: Path, root: Any, wanted: str | None) -> tuple[str, _Image | None, str | None]:
    """Find the array that is the movie, what OME-Zarr says of it, and the array of its reference.

    Levels are one picture; of two arrays the names may tell two colours.
    """
    import zarr

    members = [("", root), *sorted(root.members(max_depth=_DEPTH))]
    images: dict[str, _Image] = {}
    levels: set[str] = set()
    for name, member in members:
        if isinstance(member, zarr.Group) and "labels" not in name.split("/"):
            found = _ome_image(dict(member.attrs), f"{name}/" if name else "")
            if found is not None:
                images[name] = _with_xml(path, name, found)
                levels |= set(found.levels)
    shapes = {n: m.shape for n, m in members if isinstance(m, zarr.Array)}
    if wanted is not None and wanted.strip("/") in images:
        wanted = images[wanted.strip("/")].levels[0]
    finest = {image.levels[0]: image for image in images.values()}
    movies = {
        name: member.shape
        for name, member in members
        if name in shapes
        and could_be_movie(member.shape, member.dtype)
        and (name in finest or wanted == name or name not in levels)
        and (name in finest or wanted == name or not images)
    }
    missing = next((name for name in finest if name not in shapes), None)
    if missing is not None and not movies:
        raise RecordingError(f"{path}: {missing!r} is no array; copy the folder again.")
    pair = two_colours(movies, wanted)
    if pair:
        return pair[0], None, pair[1]
    name = choose(path, movies, wanted)
    return name, finest.get(name), None


def _with_xml(path: Path, name: str, image: _Image) -> _Image:
    """Add what bioformats2raw keeps in OME-XML beside the images, which it numbers."""
    file, number = path / "OME" / "METADATA.ome.xml", name.rpartition("/")[2]
    if image.frame_rate or not number.isdecimal() or not file.is_file():
        return image
    try:
        with readable(file, "OME-XML"):
            told = OmeImage(file.read_text("utf-8"), "", number=int(number))
    except RecordingError:
        return image  # a broken description costs the description only
    return replace(
        image, frame_rate=told.frame_rate, pixel_size=image.pixel_size or told.pixel_size
    )


def _frame_times(
    path: Path, node: Any, opened: int
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Seconds of the time points, from an array called like ``frame_times``, and what to say."""
    import zarr

    told: list[str] = []
    if not isinstance(node, zarr.Group):
        return None, told
    for name, times in node.arrays():
        if are_times(name) and times.ndim == 1 and times.size > 1 and times.dtype.kind in "iuf":
            unit = times.attrs.get("units", times.attrs.get("unit"))
            if max(times.size, math.prod(times.chunks)) > _MOST_TIMES:
                told.append(f"{name} claims {times.size} times, which no movie has; left out.")
                return None, told
            place = str(times.path)
            with ZarrArray(path, place, _folders(path, place), opened).open() as values:
                return said_times(name, values[:], unit, told), told
    return None, told


def _each_colour(
    times: NDArray[np.float64] | None, arrangement: Arrangement
) -> NDArray[np.float64] | None:
    if times is not None and len(times) == arrangement["t"]:
        return np.repeat(times, arrangement["c"])
    every = arrangement["t"] * arrangement["c"]
    return times if times is not None and len(times) == every else None


def _unwritten(folder: Path, array: Any, arrangement: Arrangement) -> int:
    """Return how many frames at the end have no chunk."""
    grid = getattr(array, "shards", None) or array.chunks
    counts = [-(-n // size) for n, size in zip(array.shape, grid, strict=True)]
    time = arrangement.axes.index("t")
    for last in range(counts[time] - 1, -1, -1):
        others = [range(n) if axis != time else (last,) for axis, n in enumerate(counts)]
        keys = (str(array.metadata.encode_chunk_key(place)) for place in product(*others))
        if any((folder / key).exists() for key in keys):
            return max(0, int(array.shape[time] - (last + 1) * grid[time]))
    return int(array.shape[time])


def _ome_image(attributes: Mapping[str, Any], inside: str) -> _Image | None:
    """Read the multiscale metadata of OME-Zarr 0.4 or 0.5."""
    ome = attributes.get("ome")
    images = (ome if isinstance(ome, Mapping) else attributes).get("multiscales")
    if not images:
        return None
    image, finest = images[0], images[0]["datasets"][0]
    listed = [a if isinstance(a, Mapping) else {"name": a} for a in image.get("axes", ())]
    axes = named_axes([axis.get("name") for axis in listed])
    levels = tuple(f"{inside}{level['path']}" for level in image["datasets"])
    scale = _scale(image) or [1.0] * len(listed)
    fine = _scale(finest)
    if not axes or not fine or not len(fine) == len(scale) == len(listed):
        return _Image(levels, axes or None)
    units = [axis.get("unit") for axis in listed]
    sizes = [own * common for own, common in zip(fine, scale, strict=True)]
    steps = dict(zip(axes, zip(sizes, units, strict=True), strict=True))
    told: list[str] = []
    interval = in_seconds(*steps["t"], told) if steps.get("t", (0, None))[1] else None
    size = in_millimetres(*steps["x"], told) if "x" in steps else None
    height = in_millimetres(*steps["y"]) if "y" in steps else None
    if size and height and not math.isclose(size, height, rel_tol=0.01):
        told.append(f"its pixels are {size:g} mm wide and {height:g} mm high; the width is taken.")
    return _Image(levels, axes, 1 / interval if interval else None, size, tuple(told))


def _scale(holder: Mapping[str, Any]) -> Sequence[float] | None:
    for transform in holder.get("coordinateTransformations", ()):
        if transform.get("type") == "scale":
            return [float(factor) for factor in transform["scale"]]
    return None


register(
    MovieFormat(
        name="Zarr",
        patterns=("*.zarr",),
        recognized="a folder with zarr.json, .zarray or .zgroup in it, versions 2 and 3, OME-Zarr "
        "0.4 and 0.5; the only array of frames x rows x columns, or the one given as dataset",
        metadata="OME-Zarr: axes, scales with units, colours; else names of dimensions, attributes "
        "called frame_rate or fps, pixel_size_mm or pixel_size_um; frame_times (s)",
        matches=lambda path: path.is_dir() and any((path / mark).exists() for mark in _MARKS),
        open=open_zarr,
        options=frozenset({"dataset", "axes"}),
    )
)
