"""Film what docs/labels.md tells, in the real program: from labels to a decoder that is kept.

python docs/pictures_labels.py

needs a display (``bash tools/with-display.sh …`` makes one). The mouse is a simulated one that
`run-rest` has not seen.
"""

from __future__ import annotations

from picture_window import FOLDER, IMAGES, PictureWindow, read  # isort: skip

from pathlib import Path

import tifffile
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import remember_metadata
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.widgets.atlas.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.decode.decode_section import DecodeSection
from napari_cortex_decoder.widgets.labels.labels_section import LabelsSection
from napari_cortex_decoder.widgets.labels.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.recording.recording_section import RecordingSection
from napari_cortex_decoder.widgets.saliency.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE

SECONDS, SIZE = 60.0, 64
WIDTH, HEIGHT = 900, 760
BAND, MARGIN = 30, 8  # px of a caption, and around each frame
PAPER, INK = (255, 255, 255), (32, 32, 32)
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Film(PictureWindow):
    """The window without what is napari's own, and a frame of each state."""

    def __init__(self) -> None:
        super().__init__(WIDTH, HEIGHT)
        window = self.viewer.window
        for napari_own in (window._qt_viewer.dockLayerList, window._qt_viewer.dockLayerControls):
            napari_own.hide()
        self.timeline = window.dock_widgets[TIMELINE]
        self._rows: list[list[tuple[str, Image.Image]]] = []

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
        """Press a key over the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)

    def play_to(self, frame: int) -> None:
        """Let the slider go on frame by frame."""
        while self.viewer.dims.current_step[0] < frame:
            self.viewer.dims.set_current_step(0, self.viewer.dims.current_step[0] + 1)
            QApplication.processEvents()

    def click(self, part: QWidget, text: str) -> None:
        """Click a button."""
        (found,) = (b for b in part.findChildren(QPushButton) if b.text() == text)
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)

    def part(self, part: QWidget) -> Image.Image:
        """Take a part of the window that is in sight."""
        place = part.mapTo(self.viewer.window._qt_window, QPoint(0, 0))
        return self.shot().crop(
            (place.x(), place.y(), place.x() + part.width(), place.y() + part.height())
        )

    def grab(self, whole: QWidget, first: QWidget, last: QWidget) -> Image.Image:
        """Take what lies between two parts of a piece of the dock, in sight or not."""
        file = FOLDER / "grab.png"
        whole.grab().save(str(file))
        top = first.mapTo(whole, QPoint(0, 0)).y()
        bottom = last.mapTo(whole, QPoint(0, 0)).y() + last.height()
        return read(file).crop((0, top, whole.width(), bottom))

    def frame(self, caption: str, picture: Image.Image, *, beside: bool = False) -> None:
        """Add a frame below the last one, or beside it."""
        if not beside:
            self._rows.append([])
        self._rows[-1].append((caption, picture))

    def save(self, file: Path) -> None:
        """Write all frames as one picture of 256 colours: a quarter of the bytes."""
        tall = [max(p.height for _, p in row) + BAND + MARGIN for row in self._rows]
        wide = max(sum(p.width + MARGIN for _, p in row) for row in self._rows)
        strip = Image.new("RGB", (wide + MARGIN, sum(tall) + MARGIN), PAPER)
        draw, font = ImageDraw.Draw(strip), ImageFont.load_default(size=16)
        top, number = 0, 0
        for row, height in zip(self._rows, tall, strict=True):
            left = MARGIN
            for caption, picture in row:
                number += 1
                where = (left, top + BAND // 2 + 4)
                draw.text(where, f"{number}  {caption}", INK, font=font, anchor="lm")
                strip.paste(picture, (left, top + BAND + 4))
                left += picture.width + MARGIN
            top += height
        smaller = strip.quantize(256, dither=Image.Dither.NONE)
        smaller.save(file, optimize=True)


def below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Put one picture below another."""
    both = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), PAPER)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


