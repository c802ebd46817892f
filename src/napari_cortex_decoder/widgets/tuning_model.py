"""State and intents of fine-tuning: depth, progress, curve, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr
from qtpy.QtCore import QTimer

from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import CortexDecoderError, LabelError
from napari_cortex_decoder.labels import Ethogram, journal_ethogram
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder
from napari_cortex_decoder.training.fine_tune import FineTuneRun, fine_tune, found_run
from napari_cortex_decoder.training.held_out import HeldOut
from napari_cortex_decoder.training.label_checks import Depth, plan
from napari_cortex_decoder.training.tune_process import TuneFolder
from napari_cortex_decoder.training.tune_progress import TuneProgress
from napari_cortex_decoder.training.tune_result import FineTuneResult
from napari_cortex_decoder.training.tune_task import ASKED
from napari_cortex_decoder.widgets.background import Background
from napari_cortex_decoder.widgets.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.decode_job import LOADING
from napari_cortex_decoder.widgets.labels_model import LabelsModel
from napari_cortex_decoder.widgets.movie_model import MovieModel
from napari_cortex_decoder.widgets.review_model import ReviewModel

_LOOK_EVERY = 100  # ms


@dataclass(frozen=True, eq=False)
class Other:
    """One more labelled recording to learn from."""

    recording: Recording
    ethogram: Ethogram


class TuningModel(EventedModel):
    """Fits the chosen decoder to the labels of the open recording, and of others.

    Attributes
    ----------
    depth
        How deep it changes the decoder.
    running
        Whether a fine-tune is at work.
    told
        All that it has told so far, oldest first.
    seconds_left
        Until its present stage ends; None where nobody can say yet.
    result
        What came of the last one, until it is kept or discarded.
    message
        A sentence about it.
    planning
        Whether somebody looks at what would be held out.
    others
        Labelled recordings beside the open one.
    base
        Name of the decoder that a fine-tune would begin with; empty if none is chosen.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    depth: Depth = "head"
    running: bool = False
    told: tuple[TuneProgress, ...] = ()
    seconds_left: float | None = None
    result: FineTuneResult | None = None
    message: str = ""
    planning: bool = False
    others: tuple[Other, ...] = ()
    base: str = ""

    failed: ClassVar[Signal] = Signal(Exception)

    _movie: MovieModel = PrivateAttr()
    _labels: LabelsModel = PrivateAttr()
    _choice: ChoiceModel = PrivateAttr()
    _review: ReviewModel = PrivateAttr()
    _cancelled: bool = PrivateAttr(default=False)
    _run: FineTuneRun | None = PrivateAttr(default=None)
    _began: float = PrivateAttr(default=0.0)
    _of: Any = PrivateAttr(default=None)
    _work: Background = PrivateAttr()
    _timer: QTimer = PrivateAttr()

    def __init__(
        self, movie: MovieModel, labels: LabelsModel, choice: ChoiceModel, review: ReviewModel
    ) -> None:
        super().__init__()
        self._movie, self._labels, self._choice = movie, labels, choice
        self._review = review
        self._work = Background(self._fail)
        self._timer = QTimer()
        self._timer.setInterval(_LOOK_EVERY)
        self._timer.timeout.connect(self._look)
        movie.events.recording.connect(self._on_recording)
        choice.events.card.connect(self._on_card)
        self._on_card()

    @property
    def obstacle(self) -> str | None:
        """Why no fine-tune can start now; None if one can."""
        if self.running:
            return "A fine-tune is running."
        if self._movie.recording is None or self._movie.raw is None:
            return "Open a recording first."
        if self._choice.card is None:
            return "Load a decoder first."
        try:
            self.planned()
        except CortexDecoderError as error:
            return str(error)
        return None

    def planned(self) -> tuple[HeldOut, ...]:
        """Give what would be held out.

        Raises
        ------
        CortexDecoderError
            If the labels are not enough, with the reason.
        """
        labelled, card = self._labelled(), self._choice.card
        if not labelled or card is None:
            return ()
        return plan(card.config, card.name, labelled, self.depth).held_out

    def set_planning(self, planning: bool) -> None:
        """Say whether to show what would be held out."""
        self.planning = planning

    @property
    def shown_held_out(self) -> tuple[HeldOut, ...]:
        """What is, or would be, held out of the open recording; none while nobody looks."""
        blocks: tuple[HeldOut, ...] = ()
        if self.result is not None:
            blocks = self.result.held_out
        elif self.planning:
            try:
                blocks = self.planned()
            except CortexDecoderError:  # why not, `obstacle` says
                blocks = ()
        return tuple(block for block in blocks if block.recording == 0)

    def add_recording(self, path: str | Path) -> None:
        """Learn from another recording too, by the labels that are kept beside it."""
        self._work.run(_open_labelled, path, then=self._add)

    def remove_recordings(self) -> None:
        """Learn from the open recording alone."""
        self.others = ()

    def _add(self, other: Other) -> None:
        known = [self._movie.raw, *(one.recording for one in self.others)]
        if any(one is not None and one.path == other.recording.path for one in known):
            self.message = f"{other.recording.name} is learned from already."
            return
        self.others = (*self.others, other)

    def set_depth(self, depth: Depth) -> None:
        """Say how deep to change the decoder."""
        self.depth = depth

    def start(self) -> None:
        """Begin; does nothing while there is an `obstacle`."""
        labelled, card = self._labelled(), self._choice.card
        if self.obstacle is not None or not labelled or card is None:
            return
        depth, device = self.depth, self._choice.device
        name = f"{card.name}-{labelled[0][0].name}"[:80]
        path = labelled[0][0].path

        def begin() -> FineTuneRun:
            out = None
            if depth == "end-to-end" and path is not None:
                out = _run_folder(path)
            with LOADING:
                base = load_decoder(card.source)
            return fine_tune(
                base, labelled, out, depth=depth, device=device, name=name, anew=True, wait=False
            )

        self.running, self.told, self.result, self.message = True, (), None, ""
        self._cancelled = False
        self._began = time.monotonic()
        self._work.run(begin, then=self._follow)

    def cancel(self) -> None:
        """End it; the best so far is the result."""
        if self._run is not None:
            self._run.cancel()
            self._cancelled = True
            self.message = "Ending; the best so far is kept…"

    def keep(self, path: str | Path) -> None:
        """Save the new decoder with the cleaning that is set, and choose it."""
        if self.result is None:
            return
        new = self.result.decoder
        config = new.config.model_copy(update={"cleaning": self._review.cleaning})
        try:
            Decoder(config, new.network, name=new.name).save(path)
        except CortexDecoderError as error:
            self.failed.emit(error)
            return
        self.result = None
        self._forget_run()
        self.message = f"Kept as {Path(path).name}, and chosen: decode again."
        self._choice.offer(path)

    def discard(self) -> None:
        """Forget the new decoder."""
        self.result = None
        self.told = ()
        self._forget_run()
        self.message = "Discarded."

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._work.drop()
        if self._run is not None:
            self._timer.stop()  # at the end of a script Qt may have taken an idle one away before
            self._run.leave()
        self._movie.events.recording.disconnect(self._on_recording)
        self._choice.events.card.disconnect(self._on_card)

    def _labelled(self) -> list[tuple[Recording, Ethogram]]:
        """Give the open recording, then the others; nothing without labels of the open one."""
        raw, labels = self._movie.raw, self._labels.labels
        if raw is None or labels is None:
            return []
        return [(raw, labels.ethogram), *((one.recording, one.ethogram) for one in self.others)]

    def _follow(self, run: FineTuneRun) -> None:
        self._run = run
        self._timer.start()

    def _follow_found(self, found: tuple[FineTuneRun | None, bool]) -> None:
        """Follow what an earlier window has begun, or say that it was cut short."""
        run, begun = found
        if not begun or self.running:
            return
        self.depth = "end-to-end"
        if run is None:
            self.message = "A fine-tune was cut short here: fine-tune again, and it goes on."
            return
        self.running, self.told = True, ()
        self._began = time.monotonic()
        self._follow(run)

    def _forget_run(self) -> None:
        """Leave nothing of an end-to-end run behind."""
        raw = self._movie.raw
        if raw is not None and raw.path is not None:
            self._work.run(_forget, raw.path)

    def _look(self) -> None:
        """See how far it is."""
        run = self._run
        if run is None:
            return
        told = run.progress()
        if len(told) != len(self.told):
            if self.told and told[-1].stage != self.told[-1].stage:
                self._began = time.monotonic()
            elapsed, last = time.monotonic() - self._began, told[-1]
            known = last.done and elapsed > 1
            self.seconds_left = elapsed * (last.total - last.done) / last.done if known else None
            self.told = told
        if not run.ended:
            return
        self._timer.stop()
        self._run, self.running, self.seconds_left = None, False, None
        try:
            self.result = run.result()
        except CortexDecoderError as error:
            if self._cancelled:
                self.message = "Cancelled: nothing was learned yet."
            else:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.running = False
        self.message = str(error)
        self.failed.emit(error)

    def _on_card(self) -> None:
        """See which decoder is chosen now."""
        card = self._choice.card
        self.base = "" if card is None else card.name

    def _on_recording(self, recording: Recording | None) -> None:
        """Let go of what belongs to another recording, and look what was begun with this one."""
        raw = self._movie.raw
        if (None if raw is None else raw.movie) is self._of:
            return
        self._of = None if raw is None else raw.movie
        self._work.drop()
        self._timer.stop()
        if self._run is not None:
            self._run.leave()
            self._run = None
        self.running, self.seconds_left = False, None
        self.result, self.told, self.message, self.others = None, (), "", ()
        if raw is not None and raw.path is not None:
            self._work.run(_find_run, raw.path, then=self._follow_found)


def _run_folder(path: Path) -> Path:
    return sidecar_folder(path) / "fine-tune"


def _find_run(path: Path) -> tuple[FineTuneRun | None, bool]:
    """Look for an end-to-end run of a recording; tell whether one was begun; runs in a thread."""
    folder = _run_folder(path)
    if not folder.is_dir():
        return None, False
    return found_run(folder), (folder / ASKED).is_file()


def _forget(path: Path) -> None:
    TuneFolder(_run_folder(path)).forget()


def _open_labelled(path: str | Path) -> Other:
    """Open a recording with the labels beside it; runs in a thread."""
    recording = open_recording(path)
    ethogram = None
    if recording.path is not None:
        ethogram = journal_ethogram(sidecar_folder(recording.path))
    if ethogram is None:
        raise LabelError(f"{path} has no labels beside it; open it here and label it first.")
    return Other(recording, ethogram)
