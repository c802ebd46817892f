"""The program's window for those who take pictures of it: it touches nobody's settings.

Import this before napari, which reads its environment when it is imported. It needs a display:
``bash tools/with-display.sh …`` makes one.
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import atexit
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-pictures-")
FOLDER = Path(_ISOLATED.name)
"""For files that are needed only while pictures are taken."""

atexit.register(_ISOLATED.cleanup)

os.environ |= {
    "NAPARI_CONFIG": str(FOLDER / "napari.yaml"),
    "XDG_DATA_HOME": str(FOLDER / "data"),
    "NAPARI_ASYNC": "0",
}

import napari
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton, QScrollArea, QWidget

from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline import NAME as TIMELINE

IMAGES = Path(__file__).parent / "images"

BAND, MARGIN = 30, 8  # px of a film's caption, and around each of its frames
PAPER, INK = (255, 255, 255), (32, 32, 32)

_LONGEST = 3600.0  # s until a step counts as stuck


class PictureWindow:
    """One window with the dock, taken to one state after the other.

    Parameters
    ----------
    width, height
        Of the window, px.
    """

    def __init__(self, width: int = 1500, height: int = 950) -> None:
        self.viewer = napari.Viewer(title="Cortex Decoder", show=False)
        self.viewer.window.resize(width, height)
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
        stuck = time.monotonic() + _LONGEST
        while not reached():
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > stuck:
                raise TimeoutError("the program does not get there")
            QApplication.processEvents()
            time.sleep(0.005)

    def wait(self, seconds: float) -> None:
        """Let the window draw itself."""
        ready = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > ready)

    def show(self, part: QWidget) -> None:
        """Bring a part of the dock into sight."""
        QApplication.processEvents()
        scroll = self.dock.findChild(QScrollArea)
        place = part.mapTo(scroll.widget(), QPoint(0, 0))
        scroll.verticalScrollBar().setValue(place.y())
        self.wait(0.5)

    def shot(self) -> Image.Image:
        """Take the whole window."""
        file = FOLDER / "shot.png"
        self.viewer.screenshot(str(file), canvas_only=False, flash=False)
        return read(file)

    def take(self, name: str) -> None:
        """Keep the window as one of the images."""
        self.wait(3)
        save_small(self.shot(), IMAGES / name)


def read(file: Path) -> Image.Image:
    """Read a picture, whole."""
    with Image.open(file) as picture:
        return picture.convert("RGB")


def save_small(picture: Image.Image, path: Path) -> None:
    """Save a picture with 256 colours: a quarter of the bytes."""
    smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller.save(path, optimize=True)


class Film(PictureWindow):
    """The window without what is napari's own, and a frame of each state."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height)
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

    def choose(self, part: QWidget, opens: str, entry: str) -> None:
        """Choose an entry of the menu that a button opens."""
        (found,) = (b for b in part.findChildren(QPushButton) if b.text() == opens)
        found.menu().aboutToShow.emit()  # some lists are made then
        listed = found.menu().actions()
        listed += [a for one in listed if one.menu() for a in one.menu().actions()]
        (chosen,) = (action for action in listed if action.text() == entry)
        chosen.trigger()

    def answer(self, path: Path) -> None:
        """Choose a file in the dialog that is open."""
        (dialog,) = self.viewer.window._qt_window.findChildren(QFileDialog)
        for chosen, given in (
            (dialog.fileSelected, str(path)),
            (dialog.filesSelected, [str(path)]),
        ):
            chosen.emit(given)
        dialog.close()
        self.wait(0.3)

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

    def goes_on(self, before: Film) -> None:
        """Begin with the frames of a window that was closed."""
        self._rows = before._rows

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
        save_small(strip, file)


def below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Put one picture below another."""
    both = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), PAPER)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both
