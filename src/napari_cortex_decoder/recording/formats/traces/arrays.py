"""Traces in arrays that another library slices, and the texts beside them that are their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording.formats.arrays import Array, ArrayFrames
from napari_cortex_decoder.recording.formats.axes import Arrangement
from napari_cortex_decoder.recording.formats.named_values import said_frame_times, said_rate
from napari_cortex_decoder.recording.formats.nwb_fields import text_of
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.painted import Naming, given_names, painted

_MOST_NAMES = 10_000


def could_be_traces(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of traces: times and areas, of numbers."""
    return len(shape) == 2 and min(shape) > 1 and dtype.kind in "iuf"


def traces_of(array: Array, lists: Iterable[Sequence[str]], given: Given) -> MovieFile:
    """Paint the traces of an array, which the user or one of the `lists` of texts names."""
    path = array.source.path
    named = namings(path, array.shape, lists, given.areas)
    frames, slow = trace_frames(array, len(named[0].names), given.axes)
    n, told = frames.shape[0], list(slow)
    found = MovieFile(
        frames=frames,
        frame_rate=said_rate(array.places, told),
        frame_times=said_frame_times(n, n, 1, array.places, told),
        metadata={"dataset": array.name} if array.name else {},
        warnings=(*told, *array.said),
    )
    return painted(path, found, named, given)


def trace_frames(
    array: Array, n_names: int, axes: str | None
) -> tuple[ArrayFrames, tuple[str, ...]]:
    """Make frames (t, 1, areas) of an array of traces, of one or two axes, and say what is slow.

    The user may say its `axes`, ``"ta"`` or ``"at"``; else the one as long as there are names is
    the areas'. If both or none are, time comes first in Python and last in MATLAB, or is the longer
    one.
    """
    shape = array.shape
    said = (axes or "").lower().replace("a", "x")
    if axes and (sorted(said) != ["t", "x"][: len(shape)] or len(shape) > 2):
        raise RecordingError(
            f"{array.source.path}: its axes cannot be {axes!r}, as the array is "
            f'{" x ".join(map(str, shape))}; give "ta", or "at" if each row is an area.'
        )
    said = said[::-1] if array.transposed else said
    if not said:
        said = "xt" if array.transposed else "tx"
        if len(shape) == 1:
            said = "t"
        elif shape[0] != shape[1]:
            turned = shape[0] == n_names if n_names in shape else shape[1] > shape[0]
            said = "xt" if turned else "tx"
    return array.frames(Arrangement(said, tuple(shape)))


def namings(
    path: Path,
    shape: tuple[int, ...],
    lists: Iterable[Sequence[str]],
    areas: str | Sequence[str] | None,
) -> list[Naming]:
    """Return what names the traces of an array: what the user gives, or lists in its file."""
    given = [given_names(areas)] if areas is not None else lists
    found = [Naming(names) for names in given if areas is not None or len(names) in shape]
    if not found:
        raise UnclearMovieError(
            f"{path}: an array in it is {' x '.join(map(str, shape))}: no movie, and traces of "
            "areas if you name them; give areas (command line: --as areas=FILE, a name a line).",
            traces=True,
        )
    return [naming for naming in found if len(naming.names) == len(found[0].names)]


def texts_of(file: Any) -> list[list[str]]:
    """Return the lists of texts in a file: HDF5's own, and MATLAB's cell arrays of characters."""
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
