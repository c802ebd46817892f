"""State and intents of fine-tuning: depth, progress, curve, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_cortex_decoder.choices import DEPTH, Depth
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.engine.area_places import registration_of
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Estimate, Progress
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.runs import CutShort
from napari_cortex_decoder.tuning.fine_tune import start_fine_tune
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.job import FineTuneJob
from napari_cortex_decoder.tuning.label_checks import plan
from napari_cortex_decoder.tuning.result import FineTuneResult
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.decode.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.labels.review_model import ReviewModel
from napari_cortex_decoder.widgets.labels.tuning_files import (
    Other,
    find_run,
    forget_run,
    go_on,
    open_labelled,
    run_folder,
    save_tuned,
)
from napari_cortex_decoder.widgets.parts.loading import loading
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_LOOK_EVERY = 100  # ms
_CUT_SHORT = "A fine-tune of this recording was cut short: go on with it, or discard it."


class TuningModel(SectionModel):
    """Fits the chosen decoder to the labels of the open recording, and of others."""

    depth: Depth = DEPTH  # how deep it changes the decoder
    progress: Progress = Progress()  # how far the running fine-tune is
    told: tuple[Progress, ...] = ()  # all that it has told so far, oldest first
    result: FineTuneResult | None = None  # what came of the last one, until it is kept or discarded
    # whether one of this recording, end to end, was ended from outside and can be gone on with
    cut_short: bool = False
    message: str = ""  # a sentence about it
    planning: bool = False  # whether somebody looks at what is held out
    others: tuple[Other, ...] = ()  # labelled recordings beside the open one

    kept: ClassVar[Signal] = Signal()
    """The new decoder is kept and chosen, and the recording is to be decoded with it."""

    found: ClassVar[Signal] = Signal()
    """An earlier window has left a fine-tune of this recording, whatever became of it."""

    _movie: MovieModel
    _labels: LabelsModel
    _choice: ChoiceModel
    _review: ReviewModel
    _placing: PlacingModel
    _cancelled: bool = False
    _run: FineTuneJob | None = None
    _deep: bool = False
    _estimate: Estimate
    _of: Any = None
    _timer: QTimer

    def __init__(
        self,
        movie: MovieModel,
        labels: LabelsModel,
        choice: ChoiceModel,
        review: ReviewModel,
        placing: PlacingModel,
    ) -> None:
        super().__init__()
        self._placing = placing
        self._movie, self._labels, self._choice, self._review = movie, labels, choice, review
        self._timer = QTimer()
        self._timer.setInterval(_LOOK_EVERY)
        self._timer.timeout.connect(self._look)
        self._ties.tie(self._on_recording, movie.events.recording)

    @property
    def obstacle(self) -> str | None:
        """Why no fine-tune can start now; None if one can."""
        if self.progress.running:
            return "A fine-tune is running."
        if self._movie.recording is None:
            return "Open a recording first."
        if self._choice.card is None:
            return "Load a decoder first."
        if self._choice.kind_problem is not None:
            return self._choice.kind_problem
        try:
            self.planned()
        except CortexDecoderError as error:
            return str(error)
        return None

    def planned(self) -> tuple[HeldOut, ...]:
        """Return what would be held out.

        Raises CortexDecoderError if the labels are not enough, with the reason.
        """
        labelled, card = self._labelled(), self._choice.card
        if not labelled or card is None:
            return ()
        return plan(card.config, card.name, labelled, self.depth).held_out

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """What is learned from: the open recording first."""
        shown = self._movie.recording
        return () if shown is None else (shown, *(one.recording for one in self.others))

    @property
    def held_out(self) -> tuple[HeldOut, ...]:
        """What is, or would be, held out; none while nobody looks."""
        if self.result is not None and self.planning:
            return self.result.held_out
        try:
            return self.planned() if self.planning else ()
        except CortexDecoderError:  # why not, `obstacle` says
            return ()

    def add_recording(self, path: str | Path) -> None:
        """Learn from another recording too, by the labels that are kept beside it."""
        self._background.run(open_labelled, path, then=self._add)

    def _add(self, other: Other) -> None:
        if any(one.path == other.recording.path for one in self.recordings):
            self.message = f"{other.recording.name} is learned from already."
        else:
            self.others = (*self.others, other)

    def start(self) -> None:
        """Begin; does nothing while there is an `obstacle`."""
        labelled, card = self._labelled(), self._choice.card
        if self.obstacle is not None or not labelled or card is None:
            return
        depth, compute = self.depth, self._choice.compute
        name = f"{card.name}-{labelled[0][0].name}"[:80]
        path = labelled[0][0].path

        def begin() -> FineTuneJob:
            out = None
            if depth == "end-to-end" and path is not None:
                out = run_folder(path)
            with loading():
                base = load_decoder(card.source)
            return start_fine_tune(
                base, labelled, out=out, depth=depth, compute=compute, name=name, anew=True
            )

        self._deep = depth == "end-to-end"
        self.cut_short = self.cut_short and not self._deep
        self._begin()
        self._background.run(begin, then=self._follow)

    def go_on(self) -> None:
        """Go on with a fine-tune that was cut short, with the labels that it began with."""
        raw = self._movie.raw
        if not self.cut_short or self.progress.running or raw is None or raw.path is None:
            return
        self.depth, self.cut_short, self._deep = "end-to-end", False, True
        self._begin()
        self._background.run(go_on, raw.path, then=self._follow)

    def _begin(self) -> None:
        self.progress, self._estimate = Progress("loading the decoder"), Estimate()
        self.told, self.result, self.message, self._cancelled = (), None, "", False

    def cancel(self) -> None:
        """End it; the best so far is the result."""
        if self._run is not None:
            self._run.cancel()
            self._cancelled, self.message = True, "Ending; the best so far is kept…"

    def keep(self, path: str | Path | None = None) -> None:
        """Save the new decoder with the cleaning that is set, and choose it.

        Without a path it goes to the library by a free name, and the recording is decoded with it.
        """
        if self.result is None:
            return
        try:
            place = save_tuned(self.result.decoder, self._review.cleaning, path)
        except CortexDecoderError as error:
            self.failed.emit(error)
            return
        self.result = None
        if self._deep:
            self._forget_run()
        self.message = f"Kept as {place.name}, and chosen{': decode again' if path else ''}."
        self._choice.offer(place)
        if path is None:
            self.kept.emit()

    def discard(self) -> None:
        """Forget the new decoder, or what was cut short."""
        if self.result is None or self._deep:
            self.cut_short = False
            self._forget_run()
        self.result, self.told, self.message = None, (), "Discarded."

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        super().close()
        if self._run is not None:
            self._timer.stop()  # at the end of a script Qt may have taken an idle one away before
            self._run.leave()

    def _labelled(self) -> list[tuple[Recording, Ethogram]]:
        """Return the open recording, then the others; nothing without labels of the open one."""
        shown, labels = self._movie.recording, self._labels
        if shown is None or labels.labels is None:
            return []
        known = labels.ethogram or Ethogram(labels.labels.ethogram.behaviors, (), shown.n_frames)
        shown = shown.replace(registration=registration_of(shown, self._placing.registration))
        return [(shown, known), *((one.recording, one.ethogram) for one in self.others)]

    def _follow(self, run: FineTuneJob) -> None:
        self._run = run
        self._timer.start()

    def _follow_found(self, found: tuple[FineTuneJob | None, bool]) -> None:
        """Follow what an earlier window has begun, or say that it was cut short."""
        run, cut_short = found
        if self.progress.running or not (run or cut_short):
            return
        self.depth, self._deep = "end-to-end", True
        if run is None:
            self.cut_short, self.message = True, _CUT_SHORT
        else:
            self._begin()
            self._follow(run)
        self.found.emit()

    def _forget_run(self) -> None:
        """Leave nothing of an end-to-end run behind."""
        raw = self._movie.raw
        if raw is not None and raw.path is not None:
            self._background.run(forget_run, raw.path)

    def _look(self) -> None:
        """See how far it is."""
        if (run := self._run) is None:
            return
        told = run.progress()
        if len(told) != len(self.told):
            self.told, self.progress = told, self._estimate.of(told[-1])
        if not run.ended:
            return
        self._timer.stop()
        self._run, self.progress = None, Progress()
        try:
            self.result = run.result()
        except CutShort as error:
            self._fail(error)
            self.cut_short, self.message = True, _CUT_SHORT
        except CortexDecoderError as error:
            if self._cancelled:
                self.message = "Cancelled: nothing was learned yet."
            else:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.progress = Progress()
        self.message = str(error)
        self.failed.emit(error)

    def _on_recording(self, recording: Recording | None) -> None:
        """Let go of what belongs to another recording, and look what was begun with this one."""
        raw = self._movie.raw
        if (None if raw is None else raw.movie) is self._of:
            return
        self._of = None if raw is None else raw.movie
        self._background.drop()
        self._timer.stop()
        if self._run is not None:
            self._run.leave()
            self._run = None
        self.progress, self.cut_short = Progress(), False
        self.result, self.told, self.message, self.others = None, (), "", ()
        if raw is not None and raw.path is not None:
            self._background.run(find_run, raw.path, then=self._follow_found)
