"""Labels from a trace, above all run and rest from speed: thresholds, and what they give."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels import Ethogram, Source
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    RunAndRest,
    run_and_rest,
    speed_from_counts,
    speed_from_voltage,
    speed_in_cm,
    trace_at_frames,
)
from napari_cortex_decoder.recording.behavior.speed import is_running_count
from napari_cortex_decoder.units import centimetres_a_second, stated
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE, MovieModel

BEHAVIORS = ("rest", "run")

_NAME, _UNIT = "speed", "cm/s"


class SpeedModel(SectionModel):
    """What the open recording's labels are by the speed measured beside it, if asked for."""

    labelling: bool = False  # whether it does
    # name of another trace to label by, such as motion that a camera saw; empty for the speed
    chosen: str = ""
    ethogram: Ethogram | None = None  # the labels of the frames shown; None while it does not label
    settings: RunAndRest = RunAndRest()  # how running is told by speed

    _movie: MovieModel
    _speed: NDArray[np.float64] | None = None
    _session: tuple[str, Path | None] | None = None

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._ties.tie(self._on_recording, movie.events.recording, self.events.chosen)

    @property
    def trace(self) -> BehaviorTrace | None:
        """What it labels by, on the recording's clock: the speed, if none is chosen."""
        recording = self._movie.recording
        if recording is None or recording.frame_rate is None:
            return None
        traces = recording.behavior
        if self.chosen in traces:
            return traces[self.chosen]
        speeds = [one for one in traces.values() if centimetres_a_second(one.unit)]
        named = traces.get(_NAME)
        if named is not None and (named in speeds or not stated(named.unit)):
            return named
        return next(iter(speeds), None)

    @property
    def others(self) -> tuple[str, ...]:
        """Names of traces that are no speed, and can be labelled by as well."""
        recording = self._movie.recording
        traces = () if recording is None else recording.behavior.values()
        return tuple(
            one.name
            for one in traces
            if one.name != LABEL_TRACE
            and not (one.unit == "V" or is_running_count(one) or centimetres_a_second(one.unit))
        )

    @property
    def behaviors(self) -> tuple[str, str]:
        """What it labels: below the threshold, and above it."""
        trace = self.trace
        return ("still", self.chosen) if trace and trace.name == self.chosen else BEHAVIORS

    @property
    def source(self) -> BehaviorTrace | None:
        """Volts of a treadmill or counts of an encoder, where there is no speed but by them."""
        raw = self._movie.raw
        traces = () if raw is None or self.trace is not None else raw.behavior.values()
        return next((one for one in traces if one.unit == "V" or is_running_count(one)), None)

    def make_speed(self, factor: float) -> None:
        """Make a speed of its source: so many cm/s per V around the median, or cm per count."""
        source = self.source
        if source is None:
            return
        try:
            if source.unit == "V":
                said = f"{source.name}, {factor:g} cm/s per V"
                self._movie.add_trace(speed_from_voltage(source, gain=factor), said)
            else:
                said = f"{source.name}, {factor:g} cm per count"
                self._movie.add_trace(speed_from_counts(source, cm_per_count=factor), said)
        except RecordingError as error:
            self.failed.emit(error)

    def set_labelling(self, labelling: bool) -> None:
        """Label by speed, or go back to the labels that came with the recording."""
        if labelling != self.labelling:
            self.labelling = labelling
            self._label()

    def set(self, **changes: float) -> None:
        """Change settings; without hysteresis running stops where it starts."""
        values = {**asdict(self.settings), **changes}
        stop = values["stop_threshold"]
        if stop is not None and stop >= values["threshold"]:
            values["stop_threshold"] = None
        self.settings = RunAndRest(**values)
        self._label()

    def _on_recording(self) -> None:
        trace, recording = self.trace, self._movie.recording
        if trace is not None and trace.name != self.chosen:
            trace = replace(trace, values=speed_in_cm(trace), unit=_UNIT)
        self._speed = (
            trace_at_frames(trace, recording)
            if recording is not None and trace is not None
            else None
        )
        session = None if recording is None else (recording.name, recording.path)
        same_session, self._session = session == self._session, session
        if self._speed is None or not same_session:
            self.labelling = False
        self._label()

    @property
    def measured(self) -> Ethogram | None:
        """Run and rest by the speed at hand, whether it labels or not; None without one."""
        recording, speed = self._movie.recording, self._speed
        if recording is None or speed is None:
            return None
        states = run_and_rest(speed, recording.known_frame_rate(), self.settings)
        return Ethogram.from_frames(states, self.behaviors, source=Source.MEASURED)

    def _label(self) -> None:
        self.ethogram = self.measured if self.labelling else None
