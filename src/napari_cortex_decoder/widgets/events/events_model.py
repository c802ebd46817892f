"""State and intents of the section *Around events*: which events, how much around, what came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.scoring.around_events import (
    EventAverage,
    EventMaps,
    event_average,
    event_maps,
    known_traces,
)
from napari_cortex_decoder.scoring.events import USUAL, Around, find_events
from napari_cortex_decoder.sessions.areas import area_traces_of
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.labels.review_model import ReviewModel
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_LABELLED, _DECODED = "labelled: ", "decoded: "


@dataclass(frozen=True, eq=False)
class EventResult:
    """What happens around events: traces and maps."""

    average: EventAverage
    maps: EventMaps
    registration: Registration | None
    name: str


class EventsModel(TaskModel):
    """Averages around events of the open recording."""

    event: str = ""  # one of `offered`
    threshold: float = 1.0  # that a trace comes to, in its unit
    around: Around = USUAL
    result: EventResult | None = None

    _movie: MovieModel
    _labels: LabelsModel
    _review: ReviewModel
    _placing: PlacingModel
    _areas: AreasModel
    _of: Any = None

    def __init__(
        self,
        movie: MovieModel,
        labels: LabelsModel,
        review: ReviewModel,
        placing: PlacingModel,
        areas: AreasModel,
    ) -> None:
        super().__init__()
        self._movie, self._labels, self._review = movie, labels, review
        self._placing, self._areas = placing, areas
        self._ties.tie(self._on_recording, movie.events.recording)

    @property
    def offered(self) -> tuple[str, ...]:
        """Events that there may be: onsets of what is labelled or decoded, traces that rise."""
        recording, ethogram = self._movie.recording, self._labels.ethogram
        decoded = None if self._review.decoded is None else self._review.prediction
        return (
            *(_LABELLED + name for name in (ethogram.behaviors if ethogram else ())),
            *(_DECODED + name for name in (decoded.behaviors if decoded else ())),
            *(recording.behavior if recording is not None else ()),
        )

    @property
    def of_trace(self) -> bool:
        """Whether the event is a trace that comes to a threshold."""
        recording = self._movie.recording
        return recording is not None and self.event in recording.behavior

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be averaged now; None if it can."""
        recording = self._movie.recording
        if recording is None:
            return "Open a recording first."
        if recording.frame_rate is None and recording.frame_times is None:
            return "Say first how many frames a second the recording has."
        if not self.offered:
            return "Label some bouts, decode, or add behavior first."
        return "Choose an event." if self.event not in self.offered else None

    def set(self, **changes: float) -> None:
        """Say how much around an event is averaged, as `Around` calls it."""
        self.around = replace(self.around, **changes)

    def run(self) -> None:
        """Average; does nothing while there is an `obstacle`."""
        recording = self._movie.recording
        if self.obstacle is not None or recording is None:
            return
        event, ethogram, said = self.event, None, f"{self.event} at {self.threshold:g}"
        around, placed = self.around, self._placing.registration
        prediction = self._review.prediction
        if self.of_trace:
            event = f"{event}>{self.threshold}"
        else:
            ethogram, decoded = self._labels.ethogram, self._review.decoded
            if event.startswith(_DECODED) and decoded is not None and prediction is not None:
                ethogram = Ethogram.from_frames(decoded, prediction.behaviors)
            kind, event = event.split(": ", 1)
            said = f"onset of {event}, {kind}"
        known, dark = self._areas.traces, self._areas.dark

        def average(report: Report) -> EventResult:
            found = find_events(event, recording, ethogram, around)
            areas = known
            if areas is None and placed is not None and len(found):
                areas = area_traces_of(recording, placed, dark=dark, progress=report)
            traces, units = known_traces(
                recording,
                None if areas is None else areas.values,
                () if areas is None else [a.label for a in areas.registration.atlas.areas],
                relative=areas is not None and areas.is_relative,
                prediction=prediction,
            )
            averaged = event_average(
                recording, found, traces, around=around, event=said, units=units
            )
            maps = event_maps(recording, averaged, around=around, progress=report)
            return EventResult(averaged, maps, placed, recording.name)

        self.message = ""
        self._task.start("averaging around events", average, self._take)

    def export(self, path: str | Path) -> None:
        """Write the result as its suffix says; of a file, the dialog has asked to replace it."""
        result, path = self.result, Path(path)
        if result is not None:
            selected = [self._areas.areas[i].label for i in self._areas.selected]
            self._background.run(
                _export, result, path, selected, then=self._say(f"Saved {path.name}.")
            )

    def _take(self, result: EventResult) -> None:
        self.result, self.message = result, " ".join(result.average.said)

    def _fail(self, error: Exception) -> None:
        self.message = str(error)
        super()._fail(error)

    def _on_recording(self, recording: Recording | None) -> None:
        """Let go of what belongs to another movie."""
        movie = None if recording is None else recording.movie
        if movie is not self._of:
            self._of = movie
            self._task.cancel()
            self._background.drop()
            self.result, self.message = None, ""


def _export(result: EventResult, path: Path, selected: list[str]) -> None:
    """Write a result; runs in a thread."""
    from napari_cortex_decoder.evaluation.event_figure import write_events

    write_events(
        result.average,
        path,
        maps=result.maps,
        registration=result.registration,
        name=result.name,
        selected=selected,
        overwrite=True,
    )
