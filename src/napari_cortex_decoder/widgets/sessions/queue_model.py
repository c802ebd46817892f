"""State and intents of the queue: the same done to all sessions that are checked, one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from psygnal import Signal
from pydantic import PrivateAttr

from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.widgets.decode.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.sessions.session_jobs import (
    Outcome,
    Work,
    decoding,
    each,
    placing,
)
from napari_cortex_decoder.widgets.sessions.sessions_model import SessionsModel


class QueueModel(TaskModel):
    """What is being done to the sessions that are checked."""

    working: int = -1  # place of that session in the table; −1 if nothing is done

    stopped: ClassVar[str] = "Cancelled: sessions that were not through are as they were."

    done: ClassVar[Signal] = Signal(Path)
    """It is through with this recording."""

    _movie: MovieModel
    _choice: ChoiceModel
    _sessions: SessionsModel
    _queue: tuple[CohortEntry, ...] = ()
    _outcomes: deque[Outcome] = PrivateAttr(default_factory=deque)
    _n_failed: int = 0

    def __init__(self, movie: MovieModel, choice: ChoiceModel, sessions: SessionsModel) -> None:
        super().__init__()
        self._movie, self._choice, self._sessions = movie, choice, sessions

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be done to all that is checked; None if it can."""
        if self.progress.running:
            return "Wait until the queue is through, or cancel it."
        return None if self._sessions.checked else "Check some sessions first."

    @property
    def decode_obstacle(self) -> str | None:
        """Why not all that is checked can be decoded now; None if it can."""
        if self._choice.card is None:
            return "Load a decoder first, in the section Decode."
        return self.obstacle

    @property
    def place_obstacle(self) -> str | None:
        """Why the atlas cannot be placed on all that is checked; None if it can."""
        row = self._sessions.open_row
        if row is None or row.entry is None:
            return "Open the session first on which the atlas is placed."
        if not row.subject:
            return "Say in the table which mouse each session is of."
        return self.obstacle

    def decode_checked(self) -> None:
        """Decode all that is checked with the chosen decoder."""
        card = self._choice.card
        if self.decode_obstacle is None and card is not None:
            compute, any_rate = self._choice.compute, self._choice.any_rate
            work = partial(decoding, card.source, compute, any_rate)
            self._start(self._sessions.checked, work)

    def place_on_checked(self) -> None:
        """Place the atlas on all that is checked of this mouse, as it lies on the open session."""
        raw, own = self._movie.raw, self._sessions.open_row
        if self.place_obstacle is not None or raw is None or own is None:
            return
        others = [
            entry
            for entry in self._sessions.checked
            if entry.subject == own.subject and entry is not own.entry
        ]
        if others:
            self._start(others, partial(placing, raw))
        else:
            self.message = f"No other session of {own.subject} is checked."

    def _start(self, entries: Iterable[CohortEntry], prepare: Callable[[], Work]) -> None:
        self._queue, self._n_failed, self.message = tuple(entries), 0, ""
        queue, outcomes = self._queue, deque[Outcome]()
        self._outcomes = outcomes

        def work(report: Report) -> None:
            each(queue, prepare, outcomes, report)

        self._task.start("loading", work, then=self._ended)

    def _show_progress(self, progress: Progress) -> None:
        self._take_outcomes()
        number = progress.details.get("number")
        self.working = -1 if number is None else self._sessions.place_of(self._queue[number])
        self.progress = progress

    def _take_outcomes(self) -> None:
        while self._outcomes:
            outcome = self._outcomes.popleft()
            if outcome.defect is not None:
                self.failed.emit(outcome.defect)
            self._n_failed += outcome.failed
            said = f"⚠ {outcome.said}" if outcome.failed else outcome.said
            self._sessions.tell(outcome.entry, said)
            if not outcome.failed:
                self.done.emit(outcome.entry.recording)

    def _ended(self, _: object) -> None:
        self._take_outcomes()
        n, failed = len(self._queue), self._n_failed
        why = f"; why {failed} are not stands in their rows." if failed else "."
        self.message = f"{n - failed} of {n} sessions are done{why}"

    def _fail(self, error: Exception) -> None:
        """Hear of what kept it from beginning."""
        self.message = str(error)
        self.failed.emit(error)
