"""State and intents of the section *Saliency*: what is asked, how far it is, what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr

from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.areas_model import AreasModel
from napari_cortex_decoder.widgets.background import Background
from napari_cortex_decoder.widgets.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.long_task import LongTask, TaskProgress
from napari_cortex_decoder.widgets.movie_model import MovieModel
from napari_cortex_decoder.widgets.placing_model import PlacingModel
from napari_cortex_decoder.widgets.saliency_jobs import (
    SPANS,
    Method,
    Question,
    Result,
    Span,
    answer,
    export,
)

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency import AreaImportance, SaliencyMaps


METHODS: dict[Method, str] = {
    "areas": "Importance of areas",
    "pairs": "Importance of pairs of areas",
    "cutouts": "Importance of places (cutouts)",
    "integrated-gradients": "Map: integrated gradients",
    "grad-cam": "Map: Grad-CAM",
    "occlusion": "Map: occlusion",
}
"""What can be asked, and how it is called."""

_NEED_ATLAS = ("areas", "pairs")
_IMPORTANCE = ("areas", "pairs", "cutouts")


class SaliencyModel(EventedModel):
    """What the decoder reads a behavior from, in the open recording.

    Attributes
    ----------
    behavior, method, span
        What is asked: which behavior; how; over which frames.
    result
        The last answer of this recording; None before.
    progress
        How far the work is.
    message
        A sentence about what was done last.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    behavior: str = ""
    method: Method = "areas"
    span: Span = "bouts"
    result: Result | None = None
    progress: TaskProgress = TaskProgress()
    message: str = ""

    failed: ClassVar[Signal] = Signal(Exception)

    _movie: MovieModel = PrivateAttr()
    _choice: ChoiceModel = PrivateAttr()
    _placing: PlacingModel = PrivateAttr()
    _areas: AreasModel = PrivateAttr()
    _task: LongTask = PrivateAttr()
    _background: Background = PrivateAttr()
    _shown: object = PrivateAttr(default=None)

    def __init__(
        self, movie: MovieModel, choice: ChoiceModel, placing: PlacingModel, areas: AreasModel
    ) -> None:
        super().__init__()
        self._movie, self._choice = movie, choice
        self._placing, self._areas = placing, areas
        self._task = LongTask(self._show_progress, self.failed.emit)
        self._background = Background(self.failed.emit)
        movie.events.recording.connect(self._on_recording)
        choice.events.card.connect(self._on_card)
        self._on_card()

    @property
    def behaviors(self) -> tuple[str, ...]:
        """What can be asked for: the decoder's behaviors."""
        card = self._choice.card
        return () if card is None else card.config.behaviors

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be computed now; None if it can."""
        recording, card = self._movie.recording, self._choice.card
        if recording is None:
            return "Open a recording first."
        if recording.frame_rate is None:
            return "Say first how many frames a second the recording has."
        if card is None:
            return "Load a decoder first."
        if isinstance(card.config, TraceConfig):
            return f"{card.name} reads area traces; choose a decoder of images to explain it."
        if self._choice.rate_problem and not self._choice.any_rate:
            return "The frame rates differ: tick the box in Decode to go on anyway."
        if self.method in _NEED_ATLAS and self._placing.registration is None:
            return "Place the atlas first."
        if self.span == "bouts" and self._movie.ethogram is None:
            return "Label some bouts first, or choose another span."
        if self.span == "bouts" and self.method not in _IMPORTANCE:
            return "A map is of frames in a row: choose this frame, this bout or the session."
        if self.span == "bout" and self._bout() is None:
            return "No bout is under the slider: move it into one."
        if self.progress.running:
            return "The decoder is being explained."
        return None

    @property
    def importance(self) -> AreaImportance | None:
        """The importance of areas, if that is the result."""
        return None if self.result is None else self.result.areas

    @property
    def maps(self) -> SaliencyMaps | None:
        """The maps, if they are the result."""
        return None if self.result is None else self.result.maps

    def choose(
        self,
        *,
        behavior: str | None = None,
        method: Method | None = None,
        span: Span | None = None,
    ) -> None:
        """Choose what to ask."""
        self.behavior = self.behavior if behavior is None else behavior
        self.method = self.method if method is None else method
        self.span = self.span if span is None else span

    def run(self) -> None:
        """Explain the decoder; does nothing while there is an `obstacle`."""
        recording, card = self._movie.recording, self._choice.card
        if self.obstacle is not None or recording is None or card is None:
            return
        start, stop = self._range(recording)
        question = Question(
            decoder=card.source,
            recording=recording,
            registration=self._placing.registration,
            ethogram=self._movie.ethogram,
            behavior=self.behavior,
            method=self.method,
            span=self.span,
            start=start,
            stop=stop,
            device=self._choice.device,
            any_rate=self._choice.any_rate,
        )
        self.message = ""
        self._task.start("Loading the decoder", lambda tell: answer(question, tell), self._take)

    def cancel(self) -> None:
        """Stop the work."""
        if self._task.running:
            self._task.cancel()
            self.message = "Stopped."

    def pick(self, target: int) -> None:
        """Select the areas of a row of the table, here and in the atlas."""
        if self.importance is not None:
            self._areas.select(self.importance.targets[target].members)

    def export(self, path: str | Path) -> None:
        """Write the result: a table, a record, a figure or a stack, by the suffix."""
        result, recording, path = self.result, self._movie.recording, Path(path)
        if result is None or recording is None:
            return

        def say(_: None) -> None:
            self.message = f"Saved {path.name}."

        self._background.run(export, result, path, then=say)

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._task.cancel()
        self._background.drop()
        self._movie.events.recording.disconnect(self._on_recording)
        self._choice.events.card.disconnect(self._on_card)

    def _range(self, recording: Recording) -> tuple[int, int]:
        """Give the frames that are asked about, where they are in a row."""
        frame = self._movie.frame
        if self.span == "frame":
            return frame, frame + 1
        bout = self._bout()
        if self.span == "bout" and bout is not None:
            return bout
        return 0, recording.n_frames

    def _bout(self) -> tuple[int, int] | None:
        """Give the bout under the slider."""
        ethogram, frame = self._movie.ethogram, self._movie.frame
        bouts = () if ethogram is None else ethogram.bouts
        return next(((b.start, b.stop) for b in bouts if b.start <= frame < b.stop), None)

    def _take(self, result: Result) -> None:
        self.result = result
        self.message = "\n⚠ ".join(["Done.", *result.warnings])

    def _on_recording(self, recording: Recording | None) -> None:
        """A result is of one movie: it goes with it."""
        movie = None if recording is None else recording.movie
        if movie is self._shown:
            return
        self._shown = movie
        self._task.cancel()
        self._background.drop()
        self.result = None
        self.message = ""

    def _on_card(self) -> None:
        """Ask for a behavior that the chosen decoder knows."""
        if self.behavior not in self.behaviors:
            self.behavior = self.behaviors[-1] if self.behaviors else ""

    def _show_progress(self, progress: TaskProgress) -> None:
        self.progress = progress


__all__ = ["METHODS", "SPANS", "Method", "SaliencyModel", "Span"]
