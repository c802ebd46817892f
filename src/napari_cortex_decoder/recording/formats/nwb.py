"""NWB files: the one-photon movie, the isosbestic one beside it; else traces of areas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import lag_of
from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.arrays import movie_of
from napari_cortex_decoder.recording.formats.choosing import choose, could_be_movie
from napari_cortex_decoder.recording.formats.hdf5 import array_of
from napari_cortex_decoder.recording.formats.light import isosbestic
from napari_cortex_decoder.recording.formats.nwb_fields import clock_of, series_of, text_of
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.nwb import open_traces, traces_of_file
from napari_cortex_decoder.recording.provenance import is_provenance, steps_in_text
from napari_cortex_decoder.units import in_millimetres, positive

_SERIES = "OnePhotonSeries"

REFERENCE_SERIES = "OnePhotonSeriesReference"
"""Name under which this program saves a reference whose light it does not know."""


class _Series(NamedTuple):
    """One ``OnePhotonSeries``."""

    movie: MovieFile
    clock: NDArray[np.float64] | None
    is_reference: bool


def open_nwb(path: Path, given: Given) -> MovieFile:
    """Open the one-photon series; see `napari_cortex_decoder.recording.open_recording`."""
    dataset = given.dataset
    with hdf5.opened(path) as file:
        found: dict[str, _Series] = {}
        lacking: dict[str, str] = {}
        for group in series_of(file, _SERIES):
            name = group.name.rpartition("/")[2]
            try:
                if _has_movie(path, group):
                    found[name] = _series(path, group, given.axes)
            except RecordingError as error:  # does not stand in the way of other series
                lacking[name] = str(error)
        subject = file.get("general/subject/subject_id", default=None)
        subject = text_of(subject[()]) if isinstance(subject, hdf5.Dataset) else None
        traces = traces_of_file(file)
        if traces and (dataset in traces if dataset else not found):
            shapes = {n: getattr(g.own("data"), "shape", ()) for n, g in traces.items()}
            name = choose(path, shapes, dataset)
            opened = open_traces(path, traces[name], given)
            said = (*opened.warnings, *file.outside, *lacking.values())
            return replace(opened, subject=subject, warnings=said)
        elsewhere = tuple(file.outside)
    if lacking and (not found or dataset in lacking):
        raise RecordingError(lacking.get(dataset or "") or next(iter(lacking.values())))
    plain = {name: series for name, series in found.items() if not series.is_reference}
    references = [series for series in found.values() if series.is_reference]
    pool = found if dataset is not None else plain or found
    name = choose(path, {n: s.movie.frames.shape for n, s in pool.items()}, dataset)
    chosen = found[name]
    reference = references[0] if len(references) == 1 and not chosen.is_reference else None
    return replace(
        chosen.movie,
        reference=None if reference is None else reference.movie.frames,
        reference_lag=None if reference is None else lag_of(chosen.clock, reference.clock),
        subject=subject,
        warnings=(*chosen.movie.warnings, *elsewhere, *lacking.values()),
    )


def _has_movie(path: Path, series: Any) -> bool:
    outside = series.own("external_file")
    if outside is not None and outside.size:
        raise RecordingError(
            f"{path}: the frames of {series.name} are in {text_of(outside[0])}; open that file."
        )
    data = series.get("data")
    if data is None:
        raise RecordingError(f"{path}: {series.name} has no pixels; export it again with its data.")
    return could_be_movie(data.shape, data.dtype)


def _series(path: Path, series: Any, axes: str | None) -> _Series:
    data = series["data"]
    array = array_of(path, data, name=data.name)
    told: list[str] = []
    stamps = series.own("timestamps")
    listed = data.shape[0] if stamps is None or stamps.size < 2 else stamps.size
    rate, times = clock_of(series, listed)
    if listed != data.shape[0]:
        told.append(f"it has {listed} timestamps for {data.shape[0]} frames; the first are taken.")
    held = array.held or data.shape
    held = (min(held[0], listed), *held[1:])
    times = None if times is None else times[: held[0]]
    plane = series.own("imaging_plane") or {}
    spacing = plane.get("grid_spacing")
    size = None
    if spacing is not None and spacing.size:
        unit = text_of(spacing.attrs.get("unit")) or "meters"
        size = in_millimetres(np.ravel(spacing[()])[0], unit, told)
    comments = text_of(series.attrs.get("comments"))
    dimension = series.own("dimension")
    columns_first = is_provenance(comments) or _columns_first(data.shape, dimension)
    order = axes or ("txy" if columns_first else "tyx")
    movie = movie_of(replace(array, held=held, transposed=False), order)
    excitation = plane.get("excitation_lambda")
    light = None if excitation is None else positive(excitation[()])
    movie = replace(
        movie,
        frame_rate=rate,
        frame_times=times,
        pixel_size=size,
        metadata={**movie.metadata, **({"excitation (nm)": light} if light else {})},
        warnings=(*movie.warnings, *told),
        steps=steps_in_text(comments),
    )
    named = series.name.endswith(f"/{REFERENCE_SERIES}")
    even = np.arange(data.shape[0]) / rate if rate else None
    return _Series(movie, even if times is None else times, named or isosbestic(light))


def _columns_first(shape: tuple[int, ...], dimension: Any) -> bool:
    """Whether `dimension` (x, y) says that columns come before rows, as the schema wants it.

    Most programs write rows first nevertheless, so a square frame tells nothing.
    """
    if dimension is None or len(dimension) < 2:
        return False
    x, y = int(dimension[0]), int(dimension[1])
    return x != y and tuple(shape[1:3]) == (x, y)
