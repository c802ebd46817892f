"""The window answers: nothing of ours keeps its thread for long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
import tifffile
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject, QRect
from qtpy.QtWidgets import QApplication, QWidget

from helpers.watchdog import OURS, Watchdog
from helpers.windows import N_FRAMES, ScriptedDecoder, wait_until_idle, waves
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.canvas.overlay import WrittenText
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.timeline.timeline_items import BehaviorStrip
from napari_cortex_decoder.widgets.workspace import Workspace

LONGEST = 0.1
"""Seconds: what a user notices as a hitch."""

_MILLION = 0.025
"""Seconds that counting to a million takes on a machine with nothing else to do."""

_TURNS = 30

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells what a thread waited for"
)


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def slowness() -> float:
    """Return how many times slower than that this machine is now: others share it.

    By what it computes, and by how soon a thread that waits for the interpreter gets it from one
    that computes: it may have no core to go on with, and so not let go.
    """
    start = time.thread_time()
    for _ in range(1_000_000):
        pass
    slow = (time.thread_time() - start) / _MILLION
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)])
    thread.start()
    with Watchdog() as watchdog:
        waited = watchdog.times()[1]
        for _ in range(_TURNS):
            time.sleep(0.001)
        waited = watchdog.times()[1] - waited
    stop.set()
    thread.join()
    return max(1.0, slow, waited / _TURNS / (sys.getswitchinterval() + 0.001))


def function_in(folder: str, does: str = "spin(0.3)") -> Callable[[], None]:
    """Return a slow function that looks as if it stood in a module of a folder."""
    names = {"spin": spin, "time": time}
    exec(compile(f"def slow():\n    {does}\n", f"{folder}/slow.py", "exec"), names)
    return names["slow"]  # type: ignore[return-value]


@linux
def test_the_watchdog_sees_what_is_slow_and_whose_it_is() -> None:
    from helpers.watchdog import NAPARI

    with Watchdog() as watchdog:
        function_in(OURS)()
    assert watchdog.longest > LONGEST
    assert "slow.py" in watchdog.where
    with Watchdog() as watchdog:
        function_in(NAPARI)()
    assert watchdog.longest < LONGEST
    asleep = function_in(NAPARI, "time.sleep(0.3)")
    with Watchdog() as watchdog:
        asleep()
    assert watchdog.longest > LONGEST and watchdog.waited > LONGEST


@linux
def test_nothing_of_ours_keeps_the_window_from_opening_the_dock_to_closing_it(
    viewer: Viewer, tmp_path: Path, decoder_file: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, waves(600), photometric="minisblack")
    longest = LONGEST * slowness()
    with Watchdog() as watchdog:
        viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
        qtbot.waitUntil(lambda: TIMELINE in viewer.window.dock_widgets)
        workspace = workspace_of(viewer)
        workspace.movie.open(path)
        qtbot.waitUntil(lambda: workspace.movie.recording is not None)
        workspace.movie.set_frame_rate(30.0)
        workspace.choice.offer(decoder_file)
        workspace.choice.device = "cpu"
        workspace.movie.seek(300)
        workspace.decode.decode()
        wait_until_idle(qtbot, workspace)
        assert workspace.decode.complete
        for frame in np.linspace(0, 599, 20, dtype=int).tolist():
            workspace.movie.seek(frame)
            qtbot.wait(5)
        for name in list(viewer.window.dock_widgets):
            if "Cortex Decoder" in name:
                viewer.window.remove_dock_widget(viewer.window.dock_widgets[name])
        qtbot.wait(20)
        viewer.close()
    longest = max(longest, LONGEST * slowness())
    assert watchdog.longest < longest, watchdog.where


class Seen(QObject):
    """Counts what Qt does with some windows and all that is in them."""

    def __init__(self, *windows: QWidget) -> None:
        super().__init__()
        self._windows = windows
        self.layouts: list[QWidget] = []
        self.painted: dict[QWidget, list[QRect]] = {}

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        ours = isinstance(watched, QWidget) and any(
            watched is window or window.isAncestorOf(watched) for window in self._windows
        )
        if ours and event.type() == QEvent.Type.LayoutRequest:
            self.layouts.append(watched)
        if ours and event.type() == QEvent.Type.Paint:
            self.painted.setdefault(watched, []).append(event.region().boundingRect())
        return False


@pytest.fixture
def items_painted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Curves and strips of the timeline, each time that one is painted from its data."""
    painted: list[object] = []
    for kind in (pg.PlotCurveItem, BehaviorStrip):

        def paint(item: object, *args: object, really: Callable[..., None] = kind.paint) -> None:
            painted.append(item)
            really(item, *args)

        monkeypatch.setattr(kind, "paint", paint)
    return painted


