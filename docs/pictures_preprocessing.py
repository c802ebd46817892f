"""Take the pictures of docs/preprocessing.md from the real program, on a real recording.

python docs/pictures_preprocessing.py

needs a display (``bash tools/with-display.sh …`` makes one) and the reference data: their folder is
``CORTEX_DECODER_SHARED``, or ``../shared/data`` beside this repository.
"""

from __future__ import annotations

from picture_window import FOLDER, PictureWindow  # isort: skip

import os
import shutil
from pathlib import Path

from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.dock.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE

SHARED = Path(
    os.environ.get("CORTEX_DECODER_SHARED", Path(__file__).parents[2] / "shared" / "data")
)
RECORDING = SHARED / "recordings" / "yulonglab"

MOVIE, REFERENCE = "jRGECO1a_561_256x256_200f_1Hz.tif", "F405_128x128_200f_1Hz.tif"
SYNC, MASK = "sync.npz", "WholeCortexMask.tif"
RUNNING = 53  # frame in the middle of the run
SEIZURE = 60  # frame from which on the mouse has a seizure
CHANGE = 0.08  # ΔF/F that is black and white


class Pictures(PictureWindow):
    """The window of which pictures are taken, and its preprocessing."""

    def apply(self) -> None:
        """Apply the steps, and wait for them."""
        model = self.workspace.preprocessing
        model.apply()
        self.until(lambda: not model.progress.running)


def main() -> None:
    """Open a copy of the recording, correct it, and take a picture of each state."""
    folder = FOLDER
    for name in (MOVIE, REFERENCE, SYNC, MASK):
        shutil.copy(RECORDING / name, folder / name)
    pictures = Pictures()
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
    pictures.show(dock.findChild(PreprocessingGroup))
    pictures.take("preprocessing-before.png")

    steps.switch("hemodynamics", True)
    steps.set("hemodynamics", highpass=None)  # one frame a second is too slow for a filter
    steps.set("hemodynamics", lowpass=None)
    pictures.apply()
    layer.contrast_limits = (-CHANGE, CHANGE)
    pictures.show(dock.findChild(PreprocessingGroup))
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
    pictures.show(dock.findChild(SpeedGroup))
    pictures.take("preprocessing-speed.png")
    pictures.viewer.close()


if __name__ == "__main__":
    main()
