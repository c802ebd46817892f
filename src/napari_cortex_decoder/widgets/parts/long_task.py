"""One long function at a time, off the GUI thread: with progress, and a Cancel that works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import WorkerBase

from napari_cortex_decoder.widgets.parts.clock import as_duration

_SHORTEST_PAUSE = 1 / 30
"""Seconds between two updates of the screen."""

_FIRST_ESTIMATE = 0.5
"""Seconds of a stage before its end is estimated."""

Tell = Callable[[str, int, int], None]
"""Reports what is done, how far, of how much; raises where the work was cancelled."""


@dataclass(frozen=True)
class TaskProgress:
    """How far a task is.

    Attributes
    ----------
    stage
        What is done, to show; empty if nothing is.
    done, total
        Frames of this stage; 0 of 0 where nobody can say yet.
    seconds_left
        Until this stage ends; None where nobody can say yet.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None

    @property
    def running(self) -> bool:
        """Whether a task is under way."""
        return bool(self.stage)


def progress_text(progress: TaskProgress) -> str:
    """Say what a task does, how far it is, and how long it still takes."""
    text = progress.stage[:1].upper() + progress.stage[1:]
    if progress.total:
        text += f"  {100 * progress.done / progress.total:.0f} %"
    if progress.seconds_left is not None:
        text += f",  {as_duration(progress.seconds_left)} left"
    return text


class LongTask:
    """Runs long functions for one owner, one at a time.

    Parameters
    ----------
    show
        Called on the GUI thread with each `TaskProgress`, at most 30 a second; with an idle one at
        the end.
    failed
        Called on the GUI thread with what a function raised.
    """

    def __init__(
        self, show: Callable[[TaskProgress], None], failed: Callable[[Exception], None]
    ) -> None:
        self._show, self._failed = show, failed
        self._job: _Job | None = None

    @property
    def running(self) -> bool:
        """Whether a function is under way."""
        return self._job is not None

    def start(
        self, stage: str, function: Callable[[Tell], Any], then: Callable[[Any], None]
    ) -> None:
        """Call a function in a thread, and `then` with its result in this one.

        Parameters
        ----------
        stage
            What to show until the function tells how far it is.
        function
            Gets what to tell its progress to.
        then
            Not called if the task was cancelled or the function raised.
        """
        self.cancel()
        job = self._job = _Job(function)
        job.results.progressed.connect(lambda progress: self._tell(job, progress))
        job.returned.connect(lambda result: self._end(job, lambda: then(result)))
        job.errored.connect(lambda error: self._end(job, lambda: self._failed(error)))
        self._show(TaskProgress(stage))
        job.start()

    def cancel(self) -> None:
        """Stop what runs; its result and its errors are dropped."""
        if self._job is not None:
            self._job.quit()
            self._job = None
            self._show(TaskProgress())

    def _tell(self, job: _Job, progress: TaskProgress) -> None:
        if job is self._job:
            self._show(progress)

    def _end(self, job: _Job, then: Callable[[], None]) -> None:
        if job is self._job:
            self._job = None
            self._show(TaskProgress())
            then()


class _Results(QObject):
    progressed = Signal(object)


class _Cancelled(Exception):
    """Ends a function from within."""


class _Job(WorkerBase[Any]):
    """One call of a function in a thread of its own."""

    def __init__(self, function: Callable[[Tell], Any]) -> None:
        super().__init__()
        self.results = _Results()
        self._function = function
        self._stage = ""
        self._began = 0.0
        self._last = -np.inf

    def work(self) -> Any:
        """Call the function; runs in the thread."""
        try:
            return self._function(self._tell)
        except _Cancelled:
            return None

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.abort_requested:
            raise _Cancelled
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._last = stage, now, -np.inf
        if now - self._last < _SHORTEST_PAUSE:
            return
        self._last = now
        elapsed = now - self._began
        left = elapsed * (total - done) / done if done and elapsed >= _FIRST_ESTIMATE else None
        self.results.progressed.emit(TaskProgress(stage, done, total, left))
