"""Finds who keeps the window's thread busy: this plugin, or napari."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType, TracebackType

import napari

import napari_cortex_decoder

OURS = str(Path(napari_cortex_decoder.__file__).parent)
NAPARI = str(Path(napari.__file__).parent)


class Watchdog:
    """Samples the stack of the thread that enters it, every few milliseconds.

    Processor time counts, not the clock: other work on the machine is not the program's. What
    napari does when this plugin calls it (making a layer, a dock) is napari's; a library's work
    counts for whichever of the two called it last.

    Attributes
    ----------
    longest
        The most seconds of one call of this plugin's.
    where
        Its stack when it was last seen.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.where = ""
        self._call: FrameType | None = None
        self._spent = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watchdog:
        self._ident = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._ident)
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
        self._call = None

    def _watch(self) -> None:
        last = time.clock_gettime(self._clock)
        while not self._stop.wait(0.004):
            now = time.clock_gettime(self._clock)
            frame = sys._current_frames().get(self._ident)
            outermost, innermost = None, ""
            at = frame
            while at is not None:
                file = at.f_code.co_filename
                if file.startswith(OURS):
                    outermost = at
                if not innermost and file.startswith((OURS, NAPARI)):
                    innermost = file
                at = at.f_back
            if outermost is not self._call:
                self._call, self._spent = outermost, 0.0
            elif outermost is not None and innermost.startswith(OURS):
                self._spent += now - last
                if self._spent > self.longest:
                    self.longest = self._spent
                    self.where = "".join(traceback.format_stack(frame))
            last = now
