"""Raw frames without a header: the shape is in the name, as wfield writes it, or given."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording.formats.arrays import said_pixel_size, said_rate
from napari_cortex_decoder.recording.formats.axes import arrange
from napari_cortex_decoder.recording.formats.description import description_of
from napari_cortex_decoder.recording.formats.frames import (
    RawFrames,
    check_frames,
    fewer_frames,
    file_token,
    nothing_at_the_end,
)
from napari_cortex_decoder.recording.formats.npy import array_frames
from napari_cortex_decoder.recording.formats.npy_header import NpyHeader
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register

_SUFFIXES = (".dat", ".bin", ".raw")
# wfield: frames_2_540_640_uint16.dat is two colours of 540 rows and 640 columns
_NAME = re.compile(r"_(\d+)_(\d+)_(\d+)_([a-z]+\d*)$")


def open_raw(
    path: Path,
    *,
    shape: tuple[int, ...] | None = None,
    dtype: str | None = None,
    axes: str | None = None,
) -> MovieFile:
    """Open raw frames; see `napari_cortex_decoder.recording.open_recording`."""
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
    if not size:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    if min(rows, columns, channels) < 1 or channels > 2 or size < 0:
        raise RecordingError(
            f"{path}: it cannot hold {channels} colours of {rows} x {columns} px; give the shape "
            "of a movie of one or two colours."
        )
    held, rest = divmod(size, step * channels)
    if frames is not None and not rest and 0 < held * channels < frames:
        told.append(fewer_frames(frames, held * channels))
    elif frames is not None and not rest and shape is None and held * channels > frames:
        told.append(f"{frames} frames are described and {held * channels} are in the file.")
    elif rest or (frames is not None and size != frames * step):
        claimed = f"{frames} frames" if frames is not None else "whole frames"
        raise RecordingError(
            f"{path}: its {size} bytes are not {claimed} of {channels} x {rows} x {columns} px of "
            f"{stored.name}; copy it again if it is truncated, else give its true shape and dtype."
        )
    check_frames(path, (held * channels, rows, columns), stored)
    if axes is not None and axes.replace("c", "") != "yx" and axes not in ("tyx", "tcyx"):
        lengths = {"t": held, "c": channels, "y": rows, "x": columns}
        found = _other_order(path, lengths, stored, axes, offset)
    else:
        offsets = offset + step * np.arange(held * channels, dtype=np.int64)
        reader = RawFrames(path, offsets, (rows, columns), stored, file_token(path))
        told += nothing_at_the_end(reader)
        lag = 0.5 if channels == 2 else None  # a camera writes one after the other
        found = MovieFile(frames=reader, channels=channels, reference_lag=lag)
    said = beside.said if beside is not None else {}
    return replace(
        found,
        frame_rate=said_rate(said),
        pixel_size=said_pixel_size(said),
        metadata={"described by": beside.path.name} if beside is not None else {},
        warnings=tuple(told),
    )


def _other_order(
    path: Path, lengths: dict[str, int], stored: np.dtype[Any], axes: str, offset: int
) -> MovieFile:
    """Return frames whose axes lie in another order in the file, such as columns after columns."""
    if sorted(axes) != sorted(a for a in "tcyx" if a != "c" or lengths["c"] > 1 or "c" in axes):
        raise RecordingError(
            f"{path}: its axes cannot be {axes!r}; give them slowest first, such as axes='txy' for "
            "frames that lie column after column."
        )
    in_file = tuple(lengths[axis] for axis in axes)
    arrangement, _ = arrange(path, in_file, said=axes)
    frames = array_frames(NpyHeader(path, in_file, False, stored, offset), arrangement)
    return MovieFile(frames=frames, channels=arrangement["c"])


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


register(
    MovieFormat(
        name="raw",
        patterns=tuple(f"*{suffix}" for suffix in _SUFFIXES),
        recognized="by its name; shape and type from a file of the same name beside it (.json, "
        ".yaml, .xml, .ini, .txt, ENVI's .hdr, MetaImage's .mhd), from the name, as wfield writes "
        "it (`…_COLOURS_ROWS_COLUMNS_dtype.dat`), or given as shape and dtype",
        metadata="colours; what the file beside it says of order, rate and pixel size",
        matches=lambda path: path.suffix.lower() in _SUFFIXES and path.is_file(),
        open=open_raw,
        options=frozenset({"shape", "dtype", "axes"}),
    )
)
