"""Raw frames without a header: the shape is in the name, as wfield writes it, or given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording.formats.axes import arrange
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
    channels, frames = 1, None
    if shape is not None:
        if len(shape) not in (2, 3) or not all(isinstance(n, int | np.integer) for n in shape):
            raise RecordingError(
                f"{path}: shape is {shape}; give (frames, rows, columns) or (rows, columns)."
            )
        frames = int(shape[0]) if len(shape) == 3 else None
        rows, columns = (int(n) for n in shape[-2:])
        kind = dtype or (named[4] if named else "uint16")
    elif named:
        channels, rows, columns = (int(n) for n in named.group(1, 2, 3))
        kind = dtype or named[4]
    else:
        raise UnclearMovieError(
            f"{path}: a raw file does not say its shape; give shape and dtype (command line: --as "
            "shape=ROWS,COLUMNS --as dtype=uint16), or name it like wfield: "
            "name_COLOURS_ROWS_COLUMNS_uint16.dat."
        )
    stored = _dtype(path, kind)
    size = path.stat().st_size
    step = rows * columns * stored.itemsize
    if min(rows, columns, channels) < 1 or channels > 2:
        raise RecordingError(
            f"{path}: it cannot hold {channels} colours of {rows} x {columns} px; give the shape "
            "of a movie of one or two colours."
        )
    held, rest = divmod(size, step * channels)
    warnings: tuple[str, ...] = ()
    if frames is not None and not rest and 0 < held * channels < frames:
        warnings = (fewer_frames(frames, held * channels),)
    elif rest or (frames is not None and size != frames * step):
        claimed = f"{frames} frames" if frames is not None else "whole frames"
        raise RecordingError(
            f"{path}: its {size} bytes are not {claimed} of {channels} x {rows} x {columns} px of "
            f"{stored.name}; copy it again if it is truncated, else give its true shape and dtype."
        )
    check_frames(path, (held * channels, rows, columns), stored)
    if axes is not None and axes not in ("tyx", "tcyx"):
        return _other_order(path, (held * channels, rows, columns), stored, axes, warnings)
    offsets = step * np.arange(held * channels, dtype=np.int64)
    reader = RawFrames(path, offsets, (rows, columns), stored, file_token(path))
    warnings += nothing_at_the_end(reader)
    lag = 0.5 if channels == 2 else None  # a camera writes one after the other
    return MovieFile(frames=reader, channels=channels, reference_lag=lag, warnings=warnings)


def _other_order(
    path: Path, shape: tuple[int, int, int], stored: np.dtype[Any], axes: str, told: tuple[str, ...]
) -> MovieFile:
    """Return frames whose axes lie in another order in the file, such as columns after columns."""
    if sorted(axes) != ["t", "x", "y"]:
        raise RecordingError(
            f"{path}: its axes cannot be {axes!r}; give them slowest first, such as axes='txy' for "
            "frames that lie column after column."
        )
    lengths = dict(zip("tyx", shape, strict=True))
    in_file = tuple(lengths[axis] for axis in axes)
    header = NpyHeader(path, in_file, False, stored, 0)
    arrangement, _ = arrange(path, in_file, said=axes)
    return MovieFile(frames=array_frames(header, arrangement), warnings=told)


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
        recognized="by its name; shape and type from the name, as wfield writes it "
        "(`…_COLOURS_ROWS_COLUMNS_dtype.dat`), or given as shape and dtype",
        metadata="colours",
        matches=lambda path: path.suffix.lower() in _SUFFIXES and path.is_file(),
        open=open_raw,
        options=frozenset({"shape", "dtype", "axes"}),
    )
)
