"""State and intents of fine-tuning: depth, progress, curve, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr
from qtpy.QtCore import QTimer

from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.fine_tune import FineTuneRun, fine_tune
from napari_cortex_decoder.training.fine_tune_job import FineTuneResult
from napari_cortex_decoder.training.held_out import HeldOut
from napari_cortex_decoder.training.label_checks import Depth, plan
from napari_cortex_decoder.training.tune_progress import TuneProgress
from napari_cortex_decoder.widgets.background import Background
from napari_cortex_decoder.widgets.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.decode_job import LOADING
from napari_cortex_decoder.widgets.labels_model import LabelsModel
from napari_cortex_decoder.widgets.movie_model import MovieModel
from napari_cortex_decoder.widgets.review_model import ReviewModel

_LOOK_EVERY = 100  # ms


class TuningModel(EventedModel):
    """Fits the chosen decoder to the labels of the open recording.

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
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    depth: Depth = "head"
    running: bool = False
    told: tuple[TuneProgress, ...] = ()
    seconds_left: float | None = None
    result: FineTuneResult | None = None
    message: str = ""
    planning: bool = False

    failed: ClassVar[Signal] = Signal(Exception)

    _movie: MovieModel = PrivateAttr()
    _labels: LabelsModel = PrivateAttr()
    _choice: ChoiceModel = PrivateAttr()
    _review: ReviewModel = PrivateAttr()
    _cancelled: bool = PrivateAttr(default=False)
    _run: FineTuneRun | None = PrivateAttr(default=None)
    _began: float = PrivateAttr(default=0.0)
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
        if labelled is None or card is None:
            return ()
        return plan(card.config, card.name, [labelled], self.depth).held_out

    def set_planning(self, planning: bool) -> None:
        """Say whether to show what would be held out."""
        self.planning = planning

    @property
    def shown_held_out(self) -> tuple[HeldOut, ...]:
        """What is, or would be, held out, to show; none while nobody looks."""
        if self.result is not None:
            return self.result.held_out
        if not self.planning:
            return ()
        try:
            return self.planned()
        except CortexDecoderError:  # why not, `obstacle` says
            return ()

    def set_depth(self, depth: Depth) -> None:
        """Say how deep to change the decoder."""
        self.depth = depth

    def start(self) -> None:
        """Begin; does nothing while there is an `obstacle`."""
        labelled, card = self._labelled(), self._choice.card
        if self.obstacle is not None or labelled is None or card is None:
            return
        depth, device = self.depth, self._choice.device
        name = f"{card.name}-{labelled[0].name}"[:80]

        def begin() -> FineTuneRun:
            with LOADING:
                base = load_decoder(card.source)
            return fine_tune(base, [labelled], depth=depth, device=device, name=name, wait=False)

        self.running, self.told, self.result, self.message = True, (), None, ""
        self._cancelled = False
        self._began = time.monotonic()
        self._work.run(begin, then=self._follow)

    def cancel(self) -> None:
        """End it; the best so far is the result."""
        if self._run is not None:
            self._run.cancel()
            self._cancelled = True
            self.message = "Ending after this epoch…"

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
        self.message = f"Kept as {Path(path).name}, and chosen: decode again."
        self._choice.offer(path)

    def discard(self) -> None:
        """Forget the new decoder."""
        self.result = None
        self.told = ()
        self.message = "Discarded."

    def close(self) -> None:
        """Stop working for a viewer that is gone."""
        self._timer.stop()
        self._work.drop()
        if self._run is not None:
            self._run.cancel()
        self._movie.events.recording.disconnect(self._on_recording)

    def _labelled(self) -> tuple[Recording, Ethogram] | None:
        raw, labels = self._movie.raw, self._labels.labels
        return None if raw is None or labels is None else (raw, labels.ethogram)

    def _follow(self, run: FineTuneRun) -> None:
        self._run = run
        self._timer.start()

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

    def _on_recording(self, recording: Recording | None) -> None:
        """Let go of what belongs to another recording."""
        raw = self._movie.raw
        if raw is None:
            self.cancel()
            self.result, self.told, self.message = None, (), ""
