"""Take the pictures of docs/labels.md from the real program, on a simulated mouse.

python docs/pictures_labels.py

needs a display (``bash tools/with-display.sh …`` makes one).
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# no user's settings are touched, and no settings of a user show in the pictures
_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-pictures-")
os.environ |= {
    "NAPARI_CONFIG": str(Path(_ISOLATED.name, "napari.yaml")),
    "XDG_DATA_HOME": str(Path(_ISOLATED.name, "data")),
    "NAPARI_ASYNC": "0",
}

import napari
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_cortex_decoder.labels import Replace, SetBehaviors
from napari_cortex_decoder.labels.behaviors import Behavior
from napari_cortex_decoder.recording import save_recording
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.widgets.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.decode_section import DecodeSection
from napari_cortex_decoder.widgets.labels_section import LabelsSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording_section import RecordingSection
from napari_cortex_decoder.widgets.review_group import ReviewGroup
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.tuning_group import TuningGroup

IMAGES = Path(__file__).parent / "images"
SECONDS, SIZE = 60.0, 64
LONGEST = 1200.0  # s until a step counts as stuck


class Pictures:
    """One window, taken to one state after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.viewer = napari.Viewer(title="Cortex Decoder", show=False)
        self.viewer.window.resize(1500, 950)
        _, self.dock = self.viewer.window.add_plugin_dock_widget(
            "napari-cortex-decoder", "Cortex Decoder"
        )
        self.viewer.show()
        self.workspace = workspace_of(self.viewer)
        self.workspace.failed.connect(self._fail)
        self._failure: Exception | None = None

    def _fail(self, error: Exception) -> None:
        self._failure = error

    def until(self, reached: Callable[[], object]) -> None:
        """Serve the window until something is so."""
        stuck = time.monotonic() + LONGEST
        while not reached():
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > stuck:
                raise TimeoutError("the program does not get there")
            QApplication.processEvents()
            time.sleep(0.01)

    def take(self, name: str) -> None:
        """Save the window, with 256 colours: a quarter of the bytes."""
        drawn = time.monotonic() + 2
        self.until(lambda: time.monotonic() > drawn)
        raw = self._folder / name
        self.viewer.screenshot(str(raw), canvas_only=False, flash=False)
        with Image.open(raw) as picture:
            smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
            smaller.save(IMAGES / name, optimize=True)

    def key(self, key: Qt.Key) -> None:
        """Press a key over the canvas."""
        QTest.keyClick(self.viewer.window._qt_viewer.canvas.native, key)

    def play_to(self, frame: int) -> None:
        """Let the slider go on frame by frame."""
        while self.viewer.dims.current_step[0] < frame:
            self.viewer.dims.set_current_step(0, self.viewer.dims.current_step[0] + 1)
            QApplication.processEvents()


def scroll_to(dock: CortexDecoderWidget, part: type[QWidget]) -> None:
    """Bring a part of the dock into sight."""
    QApplication.processEvents()
    scroll = dock.findChild(QScrollArea)
    place = dock.findChild(part).mapTo(scroll.widget(), dock.rect().topLeft())
    scroll.verticalScrollBar().setValue(place.y())


def main() -> None:
    """Label a simulated mouse, review it, fine-tune on it, and take a picture of each state."""
    folder = Path(_ISOLATED.name)
    mouse = simulate_recording(seed=2, subject=7, seconds=SECONDS, shape=(SIZE, SIZE))
    path = save_recording(mouse, folder / "m7.nwb")
    pictures = Pictures(folder)
    workspace, dock = pictures.workspace, pictures.dock
    labels, review, tuning = workspace.labels, workspace.review, workspace.tuning
    workspace.movie.open(path)
    pictures.until(lambda: workspace.movie.recording is not None)
    for section in (RecordingSection, AtlasSection, DecodeSection):
        dock.findChild(section).set_expanded(False)
    dock.findChild(LabelsSection).set_expanded(True)
    labels.switch(True)
    pictures.viewer.dims.set_current_step(0, 30)
    for key, stop in ((Qt.Key.Key_1, 200), (Qt.Key.Key_2, 420), (Qt.Key.Key_1, 600)):
        pictures.key(key)
        pictures.play_to(stop)
    pictures.key(Qt.Key.Key_1)
    labels.add_behavior("groom")
    scroll_to(dock, LabelsSection)
    pictures.take("labels-editing.png")

    workspace.decode.decode()
    pictures.until(lambda: workspace.decode.complete)
    dock.findChild(ReviewGroup).set_expanded(True)
    review.set_cleaning(threshold=0.6, stop_threshold=0.4, shortest_bout=0.5)
    pictures.key(Qt.Key.Key_N)
    scroll_to(dock, ReviewGroup)
    pictures.take("labels-review.png")

    truth = mouse.truth.ethogram
    behaviors = tuple(Behavior(name=name, key=str(i)) for i, name in enumerate(truth.behaviors, 1))
    labels.edit(SetBehaviors(behaviors=behaviors))
    labels.edit(Replace(start=0, stop=truth.n_frames, bouts=truth.bouts))
    dock.findChild(ReviewGroup).set_expanded(False)
    dock.findChild(TuningGroup).set_expanded(True)
    tuning.start()
    pictures.until(lambda: tuning.result is not None)
    scroll_to(dock, TuningGroup)
    pictures.take("labels-fine-tune.png")
    pictures.viewer.close()


if __name__ == "__main__":
    main()
