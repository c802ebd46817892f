"""Functions in threads, whose results come back to the GUI thread or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication
from superqt.utils import WorkerBase, create_worker


def _let_workers_end() -> None:
    """Wait for threads and their last signals: a script may end while one still loads torch."""
    WorkerBase.await_workers()
    while QApplication.instance() is not None:
        QApplication.processEvents()  # may start others
        if not QThreadPool.globalInstance().activeThreadCount():
            break
        WorkerBase.await_workers()


# Before `atexit`: what a library that is first loaded while the script ends asks of that is not
# heard any more, and h5py then crashes. concurrent.futures ends its threads in the same way.
threading._register_atexit(_let_workers_end)  # type: ignore[attr-defined]


class Background:
    """Runs functions in threads for one owner, which may lose interest in them.

    `failed` gets the exception of a function that raised.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._round = 0

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        then: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Call a function in a thread, then `then` with its result, or `failed`, in this one."""
        asked_in = self._round

        def deliver(result: Any) -> None:
            if then is not None and asked_in == self._round:
                then(result)

        def fail(error: Exception) -> None:
            if asked_in == self._round:
                (failed or self._failed)(error)

        create_worker(function, *args, _connect={"returned": deliver, "errored": fail})

    def drop(self) -> None:
        """Lose interest in all that runs: nobody hears of its results or errors."""
        self._round += 1
