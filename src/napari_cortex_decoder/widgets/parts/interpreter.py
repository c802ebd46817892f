"""Python's interpreter, kept at hand for the thread of the windows."""

from __future__ import annotations

import gc
import sys

from qtpy.QtCore import QTimer

_PAUSE = 250  # ms
_TURN = 0.0001  # s


class Interpreter:
    """Collects garbage in this thread alone, and lets it have its turn soon, while one is open.

    What Qt shows may be part of a cycle that only the collector frees, and Qt ends with a crash
    where another thread frees it: whichever allocates most, so one that decodes. And each event
    of a window waits for the interpreter anew: as long as a thread that imports may keep it.
    """

    _open = 0
    _before = 0, 0.0

    def __init__(self) -> None:
        if not Interpreter._open:
            often, *others = gc.get_threshold()
            Interpreter._before = often, sys.getswitchinterval()
            sys.setswitchinterval(_TURN)
            gc.set_threshold(0, *others)  # what is disabled a library may enable
            gc.freeze()  # the libraries: looking through them all takes longer than a user waits
        Interpreter._open += 1
        self._timer = QTimer()
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def close(self) -> None:
        """Leave it to Python again, if no other is open."""
        self._timer.stop()
        Interpreter._open -= 1
        if not Interpreter._open:
            often, turn = Interpreter._before
            sys.setswitchinterval(turn)
            gc.set_threshold(often, *gc.get_threshold()[1:])
            gc.unfreeze()  # a viewer that was there before, and all that it holds, is among it

    def _collect(self) -> None:
        """Collect what is due: Python counts on while it does not collect."""
        limits = self._before[0], *gc.get_threshold()[1:]
        due = [limit and count > limit for count, limit in zip(gc.get_count(), limits, strict=True)]
        for generation in (2, 1, 0):
            if due[generation]:
                gc.collect(generation)
                return
