"""Area traces of a recording, as the section *Atlas* computes them off the GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.nwb_export import write_traces_nwb
from napari_cortex_decoder.atlas.traces import (
    area_traces,
    correlate_behavior,
    has_baseline,
    relative_change,
    write_traces,
)
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import BehaviorTrace, Recording, trace_at_frames
from napari_cortex_decoder.recording.behavior.speed import is_running_count
from napari_cortex_decoder.recording.preprocessing import DeltaF
from napari_cortex_decoder.recording.saving.nwb import session_start
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE


@dataclass(frozen=True, eq=False)
class AreaTraces:
    """What each area does over time.

    Attributes
    ----------
    registration
        Where the areas lay when the traces were computed.
    values
        Shape (t, areas); NaN for an area that no pixel lies in.
    is_relative
        Whether they are ΔF/F, a fraction; else in the movie's own unit, because a movie that
        varies around 0 has no baseline to relate them to.
    """

    registration: Registration
    values: NDArray[np.float64]
    is_relative: bool


@dataclass(frozen=True, eq=False)
class Correlations:
    """How each area goes with each behavior.

    Attributes
    ----------
    r
        Pearson's r by behavior, shape (areas,); NaN where it cannot be told.
    """

    r: Mapping[str, NDArray[np.float64]]


def compute_traces(
    recording: Recording, placed: Registration, dark: float, report: Report
) -> AreaTraces:
    """Average a recording over each area, in one pass; runs in a thread.

    `dark` is what the camera reads without light (counts).
    """
    labels = placed.label_image(recording.shape)
    if recording.label_image is not None:
        labels[recording.label_image == 0] = 0  # no trace was measured there
    traces = area_traces(recording.movie, labels, len(placed.atlas.areas), report)
    if has_baseline(traces):
        return AreaTraces(placed, relative_change(traces, dark=dark), is_relative=True)
    done = {step["name"] for step in recording.steps}
    return AreaTraces(placed, traces, DeltaF.name in done)


def export_traces(path: Path, traces: AreaTraces, recording: Recording) -> None:
    """Write traces as NWB or, by any other suffix, as CSV; runs in a thread.

    Of a file that is there, the dialog has asked whether to replace it.
    """
    placed = traces.registration
    areas = placed.atlas.areas
    if path.suffix.lower() == ".nwb":
        start, notes = session_start(recording)
        labels = placed.label_image(recording.shape)
        write_traces_nwb(
            path, traces.values, labels, areas, recording.times, session_start=start,
            name=recording.name, subject=recording.subject, pixel_size=recording.pixel_size,
            relative=traces.is_relative, notes=[*notes, *placed.atlas.warnings, *placed.warnings],
            overwrite=True,
        )  # fmt: skip
        return
    clock = Clock.of(recording)
    times = clock.times if clock.unit == "s" else None
    write_traces(path, traces.values, [area.label for area in areas], times, overwrite=True)


def correlate(traces: AreaTraces, recording: Recording, labels: Ethogram | None) -> Correlations:
    """Correlate traces with measured behavior and with labels; runs in a thread."""
    values = {
        name: trace_at_frames(trace, recording)
        for name, trace in recording.behavior.items()
        if correlates(trace)
    }
    if labels is not None:
        frames = labels.frames()
        for i, name in enumerate(labels.behaviors):
            values[name] = np.where(frames == UNKNOWN, np.nan, frames == i)
    return Correlations({n: correlate_behavior(traces.values, v) for n, v in values.items()})


def correlates(trace: BehaviorTrace) -> bool:
    """Whether more of a trace is more of a behavior: not of volts around standstill, or a count."""
    return trace.name != LABEL_TRACE and trace.unit != "V" and not is_running_count(trace)


def same_place(one: Registration, other: Registration | None) -> bool:
    """Whether two registrations put the same areas on the same pixels."""
    return (
        other is not None
        and one.atlas.areas is other.atlas.areas
        and len(one.matrices) == len(other.matrices)
        and all(map(np.array_equal, one.matrices, other.matrices))
    )
