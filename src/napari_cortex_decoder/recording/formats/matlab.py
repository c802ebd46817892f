"""MATLAB files: version 7.3 as HDF5, version 5 through SciPy."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.arrays import (
    ArrayFrames,
    choose,
    could_be_movie,
    said_pixel_size,
    said_rate,
)
from napari_cortex_decoder.recording.formats.axes import arrange
from napari_cortex_decoder.recording.formats.faults import readable
from napari_cortex_decoder.recording.formats.frames import check_frames, file_token
from napari_cortex_decoder.recording.formats.hdf5 import is_hdf5, open_hdf5
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register

_WHAT = "a MATLAB file"
_CLASSES = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
# zlib cannot do better than this; MATLAB 5 cannot hold more than 2 GB in a variable
_MOST_SHRINKAGE = 1032
_LARGEST_VARIABLE = 2**31


@dataclass(frozen=True, eq=False)
class Mat5Array:
    """A variable of a MATLAB 5 file, read whole when its first frame is: its format is a stream."""

    path: Path
    name: str

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the pixels."""
        return {"path": self.path, "name": self.name}

    @cached_property
    def _array(self) -> NDArray[Any]:
        import scipy.io

        array: NDArray[Any] = scipy.io.loadmat(self.path, variable_names=[self.name])[self.name]
        if np.iscomplexobj(array):
            raise RecordingError(f"{self.path}: {self.name} is complex; save its real part.")
        return array

    @contextmanager
    def open(self) -> Iterator[NDArray[Any]]:
        """Give the array to slice."""
        yield self._array


def open_matlab(path: Path, *, dataset: str | None = None, axes: str | None = None) -> MovieFile:
    """Open a variable; see `napari_cortex_decoder.recording.open_recording`."""
    with readable(path, _WHAT):
        if not path.stat().st_size:
            raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
        if is_hdf5(path):
            return open_hdf5(path, dataset=dataset, axes=axes)
        with path.open("rb") as file:
            header = file.read(128)
    if not header.startswith(b"MATLAB 5.0 MAT-file"):
        raise RecordingError(
            f"{path}: this is no MATLAB file of version 5 or 7.3, whatever its name says; save it "
            "again with save(…, '-v7.3')."
        )
    _check_whole(path, header)
    return _open_mat5(path, dataset, axes)


def _open_mat5(path: Path, dataset: str | None, axes: str | None) -> MovieFile:
    import scipy.io

    with readable(path, _WHAT, scipy.io.matlab.MatReadError):
        variables = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}
        scalars = [n for n, (shape, k) in variables.items() if shape == (1, 1) and k in _CLASSES]
        said = scipy.io.loadmat(path, variable_names=scalars) if scalars else {}
    movies = {
        name: shape
        for name, (shape, kind) in variables.items()
        if kind in _CLASSES and could_be_movie(shape, np.dtype(_CLASSES[kind]))
    }
    name = choose(path, movies, dataset)
    dtype = np.dtype(_CLASSES[variables[name][1]])
    size = int(np.prod([int(n) for n in movies[name]], dtype=object)) * dtype.itemsize
    if size > min(_LARGEST_VARIABLE, path.stat().st_size * _MOST_SHRINKAGE):
        raise RecordingError(
            f"{path}: {name} claims {size / 2**30:.1f} GB, more than the file can hold; its header "
            "is damaged, so save it again."
        )
    arrangement, warnings = arrange(path, movies[name], said=axes, usual="yxt")
    check_frames(path, arrangement.movie_shape, dtype)
    frames = ArrayFrames(
        source=Mat5Array(path, name),
        arrangement=arrangement,
        dtype=dtype,
        stamp=(*file_token(path), name),
        what=_WHAT,
    )
    return MovieFile(
        frames=frames,
        channels=arrangement["c"],
        frame_rate=said_rate(said),
        pixel_size=said_pixel_size(said),
        metadata={"dataset": name},
        warnings=warnings,
    )


def _check_whole(path: Path, header: bytes) -> None:
    """Refuse a file that ends inside a variable, which SciPy finds out only when it reads it."""
    tag = struct.Struct(">II" if header[126:128] == b"MI" else "<II")
    size, position, variables = path.stat().st_size, 128, 0
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            content = file.read(tag.size)
            position += tag.size + (tag.unpack(content)[1] if len(content) == tag.size else size)
            variables += 1
            if position > size:
                raise RecordingError(
                    f"{path}: the file is truncated: it ends inside variable {variables}; copy it "
                    "again."
                )


register(
    MovieFormat(
        name="MATLAB",
        patterns=("*.mat",),
        recognized="by its name and first bytes, version 5 or 7.3; the only array of rows x "
        "columns x frames in it, or the one given as dataset",
        metadata="variables called frame_rate, fps, Fs …; pixel_size (mm); in version 7.3 also "
        "frame_times or timestamps (s)",
        matches=lambda path: path.suffix.lower() == ".mat" and path.is_file(),
        open=open_matlab,
        options=frozenset({"dataset", "axes"}),
    )
)
