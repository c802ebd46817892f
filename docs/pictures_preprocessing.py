"""Take the pictures of docs/preprocessing.md from the real program, on a real recording.

python docs/pictures_preprocessing.py

needs a display (``bash tools/with-display.sh …`` makes one) and the reference data: their folder is
``CORTEX_DECODER_SHARED``, or ``../shared/data`` beside this repository.
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# no user's settings are touched, and no settings of a user show in the pictures
_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-pictures-")
os.environ |= {"NAPARI_CONFIG": str(Path(_ISOLATED.name, "napari.yaml")), "NAPARI_ASYNC": "0"}

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_cortex_decoder.widgets.atlas.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.decode.decode_section import DecodeSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.preprocessing.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.recording.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE

IMAGES = Path(__file__).parent / "images"
SHARED = Path(
    os.environ.get("CORTEX_DECODER_SHARED", Path(__file__).parents[2] / "shared" / "data")
)
RECORDING = SHARED / "recordings" / "yulonglab"

MOVIE, REFERENCE = "jRGECO1a_561_256x256_200f_1Hz.tif", "F405_128x128_200f_1Hz.tif"
SYNC, MASK = "sync.npz", "WholeCortexMask.tif"
RUNNING = 53  # frame in the middle of the run
SEIZURE = 60  # frame from which on the mouse has a seizure
CHANGE = 0.08  # ΔF/F that is black and white
LONGEST = 300.0  # s until a step counts as stuck


class Pictures:
    """One window, taken to one state after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.viewer = napari.Viewer(title="Cortex Decoder", show=False)
        self.viewer.window.resize(1500, 950)
        _, self.dock = self.viewer.window.add_plugin_dock_widget(
            "napari-cortex-decoder", "Cortex Decoder"
        )
        self.dock.finish()
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
        """Save the window."""
        drawn = time.monotonic() + 2
        self.until(lambda: time.monotonic() > drawn)
        raw = self._folder / name
        self.viewer.screenshot(str(raw), canvas_only=False, flash=False)
        with Image.open(raw) as picture:
            save_small(picture, IMAGES / name)

    def apply(self) -> None:
        """Apply the steps, and wait for them."""
        model = self.workspace.preprocessing
        model.apply()
        self.until(lambda: not model.progress.running)


def main() -> None:
    """Open a copy of the recording, correct it, and take a picture of each state."""
    folder = Path(_ISOLATED.name)
    for name in (MOVIE, REFERENCE, SYNC, MASK):
        shutil.copy(RECORDING / name, folder / name)
    pictures = Pictures(folder)
    workspace, dock = pictures.workspace, pictures.dock
    movie, steps = workspace.movie, workspace.preprocessing

    movie.open(folder / MOVIE)
    pictures.until(lambda: movie.recording is not None)
    movie.add_behavior(folder / SYNC, frame_times="frame_times_561_488")
    pictures.until(lambda: movie.recording.behavior)
    workspace.speed.make_speed(50.0)
    pictures.until(lambda: "speed" in movie.recording.behavior)
    steps.add_reference(folder / REFERENCE)
    pictures.until(lambda: movie.raw.reference is not None)

    for section in (AtlasSection, DecodeSection):
        dock.findChild(section).set_expanded(False)
    dock.findChild(PreprocessingGroup).set_expanded(True)
    movie.seek(RUNNING)
    steps.switch("crop", True)
    steps.set("crop", frames=(0, SEIZURE))
    steps.switch("bin", True)
    steps.switch("mask", True)
    steps.set("mask", path=folder / MASK)
    steps.switch("delta-f", True)
    workspace.preview.switch(True)
    pictures.until(lambda: "Preview" in pictures.viewer.layers)
    pictures.take("preprocessing-preview.png")

    pictures.apply()
    layer = pictures.viewer.layers[Path(MOVIE).stem]
    layer.contrast_limits = (-CHANGE, CHANGE)
    scroll_to(dock, PreprocessingGroup)
    pictures.take("preprocessing-before.png")

    steps.switch("hemodynamics", True)
    steps.set("hemodynamics", highpass=None)  # one frame a second is too slow for a filter
    steps.set("hemodynamics", lowpass=None)
    pictures.apply()
    layer.contrast_limits = (-CHANGE, CHANGE)
    scroll_to(dock, PreprocessingGroup)
    pictures.take("preprocessing-after.png")

    steps.show_raw()
    pictures.until(lambda: not steps.progress.running)
    dock.findChild(PreprocessingGroup).set_expanded(False)
    dock.findChild(SpeedGroup).set_expanded(True)
    workspace.speed.set_labelling(True)
    workspace.speed.set_threshold(2.0)
    workspace.speed.set_stop_threshold(0.5)
    workspace.speed.set_shortest_bout(2.0)
    timeline = pictures.viewer.window.dock_widgets[TIMELINE]
    timeline._rows[0].view.setXRange(40, 70, padding=0)
    scroll_to(dock, SpeedGroup)
    pictures.take("preprocessing-speed.png")
    pictures.viewer.close()


def save_small(picture: Image.Image, path: Path) -> None:
    """Save a picture with 256 colours: a quarter of the bytes."""
    smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller.save(path, optimize=True)


def scroll_to(dock: CortexDecoderWidget, part: type) -> None:
    """Bring a part of the dock into sight."""
    scroll = dock.findChild(QScrollArea)
    place = dock.findChild(part).mapTo(scroll.widget(), dock.rect().topLeft())
    scroll.verticalScrollBar().setValue(place.y())


if __name__ == "__main__":
    main()