def test_a_frame_draws_the_canvas_once_and_the_cursor_and_lays_nothing_out(
    items_painted: list[object],  # first: Qt looks up once what paints an item
    viewer: Viewer,
    dock: CortexDecoderWidget,
    timeline: TimelineWidget,
    workspace: Workspace,
    opened: object,
    qtbot: QtBot,
) -> None:
    labels = np.arange(N_FRAMES) // 30 % 2
    workspace.labels.ethogram = Ethogram.from_frames(labels, ("rest", "run"))
    workspace.decode.prediction = ScriptedDecoder().whole(workspace.movie.recording)
    assert [row.title for row in timeline._rows] == ["speed", "label", "decoded", "p(run)"]
    canvas = viewer.window._qt_viewer.canvas
    drawn: list[object] = []
    viewer.dims.set_current_step(0, 20)
    seen = Seen(dock, timeline)
    QApplication.instance().installEventFilter(seen)
    for _ in range(50):  # what opening began ends first, however slow the machine is
        seen.layouts.clear()
        seen.painted.clear()
        qtbot.wait(1_200)  # what waits for a second without a change is among it
        if not seen.layouts and not seen.painted:
            break
    assert items_painted
    viewer.dims.set_current_step(0, 25)  # pictures are kept from the first move on
    qtbot.wait(500)
    items_painted.clear()
    seen.layouts.clear()
    seen.painted.clear()
    canvas.events.draw.connect(drawn.append)
    for frame in range(30, 130, 5):
        before = len(drawn)
        viewer.dims.set_current_step(0, frame)
        qtbot.waitUntil(lambda before=before: len(drawn) > before)
        QApplication.processEvents()
    QApplication.instance().removeEventFilter(seen)
    canvas.events.draw.disconnect(drawn.append)
    text = canvas.native.findChild(WrittenText)
    assert text.isVisible() and text.text.startswith("RUN")
    assert len(drawn) == 20
    assert seen.layouts == []
    chart = timeline._graphics.viewport()
    assert items_painted == []
    assert not [part for part in seen.painted if dock.isAncestorOf(part)]
    assert len(seen.painted[chart]) == 20
    assert max(rect.width() for rect in seen.painted[chart]) < chart.width() / 4


def test_the_frame_that_is_looked_at_is_answered_first_and_as_provisional(
    viewer: Viewer, recording: Recording, opened: object, decoder_file: Path, qtbot: QtBot
) -> None:
    workspace = workspace_of(viewer)
    workspace.choice.offer(decoder_file)
    workspace.choice.device = "cpu"
    workspace.movie.seek(100)
    seen: list[tuple[int, int, bool]] = []
    workspace.decode.predicted.connect(
        lambda start, stop: seen.append((start, stop, workspace.decode.is_provisional(start)))
    )
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)
    start, stop, provisional = seen[0]
    assert start <= 100 < stop and provisional
    assert not workspace.decode.is_provisional(100)
    prediction = workspace.decode.prediction
    assert prediction is not None and np.isfinite(prediction.probability[6:-6]).all()
