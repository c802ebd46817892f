"""A fine-tune at work: how far it is, how it is ended, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Cancelled, Progress, Report, unheard
from napari_cortex_decoder.tuning.result import FineTuneResult


class FineTuneJob:
    """A fine-tune at work; see `start_fine_tune`.

    `work` does it, given this; `report` gets how far it is, and raises `Cancelled` to end it as
    `cancel` does.
    """

    def __init__(
        self, work: Callable[[FineTuneJob], FineTuneResult], report: Report = unheard
    ) -> None:
        self._work, self._report = work, report
        self._events: list[Progress] = []
        self._end: Future[FineTuneResult] = Future()
        self._cancelled, self._left = threading.Event(), threading.Event()

    @property
    def ended(self) -> bool:
        """Whether it is at work no more."""
        return self._end.done()

    @property
    def cancelled(self) -> bool:
        """Whether it is to end with the best so far."""
        return self._cancelled.is_set()

    @property
    def left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._left.is_set()

    def progress(self) -> tuple[Progress, ...]:
        """Return all that was told so far, oldest first."""
        return tuple(self._events)

    def cancel(self) -> None:
        """End the fit after its present epoch or step; the best so far is the result."""
        self._cancelled.set()

    def leave(self) -> None:
        """Wait for it no more: what another process fits goes on, all else ends."""
        self._left.set()

    def result(self, *, timeout: float | None = None) -> FineTuneResult:
        """Wait for the end.

        Raises TimeoutError if it does not come within `timeout` seconds; TrainingError if the
        fine-tune failed, or was cancelled before there was anything to keep.
        """
        return self._end.result(timeout)

    def tell(self, progress: Progress) -> None:
        """Take note of how far it is; raise `Cancelled` if it is to end."""
        self._events.append(progress)
        try:
            self._report(progress)
        except Cancelled:
            self.cancel()
        if self.cancelled or self.left:
            raise Cancelled

    def work(self) -> FineTuneResult:
        """Do it here and now."""
        try:
            return self._work(self)
        except Cancelled as end:
            raise TrainingError("the fine-tune was cancelled before anything was learned.") from end

    def start(self) -> None:
        """Do it in a thread."""
        thread = threading.Thread(target=self._finish, name="fine-tune", daemon=True)
        thread.start()

    def _finish(self) -> None:
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._end.set_exception(error)
        else:
            self._end.set_result(result)
