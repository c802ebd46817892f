"""MATLAB files: version 7.3 as HDF5, version 5 through SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.arrays import (
    ArrayFrames,
    choose,
    could_be_movie,
    said_pixel_size,
    said_rate,
)
from napari_cortex_decoder.recording.formats.axes import arrange
from napari_cortex_decoder.recording.formats.frames import check_frames, file_token
from napari_cortex_decoder.recording.formats.hdf5 import is_hdf5, open_hdf5
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.recording.matlab5 import StoredArray, read_array, real_arrays

_WHAT = "a MATLAB file"
# zlib cannot do better than this
_MOST_SHRINKAGE = 1032


@dataclass(frozen=True, eq=False)
class Mat5Array:
    """A variable of a MATLAB 5 file, read whole when its first frame is: its format is a stream."""

    path: Path
    name: str
    stored: StoredArray

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the pixels."""
        return {"path": self.path, "name": self.name, "stored": self.stored}

    @cached_property
    def _array(self) -> NDArray[Any]:
        return read_array(self.path, self.name, self.stored)

    @contextmanager
    def open(self) -> Iterator[NDArray[Any]]:
        """Return the array to slice."""
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
    return _open_mat5(path, dataset, axes)


def _open_mat5(path: Path, dataset: str | None, axes: str | None) -> MovieFile:
    arrays = real_arrays(path)
    movies = {n: a.shape for n, a in arrays.items() if could_be_movie(a.shape, a.stored)}
    name = choose(path, movies, dataset)
    chosen = arrays[name]
    if chosen.n_bytes > path.stat().st_size * _MOST_SHRINKAGE:
        raise RecordingError(
            f"{path}: {name} claims {chosen.n_bytes / 2**30:.1f} GB, more than the file can hold; "
            "its header is damaged, so save it again."
        )
    arrangement, warnings = arrange(path, chosen.shape, said=axes, usual="yxt")
    check_frames(path, arrangement.movie_shape, chosen.stored)
    scalars = [n for n, array in arrays.items() if array.shape == (1, 1)]
    with readable(path, _WHAT):
        said = {n: read_array(path, n, arrays[n]) for n in scalars}
    frames = ArrayFrames(
        source=Mat5Array(path, name, chosen),
        arrangement=arrangement,
        dtype=chosen.stored,
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


register(
    MovieFormat(
        name="MATLAB",
        patterns=("*.mat",),
        recognized="by its name and first bytes, version 5 or 7.3; the only array of rows x "
        "columns x frames in it, or the one given as dataset",
        metadata="variables called frame_rate, frameRate or fps, pixel_size_mm or pixel_size_um; "
        "in version 7.3 also frame_times or timestamps (s)",
        matches=lambda path: path.suffix.lower() == ".mat" and path.is_file(),
        open=open_matlab,
        options=frozenset({"dataset", "axes"}),
    )
)
