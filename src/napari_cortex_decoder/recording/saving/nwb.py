"""Recordings as NWB: one-photon series, their reference, behaviour."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cortex_decoder import __version__
from napari_cortex_decoder.atlas.nwb_export import add_traces
from napari_cortex_decoder.containers.nwb_output import (
    add_plane,
    clock_fields,
    nwb_file,
    nwb_output,
)
from napari_cortex_decoder.movie_blocks import frames_within
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.formats.nwb import REFERENCE_SERIES
from napari_cortex_decoder.recording.preprocessing.pipeline import as_rows
from napari_cortex_decoder.recording.provenance import provenance_text
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.saving.blocks import CHUNK_FRAMES, colors_in_blocks

if TYPE_CHECKING:
    from pynwb import NWBFile

SERIES = "OnePhotonSeries"
CHUNK_BYTES = 2**18


def write_nwb(recording: Recording, path: Path, progress: Report | None) -> None:
    """Write an NWB 2 file of a recording, block by block.

    The movie goes into acquisition, or, after preprocessing, into the processing module *ophys*;
    frames are stored as NWB orders them, (time, width, height). Traces of areas are a
    ``RoiResponseSeries`` with masks of the areas. What the recording does not know (light,
    indicator, age of the mouse) is left open, as NaN or "unknown"; but without a frame rate there
    is no NWB.
    """
    start, note = session_start(recording)
    file = nwb_file(
        f"one-photon movie of the dorsal cortex: {recording.name}",
        str(uuid.uuid4()),
        start,
        subject=recording.subject,
        notes=[*note, *recording.warnings],
        session_id=recording.name.replace("/", "-"),
        was_generated_by=[["napari-cortex-decoder", __version__]],
    )
    _add_behavior(file, recording)
    if recording.traces is not None:
        _add_traces(file, recording, progress)
        with nwb_output(path) as (output, _):
            output.write(file)
        return
    series = [_series(file, recording, recording.movie, SERIES)]
    if recording.reference is not None:
        series.append(_series(file, recording, recording.reference, REFERENCE_SERIES))
    for one in series:
        if recording.steps:
            _module(file, "ophys", "preprocessed movies").add(one)
        else:
            file.add_acquisition(one)
    with nwb_output(path) as (output, written):
        output.write(file)
        for frames, colors in colors_in_blocks(recording, progress):
            for one, block in zip(series, colors, strict=True):
                place = slice(frames.start, frames.start + len(block))
                one.data.dataset[place] = block.swapaxes(1, 2)
            written.check()


def session_start(recording: Recording) -> tuple[datetime, list[str]]:
    """Return when the session began, as far as is known, and sentences about how far that is."""
    if recording.path is not None and recording.path.exists():
        changed = datetime.fromtimestamp(recording.path.stat().st_mtime).astimezone()
        return changed, [
            "session_start_time is when the source file was last changed; it does not say when it "
            "was recorded."
        ]
    return datetime.now().astimezone(), ["session_start_time is when this file was saved."]


def _add_traces(file: NWBFile, recording: Recording, progress: Report | None) -> None:
    rows = as_rows(recording).replace(reference=None)
    assert recording.label_image is not None
    add_traces(
        file,
        _plane(file, recording, is_reference=False),
        np.concatenate([block[:, 0] for _, (block,) in colors_in_blocks(rows, progress)]),
        recording.label_image,
        {"area_name": recording.areas},
        relative=_is_relative(recording) or recording.metadata.get("traces") == "ΔF/F",
        comments=provenance_text(recording),
        **_movie_clock(recording, is_reference=False),
    )


def _is_relative(recording: Recording) -> bool:
    return any(step.get("name") == "delta-f" for step in recording.steps)


def _plane(file: NWBFile, recording: Recording, *, is_reference: bool) -> Any:
    known = recording.metadata.get("excitation (nm)")
    light = float(known) if known and not is_reference else None
    name = "ImagingPlaneReference" if is_reference else "ImagingPlane"
    return add_plane(file, name, pixel_size=recording.pixel_size, excitation=light)


def _series(file: NWBFile, recording: Recording, movie: Any, name: str) -> Any:
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.ophys import OnePhotonSeries

    is_reference = name == REFERENCE_SERIES
    rows, columns = movie.shape[1:]
    # larger chunks of HDF5 are read twice: once to see what they would unpack to
    frames = min(CHUNK_FRAMES, frames_within(movie, CHUNK_BYTES))
    return OnePhotonSeries(
        name=name,
        description="reference movie" if is_reference else "movie",
        comments=provenance_text(recording),
        data=H5DataIO(
            shape=(movie.shape[0], columns, rows),
            dtype=movie.dtype,
            chunks=(min(len(movie), frames), columns, rows),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        ),
        dimension=[columns, rows],
        imaging_plane=_plane(file, recording, is_reference=is_reference),
        unit="dF/F" if _is_relative(recording) else "counts",
        **_movie_clock(recording, is_reference=is_reference),
    )


def _movie_clock(recording: Recording, *, is_reference: bool) -> dict[str, Any]:
    times = recording.reference_times if is_reference else recording.times
    if recording.frame_times is None:
        return {"rate": float(recording.known_frame_rate()), "starting_time": float(times[0])}
    # even where they are regular: the clock that behaviour shares need not start at 0
    return {"timestamps": times}


def _add_behavior(file: NWBFile, recording: Recording) -> None:
    from pynwb import TimeSeries
    from pynwb.behavior import BehavioralTimeSeries

    if not recording.behavior:
        return
    container = BehavioralTimeSeries(name="BehavioralTimeSeries")
    for name, trace in recording.behavior.items():
        container.add_timeseries(
            TimeSeries(
                name=name.replace("/", "-").replace(":", "-"),
                description=f"{name}, aligned with the movie",
                data=np.asarray(trace.values, np.float64),
                unit=trace.unit or "n.a.",
                **clock_fields(np.asarray(trace.times, np.float64)),
            )
        )
    _module(file, "behavior", "behaviour measured beside the movie").add(container)


def _module(file: NWBFile, name: str, description: str) -> Any:
    return file.processing.get(name) or file.create_processing_module(name, description)
