"""NumPy's ``.npy``: one array, read where it lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.arrays import ArrayFrames
from napari_cortex_decoder.recording.formats.axes import Arrangement, arrange
from napari_cortex_decoder.recording.formats.faults import readable
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    RawFrames,
    check_frames,
    file_token,
)
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register


@dataclass(frozen=True)
class NpyHeader:
    """What an ``.npy`` file says about its array."""

    path: Path
    shape: tuple[int, ...]
    fortran_order: bool
    stored: np.dtype[Any]
    offset: int

    @contextmanager
    def open(self) -> Iterator[np.memmap[Any, Any]]:
        """Map the array; it is unmapped when nobody holds a view of it any more."""
        yield np.memmap(
            self.path,
            self.stored,
            "r",
            offset=self.offset,
            shape=self.shape,
            order="F" if self.fortran_order else "C",
        )


def read_header(path: Path) -> NpyHeader:
    """Read the header of an ``.npy`` file and check that its array is whole.

    Raises
    ------
    RecordingError
        If it is no such file, holds Python objects, or is truncated.
    """
    if not path.stat().st_size:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    with readable(path, "a NumPy array"), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise RecordingError(
                f"{path}: it is of version {version} of NumPy's format; save it again with "
                "numpy.save."
            )
        shape, fortran_order, stored = read(file)
        offset = file.tell()
    if stored.hasobject or stored.subdtype or stored.names:
        raise RecordingError(
            f"{path}: it holds {stored}, not numbers; save the movie as a plain array."
        )
    need = math.prod(shape) * stored.itemsize
    held = path.stat().st_size - offset
    if min(shape, default=0) < 0 or held < need:
        raise RecordingError(
            f"{path}: the file is truncated: its header claims {need} bytes of "
            f"{' x '.join(map(str, shape))} and it holds {held}; copy it again."
        )
    return NpyHeader(path, shape, fortran_order, stored, offset)


def open_npy(path: Path, *, axes: str | None = None) -> MovieFile:
    """Open an array; see `napari_cortex_decoder.recording.open_recording`."""
    header = read_header(path)
    arrangement, warnings = arrange(path, header.shape, said=axes)
    check_frames(path, arrangement.movie_shape, header.stored)
    return MovieFile(
        frames=_frames(header, arrangement), channels=arrangement["c"], warnings=warnings
    )


def _frames(header: NpyHeader, arrangement: Arrangement) -> FrameReader:
    in_order = arrangement.axes if not header.fortran_order else arrangement.axes[::-1]
    if in_order.replace("c", "").replace("z", "") == "tyx" and in_order[:2] in ("tc", "ty", "tz"):
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
    """Give the frames of an array in which each lies in one piece, rows after rows."""
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
        "x columns; of other orders the one that gives sensible frames, or axes as given",
        metadata="none",
        matches=lambda path: path.suffix.lower() == ".npy" and path.is_file(),
        open=open_npy,
        options=frozenset({"axes"}),
    )
)
