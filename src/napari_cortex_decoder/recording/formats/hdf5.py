"""HDF5, and MATLAB 7.3, which is HDF5 with its axes the other way round."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    could_be_traces,
    frames_in_chunk,
    said_pixel_size,
    said_rate,
    said_times,
    trace_frames,
)
from napari_cortex_decoder.recording.formats.axes import (
    Arrangement,
    arrange,
    named_axes,
    told_axes,
)
from napari_cortex_decoder.recording.formats.frames import (
    check_frames,
    fewer_frames,
    file_token,
    nothing_at_the_end,
)
from napari_cortex_decoder.recording.formats.joining import join
from napari_cortex_decoder.recording.formats.names import two_colours
from napari_cortex_decoder.recording.formats.nwb_fields import text_of
from napari_cortex_decoder.recording.formats.painted import Areas, namings, painted
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.tables import time_unit

_Shapes = dict[str, tuple[int, ...]]

_MOST_NAMES = 10_000
_SUFFIXES = (".h5", ".hdf5", ".hdf")


@dataclass(frozen=True)
class Hdf5Array:
    """A dataset of an HDF5 file."""

    path: Path
    name: str

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Return the dataset to slice."""
        from napari_cortex_decoder.containers import hdf5

        with hdf5.opened(self.path) as file:
            yield file[self.name]


def open_hdf5(
    path: Path,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    areas: Areas = None,
    atlas: str | None = None,
) -> MovieFile:
    """Open a dataset; see `napari_cortex_decoder.recording.open_recording`."""
    from h5py import is_hdf5

    from napari_cortex_decoder.containers import hdf5

    what = "an HDF5 file"
    with readable(path, what):
        if not is_hdf5(path):
            raise RecordingError(
                f"{path}: this is no HDF5 file, whatever its name says; export it again."
            )
        with hdf5.opened(path) as file:
            movies, traces, small, told = _contents(file)
            of_traces = dataset in traces if dataset else bool(traces) and not movies
            pair = two_colours(movies, dataset)
            several = traces if of_traces else movies
            name = pair[0] if pair else choose(path, several, dataset)
            array = file[name]
            matlab = "MATLAB_class" in array.attrs
            shape, stored, chunks = array.shape, array.dtype, array.chunks
            labels = [
                dimension.label or (dimension[0].name if len(dimension) else "")
                for dimension in array.dims
            ]
            attributes = [dict(array.attrs), dict(array.parent.attrs), dict(file.attrs)]
            check_readable(path, array)
            named = namings(path, shape, _texts(file), areas) if of_traces else []
            held, holes = recorded(array)
    if pair:
        parts = [open_hdf5(path, dataset=name, axes=axes) for name in pair]
        return join([path / name for name in pair], parts)
    attributes = [*attributes, small]
    if of_traces:
        rows, slow = trace_frames(
            path,
            Hdf5Array(path, name),
            shape,
            stored,
            len(named[0].names),
            axes=axes[::-1] if axes and matlab else axes,
            stamp=(*file_token(path), name),
            what=what,
            chunks=chunks,
            usual="xt" if matlab else "tx",
        )
        found = MovieFile(
            frames=rows,
            frame_rate=said_rate(*attributes),
            frame_times=_times(rows.shape[0], rows.shape[0], 1, *attributes),
            metadata={"dataset": name},
            warnings=(*slow, *told),
        )
        return painted(path, found, named, atlas=atlas)
    found = array_movie(
        path,
        Hdf5Array(path, name),
        what=what,
        shape=shape,
        held=held,
        stored=stored,
        chunks=chunks,
        said=axes,
        labels=labels,
        matlab=matlab,
        places=attributes,
    )
    return replace(found, warnings=(*found.warnings, *told, *holes))


def array_movie(
    path: Path,
    source: Hdf5Array,
    *,
    what: str,
    shape: tuple[int, ...],
    held: tuple[int, ...],
    stored: np.dtype[Any],
    chunks: tuple[int, ...] | None,
    said: str | None,
    labels: list[str],
    matlab: bool,
    places: Sequence[Mapping[str, Any]],
) -> MovieFile:
    """Make the movie of a dataset whose file has been looked through.

    Parameters
    ----------
    held
        How much of the shape was written, along each axis.
    said
        Axes as the user gives them.
    labels
        Names of the axes in the file, empty where there are none.
    matlab
        Whether MATLAB wrote it.
    places
        Where the file may say its rate, pixel size and frame times, by name.
    """
    named = named_axes(labels, shape)
    if named is None or not set("tyx") <= set(named):
        named = told_axes(shape, *places)
    if said is None and named is not None:
        arrangement, warnings = arrange(path, shape, said=named)
    else:
        usual = "yxt" if matlab else "tyx"
        arrangement, warnings = arrange(path, shape, said=said, usual=usual, transposed=matlab)
    claimed, time = arrangement["t"], arrangement.axes.index("t")
    if 0 < held[time] < claimed:
        cut = (*shape[:time], held[time], *shape[time + 1 :])
        arrangement = Arrangement(arrangement.axes, cut)
        warnings += (fewer_frames(claimed, held[time]),)
    check_frames(path, arrangement.movie_shape, stored)
    together, slow = frames_in_chunk(path, arrangement, chunks, stored.itemsize)
    frames = ArrayFrames(
        source=source,
        arrangement=arrangement,
        dtype=stored.newbyteorder("="),
        stamp=(*file_token(path), source.name),
        what=what,
        together=together,
    )
    warnings += slow if chunks else nothing_at_the_end(frames)
    return MovieFile(
        frames=frames,
        channels=arrangement["c"],
        frame_rate=said_rate(*places),
        pixel_size=said_pixel_size(*places),
        frame_times=_times(claimed, arrangement["t"], arrangement["c"], *places),
        metadata={"dataset": source.name},
        warnings=warnings,
    )


