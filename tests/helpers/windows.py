"""What the tests of the plugin have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from napari import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import DecodeEvent, Prediction
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.timeline.timeline_items import Row
from napari_cortex_decoder.widgets.workspace import Workspace

N_FRAMES, FRAME_RATE = 150, 30.0


def waves(n_frames: int = N_FRAMES) -> NDArray[np.uint16]:
    """Return frames of 32 × 32 that vary in space and time."""
    rng = np.random.default_rng(0)
    t = np.arange(n_frames)[:, None, None] / FRAME_RATE
    y, x = np.mgrid[:32, :32] / 32
    wave = 1000 + 300 * np.sin(2 * np.pi * (t + x)) * y
    return (wave + 20 * rng.standard_normal(wave.shape)).astype(np.uint16)


def probabilities(n_frames: int = N_FRAMES) -> NDArray[np.float32]:
    """Return probabilities of rest and run: rest first, run from the middle on, NaN at the ends."""
    run = np.linspace(0.1, 0.9, n_frames, dtype=np.float32)
    both = np.stack([1 - run, run], axis=1)
    both[:6] = both[-6:] = np.nan
    return both


@dataclass
class ScriptedDecoder:
    """Stands in for a decoder whose engine must wait or fail just when a test says so.

    Attributes
    ----------
    name
        Of the decoder.
    probability
        What it will have read, shape (t, 2).
    go_on
        Held back at half of the frames until this is set.
    failure
        Raised at half of the frames.
    closed
        Set when the stream has been closed or has ended.
    """

    name: str = "scripted"
    probability: NDArray[np.float32] = field(default_factory=probabilities)
    go_on: Event | None = None
    failure: Exception | None = None
    closed: Event = field(default_factory=Event)
    behaviors: tuple[str, ...] = ("rest", "run")
    hash: str = "0" * 64

    def stream(
        self,
        recording: Recording,
        compute: Compute = HERE,
        any_rate: bool = False,
        registration: Registration | None = None,
        looked_at: Callable[[], int] | None = None,
    ) -> Iterator[DecodeEvent]:
        n = len(self.probability)
        try:
            yield DecodeEvent("measuring the movie", n, n)
            yield DecodeEvent(
                "decoding", n // 2, n, start=0, probability=self.probability[: n // 2]
            )
            if self.failure is not None:
                raise self.failure
            # as the engine does: a batch, then a look whether anybody wants more
            while self.go_on is not None and not self.go_on.wait(0.05):
                yield DecodeEvent("decoding", n // 2, n)
            yield DecodeEvent(
                "decoding", n, n, start=n // 2, probability=self.probability[n // 2 :]
            )
            yield DecodeEvent("decoding", n, n, prediction=self.whole(recording))
        finally:
            self.closed.set()

    def whole(self, recording: Recording) -> Prediction:
        return Prediction(
            probability=self.probability,
            behaviors=self.behaviors,
            times=recording.times,
            decoder=self.name,
            decoder_hash=self.hash,
            device="cpu",
            warnings=(),
            settings={},
        )


def wait_until_idle(qtbot: QtBot, workspace: Workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.decode.progress.running)


def child(widget: QWidget, kind: type, text: str) -> Any:
    """Find the one visible or hidden child of a kind that says this."""
    found = [part for part in widget.findChildren(kind) if part.text() == text]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} say {text!r}"
    return found[0]


def visible_texts(widget: QWidget, kind: type) -> list[str]:
    return [part.text() for part in widget.findChildren(kind) if part.isVisible() and part.text()]


def loads(decoder: object) -> Callable[[object], object]:
    """Return a stand-in for `load_decoder`."""
    return lambda source: decoder


def bouts(workspace: Workspace) -> list[tuple[int, int, str]]:
    ethogram = workspace.labels.ethogram
    assert ethogram is not None
    return [(bout.start, bout.stop, bout.behavior) for bout in ethogram.bouts]


def press(qtbot: QtBot, viewer: Viewer, key: Qt.Key, modifier: object = None) -> None:
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
    qtbot.wait(60)  # sooner, the next press of this key would be the same one


def play_to(viewer: Viewer, frame: int) -> None:
    """Let the slider go on frame by frame, as it does while napari plays."""
    while viewer.dims.current_step[0] < frame:
        viewer.dims.set_current_step(0, viewer.dims.current_step[0] + 1)


def row_at(timeline: TimelineWidget, title: str) -> Row:
    """Return the row of the timeline that is called so."""
    return next(row for row in timeline._rows if row.title == title)


def place_of(timeline: TimelineWidget, time: float, title: str = "label") -> QPoint:
    QApplication.processEvents()
    view = row_at(timeline, title).view
    return timeline._graphics.mapFromScene(view.mapViewToScene(QPointF(time, 0.5)))


def color_at(timeline: TimelineWidget, time: float, title: str = "label") -> tuple[int, ...]:
    place = place_of(timeline, time, title)
    pixel = timeline._graphics.grab().toImage().pixelColor(place)
    return pixel.red(), pixel.green(), pixel.blue()


def drag(qtbot: QtBot, timeline: TimelineWidget, start: float, stop: float) -> None:
    """Drag with the left button along the label row; times in frames, at their middles."""
    viewport = timeline._graphics.viewport()
    places = [place_of(timeline, f / FRAME_RATE) for f in np.linspace(start, stop, 6)]
    qtbot.mouseMove(viewport, places[0])
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        qtbot.wait(15)  # the scene takes at most a few moves a second
        qtbot.mouseMove(viewport, place)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=places[-1])


def answer(parent: QWidget, path: Path) -> None:
    """Choose a file in the dialog that a button of this widget has opened."""
    dialog = parent.findChild(QFileDialog)
    assert dialog.isVisible()
    dialog.fileSelected.emit(str(path))
    dialog.close()


def click(qtbot: QtBot, parent: QWidget, text: str) -> None:
    """Click the button that says this, once it has its place."""
    button = child(parent, QPushButton, text)
    assert button.isVisible() and button.isEnabled(), button.toolTip()
    qtbot.waitUntil(lambda: button.height() > 0)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
