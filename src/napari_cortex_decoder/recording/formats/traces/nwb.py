"""Traces in NWB files: a ``RoiResponseSeries``, the names of its areas, and where they lie."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import LARGEST_FRAME
from napari_cortex_decoder.recording.formats.hdf5 import array_of
from napari_cortex_decoder.recording.formats.nwb_fields import clock_of, series_of, text_of
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.arrays import trace_frames
from napari_cortex_decoder.recording.formats.traces.painted import Naming, painted
from napari_cortex_decoder.recording.provenance import steps_in_text

_SIDES = ("side", "hemisphere", "hemi")
# in columns like these several rows have one value: the cells of an area
_PLACES = ("location", "region", "brain_area", "brain_region", "structure")


def traces_of_file(file: Any) -> dict[str, Any]:
    """Return every ``RoiResponseSeries`` by name, with its container's where two have one."""
    series = series_of(file, "RoiResponseSeries")
    names = [str(one.name).split("/") for one in series]
    last = [name[-1] for name in names]
    return {
        "/".join(name[-1:] if last.count(name[-1]) == 1 else name[-2:]): one
        for name, one in zip(names, series, strict=True)
    }


def open_traces(path: Path, series: Any, given: Given) -> MovieFile:
    """Make the movie of a ``RoiResponseSeries``, a group in a file that is open."""
    data, name = series.get("data"), str(series.name)
    if data is None or not data.size or data.dtype.kind not in "iuf" or len(data.shape) > 2:
        raise RecordingError(f"{path}: {name} holds no traces (times x areas); export it again.")
    rows, table = _rows(series), _table(series)
    n = len(rows) if rows is not None else data.shape[-1] if len(data.shape) == 2 else 1
    array = array_of(path, data, name=data.name)
    frames, said = trace_frames(array, n, given.axes)
    rate, times = clock_of(series, frames.shape[0])
    kind = text_of(series.parent.attrs.get("neurodata_type"))
    unit = text_of(data.attrs.get("unit"))
    quantity = {"DfOverF": "ΔF/F", "Fluorescence": "fluorescence"}.get(str(kind))
    shown = {"dataset": name.rpartition("/")[2], "traces": quantity, "unit": unit}
    found = MovieFile(
        frames=frames,
        frame_rate=rate,
        frame_times=times,
        metadata={key: value for key, value in shown.items() if value},
        warnings=said,
        steps=steps_in_text(text_of(series.attrs.get("comments"))),
    )
    rows = np.arange(frames.shape[2]) if rows is None else rows
    masks = None if table is None else partial(_masks, path, table, rows)
    return painted(path, found, _namings(table, rows), given, masks)


def _rows(series: Any) -> NDArray[np.int64] | None:
    """Return which row of the table of ROIs each trace is of; None where the file does not say."""
    region = series.own("rois")
    if region is None or region.dtype.kind not in "iu" or len(region.shape) != 1:
        return None
    return np.asarray(region[:], np.int64)


def _table(series: Any) -> Any:
    """Return the table of ROIs, the group that ``rois`` refers to; None if there is none."""
    region = series.own("rois")
    target = None if region is None else region.attrs.get("table")
    return series[target] if isinstance(target, h5py.Reference) and target else None


def _namings(table: Any, rows: NDArray[np.int64]) -> list[Naming]:
    """Return all that may be the traces' names: columns of text, and where the plane lies."""
    columns = {} if table is None else {key: _texts(table.own(key), rows) for key in table}
    texts = {key: column for key, column in columns.items() if column}
    sides = next((texts[key] for key in texts if key.lower() in _SIDES), [""] * len(rows))
    found = [
        Naming(column, sides, shared=key.lower() in _PLACES)
        for key, column in texts.items()
        if key.lower() not in _SIDES
    ]
    plane = None if table is None else table.own("imaging_plane")
    location = None if plane is None else plane.own("location")
    where = text_of(location[()]) if location is not None and location.shape == () else None
    found.append(Naming([f"ROI {row + 1}" for row in rows.tolist()], sides, made_up=True))
    return [*found, *([Naming([where] * len(rows), sides, shared=True)] if where else [])]


def _texts(column: Any, rows: NDArray[np.int64]) -> list[str]:
    """Return the texts of a column in some rows; nothing if it is not of texts."""
    if not isinstance(column, h5py.Dataset) or len(column.shape or ()) != 1:
        return []
    if h5py.check_string_dtype(column.dtype) is None:
        return []
    if not len(rows) or rows.min() < 0 or rows.max() >= column.shape[0]:
        return []
    texts = [text_of(value) for value in column[:]]
    return [texts[row] or "" for row in rows.tolist()]


def _masks(path: Path, table: Any, rows: NDArray[np.int64]) -> NDArray[np.int32] | None:
    """Paint where each trace was measured, shape (y, x); None where the file does not say."""
    images, pixels = table.own("image_mask"), table.own("pixel_mask")
    if images is not None and len(images.shape) == 3 and images.shape[0] > rows.max():
        shape = images.shape[2], images.shape[1]  # NWB has x before y
        places = ((np.nonzero(np.asarray(images[row]).T)) for row in rows.tolist())
    elif pixels is not None and {"x", "y"} <= set(pixels.dtype.names or ()):
        ends = np.asarray(table["pixel_mask_index"][:], np.int64)
        if rows.max() >= len(ends) or (np.diff(ends, prepend=0) < 0).any():
            raise RecordingError(f"{path}: the masks of {table.name} are damaged; export it again.")
        held = pixels[:]
        y, x = held["y"].astype(np.int64), held["x"].astype(np.int64)
        if not len(y) or min(y.min(), x.min()) < 0 or ends[-1] > len(y):
            return None
        shape = int(y.max()) + 1, int(x.max()) + 1
        starts = np.r_[0, ends[:-1]]
        places = ((y[a:b], x[a:b]) for a, b in zip(starts[rows], ends[rows], strict=True))
    else:
        return None
    if shape[0] * shape[1] > LARGEST_FRAME // 4:
        raise RecordingError(
            f"{path}: the masks of {table.name} claim a picture of {shape[0]} x {shape[1]} px, "
            "more than any camera has; the file is damaged, so copy or export it again."
        )
    image = np.zeros(shape, np.int32)
    by_size = sorted(enumerate(places, start=1), key=lambda one: -len(one[1][0]))
    for label, (row, column) in by_size:  # a smaller one on top, so that none is hidden
        image[row, column] = label
    return image
