"""How long the window's thread is busy: opening the dock, then what a recording brings.

Runs in a process of its own, because a viewer takes over the one that it is in, and because
opening includes loading the libraries; needs a display. Prints JSON:

    python benchmarks/window.py
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["NAPARI_ASYNC"] = "0"
_OWN_SETTINGS = tempfile.TemporaryDirectory(prefix="cortex-decoder-bench-")
os.environ.setdefault("NAPARI_CONFIG", str(Path(_OWN_SETTINGS.name, "napari.yaml")))

from napari import Viewer  # noqa: E402 - napari reads the environment when it is imported
from qtpy.QtWidgets import QApplication, QLabel  # noqa: E402


def measure_opening() -> dict[str, float]:
    """Open the dock as the first thing of this process that needs the program.

    Returns
    -------
    dict
        ``opening_the_dock_s``: all that the window's thread computes until dock and timeline are
        whole, whoever does it (napari, Qt, this program);
        ``opening_the_dock_longest_call_s``: the most of it without a look at the keyboard;
        ``opening_the_dock_until_whole_s``: by the clock, with the libraries that a thread loads.
    """
    viewer = Viewer(show=True)
    window = viewer.window
    window.add_dock_widget(QLabel("nothing"), name="nothing")  # napari's own first dock
    for _ in range(20):  # the empty window draws itself to an end
        QApplication.processEvents()
        time.sleep(0.01)
    start = time.monotonic()
    spent = [_seconds(lambda: window.add_plugin_dock_widget("napari-cortex-decoder"))]
    # the dock, a label of nothing and the timeline
    while len(window.dock_widgets) < 3:
        spent.append(_seconds(QApplication.processEvents))
        time.sleep(0.001)
    spent.append(_seconds(QApplication.processEvents))
    clock = time.monotonic() - start
    viewer.close()
    QApplication.processEvents()
    return {
        "opening_the_dock_s": sum(spent),
        "opening_the_dock_longest_call_s": max(spent),
        "opening_the_dock_until_whole_s": clock,
    }


def _seconds(function: Callable[[], object]) -> float:
    """Time a call by this thread's processor: other work on the machine is not the program's."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def measure() -> dict[str, float]:
    """Measure all; see the names of the figures."""
    opening = measure_opening()
    # only now: opening the dock is to find nothing loaded
    from window_frames import measure_frames

    return opening | measure_frames()


if __name__ == "__main__":
    print(json.dumps(measure()))