def _texts(file: Any) -> list[list[str]]:
    """Return the lists of texts in a file: HDF5's own, and MATLAB's cell arrays of characters."""
    import h5py

    from napari_cortex_decoder.containers import hdf5

    lists: list[list[str]] = []

    def look(_: str, item: Any) -> None:
        if not isinstance(item, hdf5.Dataset) or not 1 < (item.size or 0) <= _MOST_NAMES:
            return
        if h5py.check_string_dtype(item.dtype) is not None:
            lists.append([text_of(text) or "" for text in np.ravel(item[()])])
        elif h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            cells = [file[ref] for ref in np.ravel(item[()]) if ref]
            if all(_is_text(cell) for cell in cells):
                lists.append(["".join(map(chr, np.ravel(cell[()]))) for cell in cells])

    file.visititems(look)
    return lists


def _is_text(cell: Any) -> bool:
    """Whether a cell of MATLAB's holds characters, not more than a name has."""
    of = getattr(cell, "attrs", {}).get("MATLAB_class")
    return of == b"char" and cell.dtype.kind == "u" and cell.size <= _MOST_NAMES


def _contents(file: Any) -> tuple[_Shapes, _Shapes, dict[str, Any], list[str]]:
    """Shapes of what could be the movie, or traces, what small datasets hold, and what to say."""
    from napari_cortex_decoder.containers import hdf5

    movies, traces, single = _Shapes(), _Shapes(), _Shapes()
    small: dict[str, Any] = {}
    told: list[str] = []

    def look(name: str, item: Any) -> None:
        if not isinstance(item, hdf5.Dataset) or item.shape is None:
            return
        if could_be_movie(item.shape, item.dtype):
            movies[name] = item.shape
            return
        if could_be_movie((2, *item.shape), item.dtype) and item.ndim > 2:
            single[name] = item.shape  # a frame of a set of files
            return
        if could_be_traces(item.shape, item.dtype) and not name.startswith("#refs#/"):
            traces[name] = item.shape
            return
        key = name.rpartition("/")[2].lower()
        if item.dtype.kind not in "iuf" or item.size >= 2**24 or key in small:
            return
        if are_times(key) and item.size > 1:
            times = said_times(key, item[()], _unit(item, key), told)
            small[key.removesuffix(f"_{time_unit(key)}")] = times
        elif item.size == 1:
            small[key] = item[()]

    file.visititems(look)
    return movies or single, traces, small, told


def recorded(array: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
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


def check_readable(path: Path, array: Any) -> None:
    """Refuse a dataset that is compressed with a filter that is not installed."""
    from h5py import h5z

    properties = array.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(index)
        if not h5z.filter_avail(code):
            raise RecordingError(
                f"{path}: {array.name} is compressed with {name.decode(errors='replace')!r}, which "
                "is not installed; install hdf5plugin, or save it with gzip."
            )


def _times(
    claimed: int, points: int, colours: int, *places: Mapping[str, Any]
) -> NDArray[np.float64] | None:
    """Return the time of each frame, from a list with one for each, or for each time point."""
    for place in places:
        for key, value in place.items():
            times = np.asarray(value)
            if not are_times(key) or times.dtype.kind not in "iuf":
                continue
            if times.size in (points, claimed):
                read = said_times(key, times[:points], "", [])
                return None if read is None else np.repeat(read, colours)
            if times.size == points * colours:
                return said_times(key, times, "", [])
    return None


register(
    MovieFormat(
        name="HDF5",
        patterns=tuple(f"*{suffix}" for suffix in _SUFFIXES),
        recognized="by its name and signature; the only array of frames x rows x columns in it, or "
        "the one given as dataset; without one, traces, times x areas, with their names in a list "
        "of texts or given as areas",
        metadata="attributes or datasets called frame_rate or fps, pixel_size_mm or pixel_size_um, "
        "frame_times or timestamps (s, or as units says); labels of axes",
        matches=lambda path: path.suffix.lower() in _SUFFIXES and path.is_file(),
        open=open_hdf5,
        options=frozenset({"dataset", "axes", "areas", "atlas"}),
    )
)
