"""The program's window for those who take pictures of it: it touches nobody's settings.

Import this before napari, which reads its environment when it is imported. It needs a display:
``bash tools/with-display.sh …`` makes one.
"""
# ruff: noqa: E402 - napari reads its environment when it is imported

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_ISOLATED = tempfile.TemporaryDirectory(prefix="cortex-decoder-pictures-")
FOLDER = Path(_ISOLATED.name)
"""For files that are needed only while pictures are taken."""

os.environ |= {
    "NAPARI_CONFIG": str(FOLDER / "napari.yaml"),
    "XDG_DATA_HOME": str(FOLDER / "data"),
    "NAPARI_ASYNC": "0",
}

import napari
from PIL import Image
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_cortex_decoder.widgets.session import workspace_of

IMAGES = Path(__file__).parent / "images"

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
