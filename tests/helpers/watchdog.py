"""Finds who keeps the window's thread busy: this plugin, or napari."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType

import napari

import napari_cortex_decoder

OURS = str(Path(napari_cortex_decoder.__file__).parent)
NAPARI = str(Path(napari.__file__).parent)


class Watchdog:
    """Samples the stack of the thread that enters it, every few milliseconds.

    What counts is the clock, less the time that the thread stood in the queue for a core: other
    work on the machine is not the program's, but a lock, a disk, or an interpreter that a worker
    holds is, also where napari waits for it, unless it draws. What napari computes when this
    plugin calls it (making a layer, a dock) is napari's; a library's work counts for whichever of
    the two called it last.

    Attributes
    ----------
    longest
        The most seconds of one call.
    waited
        How many of them it waited.
    computed
        The most seconds that this plugin computed in one call.
    where, beside
        Its stack when it was last seen, and those of other threads then.
    """

    def __init__(self) -> None:
        self.longest = self.waited = self.computed = 0.0
        self.where = ""
        self.beside: dict[int, str] = {}
        self._mark: object = None
        self._spent = self._idle = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watchdog:
        self._ident = threading.get_ident()
        self._told = Path(f"/proc/self/task/{threading.get_native_id()}")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def times(self) -> tuple[float, float]:
        """Return the seconds that the thread has computed, and those that it has waited since."""
        computed, queued, _ = (self._told / "schedstat").read_text().split()
        return int(computed) / 1e9, time.monotonic() - (int(computed) + int(queued)) / 1e9

    def _sleeps(self) -> bool:
        return (self._told / "stat").read_text().rsplit(") ", 1)[1][0] in "SD"

    def _watch(self) -> None:
        told = self.times()
        while not self._stop.wait(0.004):
            before, told = told, self.times()
            self._look(*before, *told)

    def _look(
        self, computed_before: float, waited_before: float, computed: float, waited: float
    ) -> None:
        """Look at the stack, and keep none of its frames.

        A call that ended while one of its frames is kept leaves what it holds to this thread, and
        Qt ends with a crash where another thread frees a painter.
        """
        frame = sys._current_frames().get(self._ident)
        outermost, innermost = None, ""
        at = frame
        while at is not None:
            file = at.f_code.co_filename
            if file.startswith((OURS, NAPARI)):
                outermost, innermost = at, innermost or file
            at = at.f_back
        if outermost is None or frame is None:
            self._mark, self._spent, self._idle = None, 0.0, 0.0
        elif outermost.f_trace is None or outermost.f_trace is not self._mark:
            self._mark, self._spent, self._idle = _Mark(), 0.0, 0.0
            outermost.f_trace = self._mark
        else:
            if f"{os.sep}vispy{os.sep}" not in frame.f_code.co_filename:
                self._idle += waited - waited_before
            self._spent += computed - computed_before if innermost.startswith(OURS) else 0
            self.computed = max(self.computed, self._spent)
            longest = self._spent + self._idle
            # of one that queues now it is not yet told for how long
            if longest > self.longest and (computed > computed_before or self._sleeps()):
                self.longest, self.waited = longest, self._idle
                self.where = "".join(traceback.format_stack(frame))
                self.beside = {
                    other: "".join(traceback.format_stack(at))
                    for other, at in sys._current_frames().items()
                    if other not in (self._ident, threading.get_ident())
                }


class _Mark:
    """Stands in a frame that was looked at, where a debugger's function would; nobody calls it."""

    def __call__(self, *_: object) -> None:
        """Trace nothing."""
