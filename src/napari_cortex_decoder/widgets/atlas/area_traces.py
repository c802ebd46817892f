"""How area traces go with behavior, as the section *Atlas* shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.traces import correlate_behavior
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.recording import BehaviorTrace, Recording, trace_at_frames
from napari_cortex_decoder.recording.behavior.speed import is_running_count
from napari_cortex_decoder.sessions.areas import AreaTraces
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE

Correlations = dict[str, NDArray[np.float64]]
"""Pearson's r of each area, shape (areas,), with each behavior by name; NaN where unknown."""


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
    return {name: correlate_behavior(traces.values, one) for name, one in values.items()}


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
