"""MATLAB files: version 7.3 as HDF5, earlier ones through mat-io."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_cortex_decoder.containers import matlab
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.arrays import (
    ArrayFrames,
    choose,
    could_be_movie,
    could_be_traces,
    said_pixel_size,
    said_rate,
    trace_frames,
)
from napari_cortex_decoder.recording.formats.axes import arrange
from napari_cortex_decoder.recording.formats.frames import check_frames, file_token
from napari_cortex_decoder.recording.formats.hdf5 import open_hdf5
from napari_cortex_decoder.recording.formats.joining import join
from napari_cortex_decoder.recording.formats.names import two_colours
from napari_cortex_decoder.recording.formats.painted import Areas, namings, painted
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class _Variable:
    """A variable that is read whole when its first frame is: its format is a stream."""

    path: Path
    name: str

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the pixels."""
        return {"path": self.path, "name": self.name}

    @cached_property
    def _array(self) -> NDArray[Any]:
        return matlab.variable(self.path, self.name)

    @contextmanager
    def open(self) -> Iterator[NDArray[Any]]:
        """Return the array to slice."""
        with _ONE_AT_A_TIME:
            array = self._array
        yield array


def open_matlab(
    path: Path,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    areas: Areas = None,
    atlas: str | None = None,
) -> MovieFile:
    """Open a variable; see `napari_cortex_decoder.recording.open_recording`."""
    from h5py import is_hdf5

    with readable(path, matlab.WHAT):
        if is_hdf5(path):
            return open_hdf5(path, dataset=dataset, axes=axes, areas=areas, atlas=atlas)
    variables = matlab.variables(path, longest=1)
    movies = {n: v.shape for n, v in variables.items() if could_be_movie(v.shape, v.dtype)}
    traces = {n: v.shape for n, v in variables.items() if could_be_traces(v.shape, v.dtype)}
    of_traces = dataset in traces if dataset else bool(traces) and not movies
    pair = two_colours(movies, dataset)
    if pair:
        parts = [open_matlab(path, dataset=name, axes=axes) for name in pair]
        return join([path / name for name in pair], parts)
    name = choose(path, traces if of_traces else movies, dataset)
    said = {name: one.values for name, one in variables.items()}
    if of_traces:
        shape = variables[name].shape
        named = namings(path, shape, matlab.texts(path).values(), areas)
        rows, warnings = trace_frames(
            path,
            _Variable(path, name),
            shape,
            variables[name].dtype,
            len(named[0].names),
            axes=axes,
            stamp=(*file_token(path), name),
            what=matlab.WHAT,
        )
        about = {"dataset": name}
        found = MovieFile(
            frames=rows, frame_rate=said_rate(said), metadata=about, warnings=warnings
        )
        return painted(path, found, named, atlas=atlas)
    dtype = variables[name].dtype
    arrangement, warnings = arrange(path, variables[name].shape, said=axes, usual="yxt")
    check_frames(path, arrangement.movie_shape, dtype)
    frames = ArrayFrames(
        source=_Variable(path, name),
        arrangement=arrangement,
        dtype=dtype,
        stamp=(*file_token(path), name),
        what=matlab.WHAT,
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
        recognized="by its name and first bytes, any version; the only array of rows x "
        "columns x frames in it, or the one given as dataset; without one, traces, times x areas, "
        "with their names in a cell array or given as areas",
        metadata="variables called frame_rate, frameRate or fps, pixel_size_mm or pixel_size_um; "
        "in version 7.3 also frame_times or timestamps (s)",
        matches=lambda path: path.suffix.lower() == ".mat" and path.is_file(),
        open=open_matlab,
        options=frozenset({"dataset", "axes", "areas", "atlas"}),
    )
)