def boris_file(path: Path, ethogram: Ethogram, frame_rate: float) -> Path:
    """Write what BORIS exports as tabular events, with one that labels nothing."""
    rows = ["Observation id,Subject,Behavior,Behavior type,Time"]
    for bout in ethogram.bouts:
        for kind, frame in (("START", bout.start), ("STOP", bout.stop)):
            rows.append(f"o,No focal subject,{bout.behavior},{kind},{frame / frame_rate:.3f}")
    rows.append("o,No focal subject,blink,POINT,4.000")
    path.write_text("\n".join(rows) + "\n")
    return path


def simulated_file(folder: Path) -> tuple[SimulatedRecording, Path]:
    """Leave the movie of a simulated mouse on the disk, and nothing but the movie."""
    mouse = simulate_recording(seed=2, subject=7, seconds=SECONDS, shape=(SIZE, SIZE))
    path = folder / "m7.tif"
    tifffile.imwrite(path, mouse.movie.compute(), photometric="minisblack")
    remember_metadata(path, frame_rate=mouse.frame_rate)
    return mouse, path


def main() -> None:
    """Decode, label, import, fine-tune, keep, decode again: a frame of each."""
    folder = FOLDER
    mouse, path = simulated_file(folder)
    boris = boris_file(folder / "boris.csv", mouse.truth.ethogram, mouse.frame_rate)
    film = Film()
    workspace, dock, timeline = film.workspace, film.dock, film.timeline
    labels, tuning = workspace.labels, workspace.tuning
    section, group = dock.findChild(LabelsSection), dock.findChild(TuningGroup)
    workspace.movie.open(path)
    film.until(lambda: workspace.movie.recording is not None)
    for other in (RecordingSection, AtlasSection, DecodeSection, SaliencySection):
        dock.findChild(other).set_expanded(False)
    section.set_expanded(True)
    workspace.decode.decode()
    film.until(lambda: workspace.decode.complete)

    labels.switch(True)
    film.viewer.dims.set_current_step(0, 30)
    for key, stop in ((Qt.Key.Key_1, 155), (Qt.Key.Key_2, 192), (Qt.Key.Key_1, 230)):
        film.key(key)
        film.play_to(stop)
    film.show(section)
    film.frame("decoded by run-rest; then keys 1, 2, 1 while the movie plays", film.shot())
    film.key(Qt.Key.Key_1)

    film.key(Qt.Key.Key_Z, CONTROL)
    film.key(Qt.Key.Key_Z, CONTROL)
    film.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    film.wait(0.5)
    film.frame("Ctrl+Z twice, Ctrl+Shift+Z once", film.part(timeline))

    labels.read(boris)
    film.until(lambda: labels.imported is not None)
    film.wait(0.5)
    listed = film.grab(section, section._message, section._unmatched)
    film.frame("Import…: a file of BORIS", below(film.part(timeline), listed))

    group.set_expanded(True)
    film.wait(0.5)
    film.click(group, "Fine-tune")
    film.until(lambda: sum(one.epoch is not None for one in tuning.told) > 20)
    film.wait(0.1)
    film.frame("Fine-tune: head only", film.grab(group, group._depths, group._rising))
    film.until(lambda: tuning.result is not None)
    film.wait(0.5)
    card = film.grab(group, group._card, group._verdict)
    film.frame("what came of it; Keep…", card, beside=True)

    tuning.keep(folder / "m7-tuned.safetensors")
    group.set_expanded(False)
    dock.findChild(DecodeSection).set_expanded(True)
    film.wait(0.5)
    film.click(dock.findChild(DecodeSection), "Decode")
    film.until(lambda: workspace.decode.complete and not workspace.decode.progress.running)
    film.wait(0.5)
    film.frame("Decode, by the decoder that was kept", film.part(timeline))
    film.save(IMAGES / "labels-film.png")
    film.viewer.close()


if __name__ == "__main__":
    main()
