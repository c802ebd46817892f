"""Go through a working day in a window of its own, and tell what kept its thread: see main.

python -m helpers.freezes FOLDER
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(sys.argv[1])
os.environ |= {
    "NAPARI_CONFIG": str(FOLDER / "napari.yaml"),
    "XDG_DATA_HOME": str(FOLDER / "data"),
    "NAPARI_ASYNC": "0",
}

import napari
from qtpy.QtWidgets import QApplication

from helpers.watchdog import Watchdog
from napari_cortex_decoder.widgets.session import workspace_of

held: dict[str, tuple[float, float, float, str]] = {}
"""Of each path the longest that this program computed in the window's thread, the longest that it
kept the window, what of that was waiting (s), and where."""


@contextmanager
def path(name: str) -> Iterator[None]:
    """Watch one path."""
    with Watchdog() as watchdog:
        yield
    where = "\nbeside\n".join((watchdog.where, *watchdog.beside.values()))
    told = watchdog.computed, watchdog.longest, watchdog.waited, where
    held[name] = max(held.get(name, told), told)


def until(reached: Callable[[], object], seconds: float = 0.3) -> None:
    """Serve the window until something is so, and a moment longer."""
    stuck = time.monotonic() + 900
    after = None
    while after is None or time.monotonic() < after:
        if after is None and reached():
            after = time.monotonic() + seconds
        assert time.monotonic() < stuck, "the program does not get there"
        QApplication.processEvents()
        time.sleep(0.003)


def main() -> None:
    """Open, place, select, fine-tune, explain and preprocess; work runs all the while."""
    viewer = napari.Viewer()
    dock = viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")[1]
    until(lambda: any("Timeline" in name for name in viewer.window.dock_widgets))
    elsewhere: list[str] = []
    gc.callbacks.append(lambda phase, info: threading.current_thread() is threading.main_thread()
                        or elsewhere.append("".join(traceback.format_stack())))  # fmt: skip
    workspace = workspace_of(viewer)
    workspace.failed.connect(lambda error: print(error, file=sys.stderr))
    movie, atlas, placing = workspace.movie, workspace.atlas, workspace.placing
    workspace.choice.offer(FOLDER / "blank.safetensors")
    workspace.choice.device = "cpu"
    with path("placing restored"):
        movie.open(FOLDER / "placed.tif")
        until(lambda: placing.placing is not None)
    movie.open(FOLDER / "m7.tif")
    until(lambda: movie.recording.name == "m7" and atlas.obstacle is None)
    with path("first guess"):
        atlas.guess()
        until(lambda: placing.placing is not None)
    workspace.tuning.planning = True
    with path("fine-tune begins"):
        workspace.tuning.start()
        until(lambda: len(workspace.tuning.told) > 2 or workspace.tuning.result)
    with path("onset layer"):
        workspace.saliency.change(behavior="run", method="grad-cam", span="onsets")
        workspace.saliency.run()
        until(lambda: workspace.saliency.result is not None)
    with path("first area selected"):
        workspace.areas.compute()
        until(lambda: workspace.areas.traces is not None)
        workspace.areas.select((3,))
        until(lambda: True)
        workspace.areas.select((3, 4, 9))
        until(lambda: True)
    with path("fine-tune ends"):
        until(lambda: workspace.tuning.result is not None)
    workspace.saliency.change(method="areas", span="bouts")
    workspace.saliency.run()
    until(lambda: workspace.saliency.progress.running)
    with path("decoded"):
        workspace.decode.decode()
        until(lambda: workspace.decode.complete)
    with path("importance"):
        until(lambda: not workspace.saliency.progress.running)
    with path("preprocessing applied"):
        workspace.preprocessing.switch("detrend", True)
        workspace.preprocessing.apply()
        until(lambda: movie.recording is not movie.raw)
    dock.close()
    assert not elsewhere, f"a worker frees what Qt knows of:\n{elsewhere[0]}"
    print(json.dumps(held))
    os._exit(0)


if __name__ == "__main__":
    main()
