"""State and intents of the section *Saliency*: what is asked, how far it is, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Event

from pydantic import PrivateAttr

from napari_cortex_decoder.cameras import remembered_cameras
from napari_cortex_decoder.choices import (
    GROUPINGS,
    LAGS,
    MAP_METHODS,
    METHODS,
    WITHIN_ONE,
    Method,
    ScoreName,
    Span,
)
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.labels.edits import bout_at
from napari_cortex_decoder.progress import Cancelled, Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.keeping import has_answer, keep_answer, kept_answer
from napari_cortex_decoder.saliency.masking.frames import SAMPLED
from napari_cortex_decoder.saliency.output.files import write_answer
from napari_cortex_decoder.saliency.question import Answer, Question
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.decode.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.parts.loading import loading
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_NEED_LABELS = ("bouts", "behavior", "onsets")


class SaliencyModel(TaskModel):
    """What the decoder reads a behavior from, in the open recording."""

    # what is asked: which behavior; how; over which frames
    behavior: str = ""
    method: Method = "areas"
    span: Span = "bouts"
    score: ScoreName = "auc"  # what the importance of areas is counted in, where there are labels
    # first frame of those that the user marked, and the one after the last; None where it is not
    # marked yet
    marked: tuple[int | None, int | None] = (None, None)
    result: Answer | None = None  # the last answer of this recording; None before
    kept: Answer | None = None  # an earlier one that it is compared with; None without

    _movie: MovieModel
    _labels: LabelsModel
    _choice: ChoiceModel
    _placing: PlacingModel
    _areas: AreasModel
    _shown: object = None
    _halt: Event = PrivateAttr(default_factory=Event)

    def __init__(
        self,
        movie: MovieModel,
        labels: LabelsModel,
        choice: ChoiceModel,
        placing: PlacingModel,
        areas: AreasModel,
    ) -> None:
        super().__init__()
        self._movie, self._labels, self._choice = movie, labels, choice
        self._placing, self._areas = placing, areas
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._on_card, choice.events.card)
        self._on_card()

    @property
    def behaviors(self) -> tuple[str, ...]:
        """What can be asked for: the decoder's behaviors."""
        card = self._choice.card
        return () if card is None else card.config.behaviors

    @property
    def methods(self) -> tuple[Method, ...]:
        """How the chosen decoder can be explained: by its images, or by its area traces."""
        card = self._choice.card
        if card is not None and isinstance(card.config, TraceConfig):
            return (*GROUPINGS,) if card.config.mixes_areas else (*GROUPINGS, *LAGS)
        return tuple(name for name in METHODS if name not in LAGS)

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be computed now; None if it can."""
        card = self._choice.card
        if (missing := self._choice.obstacle) or card is None:
            return missing
        if self.method not in self.methods:
            return f"{card.name} cannot be asked for this: choose another method or decoder."
        if self._needs_atlas and self._placing.registration is None:
            return "Place the atlas first."
        return self._span_obstacle or (
            "The decoder is being explained." if self.progress.running else None
        )

    @property
    def _needs_atlas(self) -> bool:
        card = self._choice.card
        if card is not None and isinstance(card.config, TraceConfig):
            return bool(card.config.preprocessing.areas)
        return self.method in GROUPINGS

    @property
    def _span_obstacle(self) -> str | None:
        """Why there are no such frames."""
        span, ethogram = self.span, self._labels.ethogram
        if span in _NEED_LABELS and ethogram is None:
            return "Label some bouts first, or choose other frames."
        if span in ("bouts", "behavior") and self.method in MAP_METHODS:
            return "A map is of frames in a row: choose this frame, this bout, or around onsets."
        if span in ("behavior", "onsets") and not any(
            bout.behavior == self.behavior for bout in (ethogram.bouts if ethogram else ())
        ):
            return f"No bout of {self.behavior} is labelled."
        if span == "bout" and self._bout() is None:
            return "No bout is under the slider: move it into one."
        if span == "range" and None in self.marked:
            return "Mark where the frames begin and end: move the slider and press the buttons."
        return None

    @property
    def check_obstacle(self) -> str | None:
        """Why the result cannot be held against controls now; None if it can."""
        if self.result is None or (self.result.maps is None and self.result.onsets is None):
            return "There is no map: importance brings its controls along."
        return "The decoder is being explained." if self.progress.running else None

    @property
    def scores_differ(self) -> bool:
        """Whether there is a choice of scores: for areas, where labels tell frames apart."""
        labelled = self._labels.ethogram is not None and self.span not in WITHIN_ONE
        return self.method in GROUPINGS and labelled

    @property
    def found(self) -> Mapping[str, tuple[float, float, float]]:
        """What a search for areas has found so far: importance and interval, by name."""
        return self.progress.details.get("areas", {})  # type: ignore[no-any-return]

    def mark(self, *, begin: bool) -> None:
        """Let the marked frames begin, or end, with the one under the slider."""
        frame, (start, stop) = self._movie.frame, self.marked
        if begin:
            self.marked = (frame, stop if stop is not None and stop > frame else None)
        else:
            self.marked = (start if start is not None and start <= frame else None, frame + 1)

    def keep(self) -> None:
        """Keep this result to compare the next ones with; no longer, if it is the one kept."""
        self.kept = None if self.kept is self.result else self.result

    def check(self) -> None:
        """Hold the maps against their controls: random weights, and places that go missing."""
        result = self.result
        if self.check_obstacle is not None or result is None:
            return
        self.message = ""

        def take(checked: Answer) -> None:
            if self.kept is result:
                self.kept = checked
            self._take(checked)

        self._task.start("Checking", lambda report: _checked(result, report), take)

    def run(self) -> None:
        """Explain the decoder; does nothing while there is an `obstacle`."""
        recording, card = self._movie.recording, self._choice.card
        if self.obstacle is not None or recording is None or card is None:
            return
        start, stop = self._range()
        question = Question(
            decoder=card.source, recording=recording, registration=self._placing.registration,
            ethogram=self._labels.ethogram, behavior=self.behavior, method=self.method,
            span=self.span, score=self.score, start=start, stop=stop,
            frames=None if self.span == "session" else SAMPLED,
            compute=self._choice.compute, any_rate=self._choice.any_rate,
        )  # fmt: skip
        self.message = ""
        halt = self._halt = Event()
        self._task.start("Loading the decoder", partial(_answered, question, halt), self._take)

    def cancel(self) -> None:
        """Stop the work; of areas what was measured is the result."""
        if self.found:
            self._halt.set()
        else:
            super().cancel()

    def pick(self, place: int) -> None:
        """Select the areas of a bar, here and in the atlas."""
        if self.result is not None:
            self._areas.select(self.result.members(place))

    def export(self, path: str | Path) -> None:
        """Write the result: a table, a record, a figure, a stack or a video, by the suffix."""
        result, path = self.result, Path(path)
        if result is None or self.progress.running:
            return
        self._task.start("Saving", partial(_export, result, path), self._say(f"Saved {path.name}."))

    def _range(self) -> tuple[int, int | None]:
        """Return the frames that are asked about, where they are in a row."""
        frame = self._movie.frame
        if self.span == "frame":
            return frame, frame + 1
        bout = self._bout()
        if self.span == "bout" and bout is not None:
            return bout
        start, stop = self.marked
        if self.span == "range" and start is not None and stop is not None:
            return start, stop
        return 0, None

    def _bout(self) -> tuple[int, int] | None:
        """Return the bout under the slider."""
        ethogram, frame = self._labels.ethogram, self._movie.frame
        bout = None if ethogram is None else bout_at(ethogram.bouts, frame)
        return None if bout is None else (bout.start, bout.stop)

    def _take(self, result: Answer, said: str = "Done.") -> None:
        self.result = result
        self.message = "\n⚠ ".join([said, *result.warnings])

    def _on_recording(self, recording: Recording | None) -> None:
        """A result is of one movie: it goes with it."""
        movie = None if recording is None else recording.movie
        if movie is self._shown:
            return
        self._shown = movie
        self._task.cancel()
        self.result = self.kept = None
        self.marked = (None, None)
        self.message = ""
        if recording is not None and recording.path is not None and recording.frame_rate:

            def show(found: Answer | None) -> None:
                if found is not None and movie is self._shown and not self.progress.running:
                    self._take(found, "Explained before.")

            work = partial(_kept, recording, self._labels.ethogram, self._choice.compute)
            self._background.run(work, then=show)

    def _on_card(self) -> None:
        """Ask for what the chosen decoder can be asked for."""
        if self.method not in self.methods:
            self.method = self.methods[0]
        if self.behavior not in self.behaviors:
            self.behavior = self.behaviors[-1] if self.behaviors else ""


def _answered(question: Question, halt: Event, report: Report) -> Answer:
    """Load the decoder and ask it; `halt` ends it with what is measured. Runs in a thread."""

    def told(event: Progress) -> None:
        report(event)
        if halt.is_set():
            raise Cancelled

    with loading():
        from napari_cortex_decoder.saliency.answering import answer

        decoder = load_decoder(question.decoder)
    return keep_answer(answer(question, decoder, told))


def _checked(given: Answer, report: Report) -> Answer:
    """Hold maps against their controls; runs in a thread."""
    from napari_cortex_decoder.saliency.answering import check_answer

    return keep_answer(check_answer(given, load_decoder(given.question.decoder), report))


def _kept(recording: Recording, ethogram: Ethogram | None, compute: Compute) -> Answer | None:
    """Return what was kept of a recording; runs in a thread."""
    if not has_answer(recording):  # then PyTorch need not be there
        return None
    with loading():
        return kept_answer(recording, ethogram, compute)


def _export(answer: Answer, path: Path, report: Report) -> None:
    """Write an answer; the dialog has asked whether to replace a file. Runs in a thread."""
    cameras, _ = remembered_cameras(answer.question.recording)  # others are told of where they are
    camera = cameras[0] if cameras else None
    write_answer(answer, path, camera=camera, overwrite=True, progress=report)
