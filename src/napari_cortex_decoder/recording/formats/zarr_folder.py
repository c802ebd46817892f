"""Zarr 2 and 3, and OME-Zarr: a folder of chunks."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.arrays import Array, movie_of
from napari_cortex_decoder.recording.formats.axes import named_axes
from napari_cortex_decoder.recording.formats.choosing import open_chosen
from napari_cortex_decoder.recording.formats.frames import WithoutCache, file_token
from napari_cortex_decoder.recording.formats.named_values import MOST_TIMES, are_times, said_times
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.tiff_metadata import OmeImage
from napari_cortex_decoder.recording.provenance import PROGRAM, steps_in_text
from napari_cortex_decoder.units import in_millimetres, in_seconds

_WHAT = "a Zarr movie"
MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files of which one lies in every Zarr folder."""
_DEPTH = 4
_TICK = 0.012  # s
_TICKING = 5  # Linux' CLOCK_REALTIME_COARSE, which Python does not name


@dataclass(frozen=True, eq=False)
class ZarrArray(WithoutCache):
    """An array of a Zarr folder; its chunks are files that are open only while they are read.

    Of the folder, and those in it, it is known when they were `opened` and last changed (ns).
    """

    path: Path
    name: str
    folders: Mapping[Path, int]
    opened: int

    @classmethod
    def at(cls, path: Path, name: str) -> ZarrArray:
        """Return an array of a folder as it is now."""
        opened, array = _now(), path / name
        places = [place for place in (array / "c", array, *array.parents) if place.is_dir()]
        inside = [place for place in places if place == path or path in place.parents]
        return cls(path, name, {place: place.stat().st_mtime_ns for place in inside}, opened)

    @cached_property
    def array(self) -> Any:
        """The array itself, once its chunks are known to be numbers."""
        import zarr

        from napari_cortex_decoder.containers.zarr_store import CheckedStore

        store = CheckedStore(self.path, self.folders, self.opened)
        node = zarr.open(store, mode="r")
        array = node[self.name] if self.name else node
        store.expect(array)
        return array

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Return the array to slice."""
        yield self.array


class _Image(NamedTuple):
    """What OME-Zarr says of an image, whose finest level is the first."""

    levels: tuple[str, ...]
    axes: str | None
    said: dict[str, float]
    told: list[str]


def open_zarr(path: Path, given: Given) -> MovieFile:
    """Open a Zarr folder; see `napari_cortex_decoder.recording.open_recording`."""
    import zarr

    root = zarr.open(str(path), mode="r")
    images: dict[str, _Image] = {}

    def array(name: str) -> Array:
        source = ZarrArray.at(path, name)
        data = source.array
        inside = [name.rpartition("/")[0]] if "/" in name else []
        groups = [*(root[one] for one in inside), *([root] if name else [])]
        image = images.get(name, _Image((), None, {}, []))
        told = [*image.told]
        clocks = (_frame_times(path, group, told) for group in groups)
        times = next((times for times in clocks if times), {})
        names = getattr(data.metadata, "dimension_names", None)
        return Array(
            source=source,
            name=name,
            shape=data.shape,
            dtype=data.dtype,
            chunks=data.chunks,
            stamp=(*file_token(_description(path / name)), name),
            what=_WHAT,
            labels=image.axes or names or data.attrs.get("_ARRAY_DIMENSIONS") or (),
            places=(image.said, *(dict(one.attrs) for one in (data, *groups)), times),
            at_end=partial(_unwritten, path / name, data),
            said=tuple(told),
        )

    if isinstance(root, zarr.Array):
        return movie_of(array(""), given.axes)
    arrays, images, wanted = _arrays(path, root, given.dataset)
    found = open_chosen(path, arrays, array, None, replace(given, dataset=wanted))
    return replace(found, steps=steps_in_text(root.attrs.get(PROGRAM)))


def _description(folder: Path) -> Path:
    return next(folder / mark for mark in ("zarr.json", ".zarray") if (folder / mark).exists())


def _arrays(
    path: Path, root: Any, wanted: str | None
) -> tuple[dict[str, Any], dict[str, _Image], str | None]:
    """Return what can be the movie, what OME-Zarr says of it, and which is wanted.

    The levels of an image are one movie, by the name of the finest.
    """
    import zarr

    members = [("", root), *sorted(root.members(max_depth=_DEPTH))]
    images: dict[str, _Image] = {}
    for name, member in members:
        if isinstance(member, zarr.Group) and "labels" not in name.split("/"):
            found = _ome_image(dict(member.attrs), f"{name}/" if name else "")
            if found is not None:
                images[name] = _with_xml(path, name, found)
    if wanted is not None and wanted.strip("/") in images:
        wanted = images[wanted.strip("/")].levels[0]
    finest = {image.levels[0]: image for image in images.values()}
    arrays = {name: member for name, member in members if isinstance(member, zarr.Array)}
    movies = {n: one for n, one in arrays.items() if n in finest or wanted == n or not images}
    missing = next((name for name in finest if name not in arrays), None)
    if missing is not None and not movies:
        raise RecordingError(f"{path}: {missing!r} is no array; copy the folder again.")
    return movies, finest, wanted


def _with_xml(path: Path, name: str, image: _Image) -> _Image:
    """Add what bioformats2raw keeps in OME-XML beside the images, which it numbers."""
    file, number = path / "OME" / "METADATA.ome.xml", name.rpartition("/")[2]
    if "frame_rate" in image.said or not number.isdecimal() or not file.is_file():
        return image
    try:
        with readable(file, "OME-XML"):
            told = OmeImage(file.read_text("utf-8"), "", number=int(number))
    except RecordingError:
        return image  # a broken description costs the description only
    rest = {"frame_rate": told.frame_rate, "pixel_size_mm": told.pixel_size}
    return image._replace(said={key: n for key, n in rest.items() if n} | image.said)


def _frame_times(path: Path, group: Any, told: list[str]) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of the time points, from an array called like ``frame_times``."""
    for name, times in group.arrays():
        if are_times(name) and times.ndim == 1 and times.size > 1 and times.dtype.kind in "iuf":
            if max(times.size, math.prod(times.chunks)) > MOST_TIMES:
                told.append(f"{name} claims {times.size} times, which no movie has; left out.")
                break
            unit = times.attrs.get("units", times.attrs.get("unit"))
            values = ZarrArray.at(path, str(times.path)).array[:]
            seconds = said_times(name, values, unit, told)
            return {} if seconds is None else {"frame_times": seconds}
    return {}


