"""NumPy's ``.npy``: one array, read where it lies."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from napari_cortex_decoder.recording.formats.arrays import (
    ArrayFrames,
    said_pixel_size,
    said_rate,
    trace_frames,
)
from napari_cortex_decoder.recording.formats.axes import Arrangement, arrange, told_axes
from napari_cortex_decoder.recording.formats.description import description_of
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    RawFrames,
    check_frames,
    fewer_frames,
    file_token,
    nothing_at_the_end,
)
from napari_cortex_decoder.recording.formats.npy_header import NpyHeader, read_header
from napari_cortex_decoder.recording.formats.painted import Areas, namings, painted
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register


def open_npy(
    path: Path,
    *,
    axes: str | None = None,
    areas: Areas = None,
    atlas: str | None = None,
) -> MovieFile:
    """Open an array; see `napari_cortex_decoder.recording.open_recording`."""
    header = read_header(path, stopped_early=True)
    if len(header.shape) == 2 and header.stored.kind in "iuf":
        return _open_traces(path, header, axes, areas, atlas)
    # in column-major order a frame is in one piece where time is last, as MATLAB's people have it
    column_major = header.fortran_order and len(header.shape) > 2
    usual = "yxt" if column_major else "tyx"
    told: list[str] = []
    beside = description_of(path, told)
    described = beside.said if beside is not None else {}
    axes = axes or told_axes(header.shape, described)
    arrangement, warnings = arrange(path, header.shape, said=axes, usual=usual)
    warnings += tuple(told)
    if column_major and axes is None and not warnings:
        warnings = (
            f"the array is in column-major order, so its axes were taken to be "
            f'{arrangement.axes!r}; if they are not, open it with axes="tyx".',
        )
    check_frames(path, arrangement.movie_shape, header.stored)
    if header.claimed:
        warnings += (fewer_frames(header.claimed, arrangement["t"]),)
    frames = array_frames(header, arrangement)
    warnings += nothing_at_the_end(frames)
    return MovieFile(
        frames=frames,
        channels=arrangement["c"],
        frame_rate=said_rate(described),
        pixel_size=said_pixel_size(described),
        warnings=warnings,
    )


def _open_traces(
    path: Path,
    header: NpyHeader,
    axes: str | None,
    areas: Areas,
    atlas: str | None,
) -> MovieFile:
    """Open traces, of which such a file does not say the names."""
    named = namings(path, header.shape, (), areas)
    frames, said = trace_frames(
        path,
        header,
        header.shape,
        header.stored,
        len(named[0].names),
        axes=axes,
        stamp=file_token(header.path),
        what="a NumPy array",
    )
    found = MovieFile(frames=frames, warnings=said)
    return painted(path, found, named, atlas=atlas)


def array_frames(header: NpyHeader, arrangement: Arrangement) -> FrameReader:
    """Return the frames of an array in a file, however its axes lie."""
    in_order = arrangement.axes if not header.fortran_order else arrangement.axes[::-1]
    long = "".join(axis for axis in in_order if arrangement[axis] > 1 or axis in "tyx")
    if long in ("tyx", "tcyx"):
        return raw_frames(header, arrangement)
    # a frame is spread over the whole file: as many as a page of the disk holds cost no more
    together = min(arrangement["t"], max(1, 4096 // header.stored.itemsize))
    frame = math.prod(arrangement.movie_shape[1:]) * header.stored.itemsize
    return ArrayFrames(
        source=header,
        arrangement=arrangement,
        dtype=header.stored.newbyteorder("="),
        stamp=file_token(header.path),
        what="a NumPy array",
        together=max(1, min(together, 2**26 // frame)) if in_order.endswith("t") else 1,
    )


def raw_frames(header: NpyHeader, arrangement: Arrangement) -> RawFrames:
    """Return the frames of an array in which each lies in one piece, rows after rows."""
    frames, rows, columns = arrangement.movie_shape
    step = rows * columns * header.stored.itemsize
    return RawFrames(
        header.path,
        header.offset + step * np.arange(frames, dtype=np.int64),
        (rows, columns),
        header.stored,
        file_token(header.path),
    )


register(
    MovieFormat(
        name="NumPy",
        patterns=("*.npy",),
        recognized="by its name; an array of frames x rows x columns, or frames x 2 colours x rows "
        "x columns; of other orders the one that gives sensible frames, or axes as given; traces, "
        "times x areas, with their names given as areas",
        metadata="what a file of the same name beside it says (.json, .yaml, .xml, .ini, .txt) of "
        "axes, rate and pixel size",
        matches=lambda path: path.suffix.lower() == ".npy" and path.is_file(),
        open=open_npy,
        options=frozenset({"axes", "areas", "atlas"}),
    )
)
