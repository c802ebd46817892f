"""NWB files: the one-photon movie, and the isosbestic one beside it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.arrays import choose, could_be_movie
from napari_cortex_decoder.recording.formats.faults import readable
from napari_cortex_decoder.recording.formats.hdf5 import (
    Hdf5Array,
    array_movie,
    check_readable,
    is_hdf5,
)
from napari_cortex_decoder.recording.formats.light import isosbestic
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.recording.formats.units import in_millimetres, positive

_WHAT = "an NWB file"


@dataclass(frozen=True)
class _Series:
    """One ``OnePhotonSeries``."""

    movie: MovieFile
    excitation: float | None


def open_nwb(path: Path, *, dataset: str | None = None, axes: str | None = None) -> MovieFile:
    """Open the one-photon series; see `napari_cortex_decoder.recording.open_recording`."""
    from hdmf.build.errors import BuildError, ConstructError, ContainerConfigurationError
    from pynwb import NWBHDF5IO
    from pynwb.ophys import OnePhotonSeries

    own = (BuildError, ConstructError, ContainerConfigurationError)
    with readable(path, _WHAT, *own), warnings.catch_warnings():
        # pynwb remarks on what other programs left out; it says nothing on the movie
        warnings.simplefilter("ignore")
        if not path.stat().st_size:
            raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
        if not is_hdf5(path):
            raise RecordingError(
                f"{path}: this is no NWB file of the HDF5 kind, whatever its name says; export it "
                "again."
            )
        with NWBHDF5IO(str(path), "r", load_namespaces=True) as io:
            file = io.read()
            subject = getattr(file.subject, "subject_id", None)
            found = {
                thing.name: _series(path, thing, axes)
                for thing in file.objects.values()
                if isinstance(thing, OnePhotonSeries) and _has_movie(path, thing)
            }
    plain = {name: series for name, series in found.items() if not isosbestic(series.excitation)}
    references = [series for series in found.values() if isosbestic(series.excitation)]
    pool = plain or found
    if dataset is not None:
        pool = found
    name = choose(path, {n: s.movie.frames.shape for n, s in pool.items()}, dataset)
    chosen = found[name]
    reference = references[0].movie.frames if len(references) == 1 else None
    return replace(
        chosen.movie,
        reference=None if isosbestic(chosen.excitation) else reference,
        subject=subject,
        metadata={
            **chosen.movie.metadata,
            **({"excitation (nm)": chosen.excitation} if chosen.excitation else {}),
        },
    )


def _has_movie(path: Path, series: Any) -> bool:
    if series.external_file is not None and len(series.external_file):
        raise RecordingError(
            f"{path}: the frames of {series.name} are in {series.external_file[0]}; open that file."
        )
    return could_be_movie(series.data.shape, series.data.dtype)


def _series(path: Path, series: Any, axes: str | None) -> _Series:
    data = series.data
    if Path(data.file.filename) != path:
        raise RecordingError(
            f"{path}: the pixels of {series.name} lie in other files; copy them into this one."
        )
    check_readable(path, data)
    times: NDArray[np.float64] | None = None
    if series.timestamps is not None:
        times = np.asarray(series.timestamps[:], np.float64)
        times = times if times.shape == data.shape[:1] else None
    plane = series.imaging_plane
    spacing = plane.grid_spacing
    movie = array_movie(
        path,
        Hdf5Array(path, data.name),
        what=_WHAT,
        shape=data.shape,
        stored=data.dtype,
        chunks=data.chunks,
        said=axes or _orientation(data.shape, series.dimension),
        labels=[],
        matlab=False,
        places=[],
    )
    movie = replace(
        movie,
        frame_rate=positive(series.rate),
        frame_times=times,
        pixel_size=None
        if spacing is None
        else in_millimetres(spacing[0], plane.grid_spacing_unit or "meters"),
    )
    return _Series(movie, positive(plane.excitation_lambda))


def _orientation(shape: tuple[int, ...], dimension: Any) -> str:
    """Rows first, as most programs write, unless `dimension` (x, y) says that columns are."""
    if dimension is not None and len(dimension) >= 2:
        x, y = int(dimension[0]), int(dimension[1])
        if x != y and tuple(shape[1:3]) == (x, y):
            return "txy"
    return "tyx"


register(
    MovieFormat(
        name="NWB",
        patterns=("*.nwb",),
        recognized="by its name and signature; the OnePhotonSeries, and as its reference the one "
        "whose excitation_lambda is 380 to 430 nm; of several the one given as dataset",
        metadata="rate or timestamps, grid_spacing, excitation_lambda, subject_id; columns come "
        "before rows where dimension says so",
        matches=lambda path: path.suffix.lower() == ".nwb" and path.is_file(),
        open=open_nwb,
        options=frozenset({"dataset", "axes"}),
    )
)