def _unwritten(folder: Path, array: Any, time: int) -> tuple[str, ...]:
    """Return a word on frames at the end of which there is no chunk."""
    grid = getattr(array, "shards", None) or array.chunks
    end = [-(-n // size) - 1 if axis == time else 0
           for axis, (n, size) in enumerate(zip(array.shape, grid, strict=True))]  # fmt: skip
    if (folder / array.metadata.encode_chunk_key(tuple(end))).exists():
        return ()
    # not asked for one by one: a description may claim any number
    names = (re.split("[/.]", one.relative_to(folder).as_posix()) for one in folder.rglob("*"))
    places = (name[-len(grid) :] for name in names if len(name) >= len(grid))
    last = max((int(p[time]) for p in places if all(map(str.isdecimal, p))), default=-1)
    n, held = int(array.shape[time]), (last + 1) * grid[time]
    if held >= n:
        return ()
    return (
        f"the last {n - held} of its {n} frames were never written, or not copied; they are shown "
        f"as {array.fill_value}.",
    )


def _ome_image(attributes: Mapping[str, Any], inside: str) -> _Image | None:
    """Read the multiscale metadata of OME-Zarr 0.4 or 0.5."""
    ome = attributes.get("ome")
    images = (ome if isinstance(ome, Mapping) else attributes).get("multiscales")
    if not images:
        return None
    image = images[0]
    listed = [a if isinstance(a, Mapping) else {"name": a} for a in image.get("axes", ())]
    axes = named_axes([axis.get("name") for axis in listed])
    levels = tuple(f"{inside}{level['path']}" for level in image["datasets"])
    scale, fine = _scale(image) or [1.0] * len(listed), _scale(image["datasets"][0])
    told: list[str] = []
    said: dict[str, float] = {}
    if axes and fine and len(fine) == len(scale) == len(listed):
        steps = {
            letter: (own * common, axis.get("unit"))
            for letter, own, common, axis in zip(axes, fine, scale, listed, strict=True)
        }
        interval = in_seconds(*steps["t"], told) if steps.get("t", (0, None))[1] else None
        size = in_millimetres(*steps["x"], told) if "x" in steps else None
        height = in_millimetres(*steps["y"]) if "y" in steps else None
        said |= {"frame_rate": 1 / interval} if interval else {}
        said |= {"pixel_size_mm": size} if size else {}
        if size and height and not math.isclose(size, height, rel_tol=0.01):
            told.append(
                f"its pixels are {size:g} mm wide and {height:g} mm high; the width is taken."
            )
    return _Image(levels, axes or None, said, told)


def _scale(holder: Mapping[str, Any]) -> Sequence[float] | None:
    transforms = holder.get("coordinateTransformations", ())
    scales = [one["scale"] for one in transforms if one.get("type") == "scale"]
    return [float(factor) for factor in scales[0]] if scales else None


def _now() -> int:
    """Return the time (ns) as folders get it: by a clock that ticks, which lags the exact one.

    A tick is waited for, so that what was written before has another time than what comes after.
    """
    time.sleep(_TICK)
    return time.clock_gettime_ns(_TICKING) if sys.platform == "linux" else time.time_ns()
