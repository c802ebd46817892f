"""Area traces of a recording: the same in the window and on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.nwb_export import write_traces_nwb
from napari_cortex_decoder.atlas.traces import (
    area_traces,
    has_baseline,
    relative_change,
    write_traces,
)
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing import DeltaF
from napari_cortex_decoder.recording.saving.nwb import session_start


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

    @property
    def names(self) -> list[str]:
        """Labels of the areas."""
        return [area.label for area in self.registration.atlas.areas]


def area_traces_of(
    recording: Recording,
    placed: Registration,
    *,
    baseline: float | None = None,
    dark: float = 0.0,
    progress: Report | None = None,
) -> AreaTraces:
    """Average a recording over each area, in one pass; `baseline` and `dark` as `relative_change`.

    Raises AtlasError as that does, or if the registration was made on frames of another shape.
    """
    labels = placed.label_image(recording.shape)
    if recording.label_image is not None:
        labels[recording.label_image == 0] = 0  # no trace was measured there
    traces = area_traces(recording.movie, labels, len(placed.atlas.areas), progress)
    if has_baseline(traces):
        return AreaTraces(placed, relative_change(traces, baseline, dark=dark), is_relative=True)
    done = {step["name"] for step in recording.steps}
    return AreaTraces(placed, traces, DeltaF.name in done)


def write_area_traces(
    path: Path,
    traces: AreaTraces,
    recording: Recording,
    *,
    said: Iterable[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write traces as NWB or, by any other suffix, as CSV; NWB with what is `said` of them.

    Raises AtlasError if the file cannot be written.
    """
    placed = traces.registration
    said = (*placed.atlas.warnings, *placed.warnings) if said is None else said
    if path.suffix.lower() == ".nwb":
        start, notes = session_start(recording)
        write_traces_nwb(
            path, traces.values, placed.label_image(recording.shape), placed.atlas.areas,
            recording.times, session_start=start, name=recording.name, subject=recording.subject,
            pixel_size=recording.pixel_size, relative=traces.is_relative, notes=[*notes, *said],
            overwrite=overwrite,
        )  # fmt: skip
        return
    timed = recording.frame_rate is not None or recording.frame_times is not None
    times = recording.times if timed else None
    write_traces(path, traces.values, traces.names, times, overwrite=overwrite)
