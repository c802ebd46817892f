"""Raw frames without a header: the shape is in the name, as wfield writes it, or given."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cortex_decoder.containers.npy import NpyHeader
from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording.formats.arrays import Array, movie_of
from napari_cortex_decoder.recording.formats.description import description_of
from napari_cortex_decoder.recording.formats.frames import file_token, other_frames
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile

# wfield: frames_2_540_640_uint16.dat is two colours of 540 rows and 640 columns
_NAME = re.compile(r"_(\d+)_(\d+)_(\d+)_([a-z]+\d*)$")


def open_raw(path: Path, given: Given) -> MovieFile:
    """Open raw frames; see `napari_cortex_decoder.recording.open_recording`."""
    shape, dtype, axes = given.shape, given.dtype, given.axes
    named = _NAME.search(path.stem)
    told: list[str] = []
    beside = description_of(path, told)
    channels, frames, offset = 1, None, 0
    if shape is not None:
        if len(shape) not in (2, 3) or not all(isinstance(n, int | np.integer) for n in shape):
            raise RecordingError(
                f"{path}: shape is {shape}; give (frames, rows, columns) or (rows, columns)."
            )
        frames = int(shape[0]) if len(shape) == 3 else None
        rows, columns = (int(n) for n in shape[-2:])
        kind = dtype or (named[4] if named else beside and beside.dtype) or "uint16"
    elif beside is not None and {"y", "x"} <= set(beside.lengths) and (beside.dtype or dtype):
        rows, columns = beside.lengths["y"], beside.lengths["x"]
        channels, offset = beside.lengths.get("c", 1), beside.offset
        points = beside.lengths.get("t")
        frames = points * channels if points else None
        kind, axes = dtype or beside.dtype or "", axes or beside.axes
    elif named:
        channels, rows, columns = (int(n) for n in named.group(1, 2, 3))
        kind = dtype or named[4]
    else:
        raise UnclearMovieError(
            f"{path}: a raw file does not say its shape; give shape and dtype (command line: --as "
            "shape=ROWS,COLUMNS --as dtype=uint16), or name it like wfield: "
            f"name_COLOURS_ROWS_COLUMNS_uint16.dat. {' '.join(told)}".rstrip()
        )
    stored = _dtype(path, kind)
    size = path.stat().st_size - offset
    step = rows * columns * stored.itemsize
    if min(rows, columns, channels) < 1 or channels > 2 or size <= 0:
        raise RecordingError(
            f"{path}: it cannot be {channels} colours of {rows} x {columns} px; give its shape."
        )
    held, rest = divmod(size, step * channels)
    there = held * channels
    if frames and not rest and (0 < there < frames or (shape is None and there > frames)):
        told.append(other_frames(frames, there))
    elif rest or (frames is not None and size != frames * step):
        claimed = f"{frames} frames" if frames is not None else "whole frames"
        raise RecordingError(
            f"{path}: its {size} bytes are not {claimed} of {channels} x {rows} x {columns} px of "
            f"{stored.name}; copy it again if it is truncated, else give its true shape and dtype."
        )
    if axes in (None, "tyx", "tcyx") or axes.replace("c", "") == "yx":
        axes = "tcyx" if channels > 1 else "tyx"
    lengths = {"t": held, "c": channels, "y": rows, "x": columns}
    if sorted(axes) != sorted(a for a in lengths if a != "c" or channels > 1 or "c" in axes):
        raise RecordingError(
            f"{path}: its axes cannot be {axes!r}; give them slowest first, such as axes='txy' for "
            "frames that lie column after column."
        )
    in_file = tuple(lengths[axis] for axis in axes)
    array = Array(
        source=NpyHeader(path, in_file, False, stored, offset),
        shape=in_file,
        dtype=stored,
        stamp=(*file_token(path), offset, stored.str),
        what="raw frames",
        places=(beside.said,) if beside is not None else (),
        said=tuple(told),
    )
    return replace(
        movie_of(array, axes),
        # a camera writes one after the other
        reference_lag=0.5 if axes == "tcyx" else None,
        metadata={"described by": beside.path.name} if beside is not None else {},
    )


def _dtype(path: Path, name: str) -> np.dtype[np.generic]:
    try:
        stored = np.dtype(name)
    except TypeError:
        stored = np.dtype(object)
    if stored.kind not in "iuf":
        raise RecordingError(
            f"{path}: {name!r} is no type of a pixel; give one such as 'uint16' or 'float32'."
        )
    return stored
