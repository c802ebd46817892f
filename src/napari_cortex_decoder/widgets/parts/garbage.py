"""Python's collector, kept to the thread of the windows."""

from __future__ import annotations

import gc

from qtpy.QtCore import QTimer

_PAUSE = 250  # ms


class Collector:
    """Collects garbage in this thread as often as Python would in any, while one of these is open.

    What Qt shows may be part of a cycle that only the collector frees, and Qt ends with a crash
    where another thread frees it: whichever allocates most, so one that decodes.
    """

    _open = 0
    _was_enabled = False

    def __init__(self) -> None:
        if not Collector._open:
            Collector._was_enabled = gc.isenabled()
            gc.disable()
            gc.freeze()  # the libraries: looking through them all takes longer than a user waits
        Collector._open += 1
        self._timer = QTimer()
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(_collect)
        self._timer.start()

    def close(self) -> None:
        """Leave it to Python again, if no other is open."""
        self._timer.stop()
        Collector._open -= 1
        if not Collector._open and Collector._was_enabled:
            gc.enable()


def _collect() -> None:
    """Collect what is due: the counts go on while the collector of Python's own is off."""
    due = [count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)]
    for generation in (2, 1, 0):
        if due[generation]:
            gc.collect(generation)
            return
