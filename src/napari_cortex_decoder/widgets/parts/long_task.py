"""One long function at a time, off the GUI thread: with progress, and a Cancel that works."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QThreadPool, Signal
from superqt.utils import WorkerBase

from napari_cortex_decoder.progress import Cancelled, Estimate, Progress, Report

_LOG = logging.getLogger(__name__)
_SHORTEST_PAUSE = 1 / 30
"""Seconds between two updates of the screen."""


class LongTask:
    """Runs long functions for one owner, one at a time.

    `show` gets each `Progress`, at most 30 a second, and an idle one at the end; `failed` what a
    function raised; both on the GUI thread.
    """

    def __init__(
        self, show: Callable[[Progress], None], failed: Callable[[Exception], None]
    ) -> None:
        self._show, self._failed = show, failed
        self._job: _Job | None = None

    @property
    def running(self) -> bool:
        """Whether a function is under way."""
        return self._job is not None

    def start(
        self, stage: str, function: Callable[[Report], Any], then: Callable[[Any], None]
    ) -> None:
        """Call a function in a thread, and `then` with its result in this one.

        `stage` shows until the function tells how far it is; nothing follows if it was cancelled or
        raised.
        """
        self.cancel()
        job = self._job = _Job(function)
        job.results.progressed.connect(lambda progress: self._tell(job, progress))
        job.returned.connect(lambda result: self._end(job, lambda: then(result)))
        job.errored.connect(lambda error: self._end(job, lambda: self._failed(error)))
        self._show(Progress(stage))
        job.start()

    def cancel(self) -> None:
        """Stop what runs; its result and its errors are dropped."""
        if self._job is not None:
            self._job.quit()
            self._job = None
            self._show(Progress())

    def _tell(self, job: _Job, progress: Progress) -> None:
        if job is self._job:
            self._show(progress)

    def _end(self, job: _Job, then: Callable[[], None]) -> None:
        if job is self._job:
            self._job = None
            self._show(Progress())
            then()


class _Results(QObject):
    progressed = Signal(object)


class _Job(WorkerBase[Any]):
    """One call of a function in a thread of its own.

    Not a generator worker: those swallow a RuntimeError, and so CUDA's *out of memory*.
    """

    def __init__(self, function: Callable[[Report], Any]) -> None:
        super().__init__()
        self.results = _Results()
        self._function = function
        self._estimate = Estimate()
        self._shown = "", -np.inf
        self.warned.connect(_log_warning)

    def work(self) -> Any:
        """Call the function; runs in the thread."""
        pool = QThreadPool.globalInstance()
        pool.releaseThread()  # with as many of these as cores, short work would wait for their end
        try:
            return self._function(self._report)
        except Cancelled:
            return None
        finally:
            pool.reserveThread()

    def _report(self, event: Progress) -> None:
        if self.abort_requested:
            raise Cancelled
        stage, last = self._shown
        now = time.monotonic()
        event = self._estimate.of(event)
        if event.stage != stage or now - last >= _SHORTEST_PAUSE:
            self._shown = event.stage, now
            self.results.progressed.emit(event)


def _log_warning(shown: tuple[object, ...]) -> None:
    """Write a library's warning to the log; superqt would drop it."""
    message, category, filename, line = shown[:4]
    _LOG.warning("%s:%s: %s: %s", filename, line, getattr(category, "__name__", ""), message)
