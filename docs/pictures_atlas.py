"""Take the pictures of docs/atlas.md from the real program: every real brain, guessed and adjusted.

python docs/pictures_atlas.py

needs a display (``bash tools/with-display.sh …`` makes one) and the reference data: their folder is
``CORTEX_DECODER_SHARED``, or ``../shared/data`` beside this repository.
"""

from __future__ import annotations

from picture_window import FOLDER, IMAGES, PictureWindow, save_small  # isort: skip

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from napari.layers import Layer
from pictures_preprocessing import MOVIE, RECORDING, SEIZURE, SHARED, SYNC
from PIL import Image, ImageDraw
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QWidget
from skimage.io import imread
from skimage.transform import resize

from napari_cortex_decoder.widgets.dock.areas_panel import AreasPanel
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection

LASSO = "atlas-lasso.png"
TILE = 400  # px
QUALITY = 80
REFERENCE = "F405_128x128_200f_1Hz.tif"
CAMERA = "img_channel000_position000_time000023520_z000.tif"

BRAINS: Mapping[str, tuple[float, dict[str, float]]] = {
    "brains/0.png": (0.0804, {"degrees": -0.5}),
    "brains/1.png": (0.0804, {}),
    "brains/mouse1_raw.png": (0.0804, {"down": 0.35}),
    "brains/mouse2_raw.png": (0.0804, {"down": 0.35}),
    "brains/mouse3_raw.png": (0.0804, {"down": 0.4}),
    f"recordings/yulonglab/{REFERENCE}": (0.072, {}),
    f"recordings/yulonglab/{MOVIE}": (0.036, {}),
    f"recordings/yulonglab/micromanager_G/{CAMERA}": (0.018, {"down": 0.55}),
}
"""Every brain with its pixel size in mm, and what a person did to the guess.

Mice 1 to 3 were moved until the sensory maps lay on their areas; the camera frame, to where the
same mouse lies in the other two recordings, by its vessels.
"""

MAPS = {"visual": "bop blue", "whisker": "bop orange", "tail": "green"}
"""Responses to a light, a whisker, the tail: what is lit should be VISp, SSp-bfd, SSp-tr."""

_LIT = 0.7  # of the largest response, below which a map is black


def main() -> None:
    """Place the atlas on every brain, then on the recording with behavior."""
    pictures = PictureWindow()
    dock = pictures.dock
    for section in (RecordingSection, DecodeSection):
        dock.findChild(section).set_expanded(False)
    tiles = []
    for name, (pixel_size, nudges) in BRAINS.items():
        open_as_movie(pictures, FOLDER, SHARED / name, pixel_size)
        guess(pictures)
        tiles.append(tile(pictures, f"{Path(name).stem[:14]}: guessed"))
        for amount, value in nudges.items():
            pictures.workspace.placing.nudge(**{amount: value})
        show_maps(pictures, SHARED / name)
        told = ", ".join(f"{value:+g} {unit(amount)}" for amount, value in nudges.items())
        tiles.append(tile(pictures, told or "left as it was"))
    keep(tiles[:10], "atlas-brains.jpg", columns=4)
    keep(tiles[10:], "atlas-windows.jpg", columns=3)
    take_areas(pictures, FOLDER)
    pictures.viewer.close()


def open_as_movie(pictures: PictureWindow, folder: Path, source: Path, pixel_size: float) -> None:
    """Open a picture or a movie, until the seizure, as a movie that knows its pixel size."""
    frames = imread(source)
    frames = np.stack([frames] * 2) if source.suffix == ".png" or frames.ndim == 2 else frames
    frames = frames[:SEIZURE]
    path = folder / f"{source.stem}.tif"
    per_um = 1 / (1000 * pixel_size)
    about = {"axes": "TYX", "unit": "um", "fps": 1.0}
    tifffile.imwrite(path, frames, imagej=True, resolution=(per_um, per_um), metadata=about)
    pictures.viewer.layers.clear()
    movie, atlas = pictures.workspace.movie, pictures.workspace.atlas
    movie.open(path)
    pictures.until(lambda: movie.recording is not None and movie.recording.path == path)
    pictures.until(lambda: atlas.obstacle is None)


def guess(pictures: PictureWindow) -> None:
    """Press *Guess*, and wait."""
    workspace = pictures.workspace
    workspace.atlas.guess()
    pictures.until(lambda: not workspace.atlas.doing and workspace.placing.placing is not None)
    pictures.viewer.reset_view()


def show_maps(pictures: PictureWindow, source: Path) -> None:
    """Lay the sensory maps of a mouse over its brain, where there are some."""
    movie = pictures.viewer.layers[source.stem]
    for kind, color in MAPS.items():
        path = source.with_name(source.name.replace("raw", kind))
        if path != source and path.exists():
            values = imread(path).astype(float)
            values = values if values.ndim == 2 else values[..., 0]
            values = resize(values, movie.data.shape[-2:], anti_aliasing=True)
            values /= values.max()
            layer = Layer.create(
                values,
                {
                    "name": kind, "colormap": color, "blending": "additive", "opacity": 0.8,
                    "contrast_limits": (_LIT, 1.0), "scale": movie.scale[-2:],
                    "units": movie.units[-2:],
                },
                "image",
            )  # fmt: skip
            pictures.viewer.layers.insert(1, layer)


def tile(pictures: PictureWindow, text: str) -> Image.Image:
    """Take the middle of the canvas, with a line of text."""
    pictures.wait(0.7)
    whole = Image.fromarray(pictures.viewer.screenshot(canvas_only=True, flash=False)[..., :3])
    width, height = whole.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    square = whole.crop((left, top, left + edge, top + edge)).resize((TILE, TILE))
    ImageDraw.Draw(square).text((6, TILE - 16), text, fill="white")
    return square


def unit(amount: str) -> str:
    """Name what a nudge is counted in."""
    return {"down": "mm down", "right": "mm right", "degrees": "degrees"}[amount]


def keep(tiles: list[Image.Image], name: str, columns: int) -> None:
    """Save tiles side by side as JPEG."""
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * TILE, rows * TILE))
    for i, square in enumerate(tiles):
        sheet.paste(square, (i % columns * TILE, i // columns * TILE))
    sheet.save(IMAGES / name, quality=QUALITY, optimize=True)


def take_areas(pictures: PictureWindow, folder: Path) -> None:
    """Place the atlas on the recording with behavior, and look at areas."""
    workspace, dock = pictures.workspace, pictures.dock
    movie, areas = workspace.movie, workspace.areas
    open_as_movie(pictures, folder, RECORDING / MOVIE, 0.036)
    clock = "frame_times_561_488"
    with np.load(RECORDING / SYNC) as measured:
        np.savez(folder / SYNC, **{**measured, clock: measured[clock][:SEIZURE]})
    movie.add_behavior(folder / SYNC, frame_times=clock)
    pictures.until(lambda: movie.recording.behavior)
    workspace.speed.make_speed(50.0)
    pictures.until(lambda: "speed" in movie.recording.behavior)
    dock.findChild(AtlasSection).set_expanded(True)
    guess(pictures)
    places = dict(workspace.placing.registration.landmarks)
    row, column = places["top left"]
    workspace.placing.adjust(True)
    workspace.placing.move_landmarks({**places, "top left": (row + 22, column + 8)})
    pictures.take("atlas-placing.png")
    workspace.placing.undo()
    workspace.placing.adjust(False)

    areas.compute()
    pictures.until(lambda: areas.correlations is not None)
    dock.findChild(QComboBox, "behaviors").setCurrentText("speed")
    chosen = [("MOs", "left"), ("SSp-ll", "left"), ("SSp-ll", "right"), ("VISp", "right")]
    atlas = workspace.placing.registration.atlas
    areas.select(atlas.index(acronym, side) for acronym, side in chosen)
    dock.findChild(QCheckBox, "names").click()
    pictures.show(dock.findChild(AreasPanel))
    pictures.take("atlas-areas.png")
    take_lasso(pictures)


def take_lasso(pictures: PictureWindow) -> None:
    """Search for areas, and draw around some with the mouse: before and after it is let go."""
    workspace, dock, viewer = pictures.workspace, pictures.dock, pictures.viewer
    workspace.areas.select(())
    next(box for box in dock.findChildren(QLineEdit) if "areas" in box.placeholderText()).setText(
        "visual"
    )
    workspace.areas.lasso_wanted.emit()
    lasso = viewer.layers.selection.active
    around = np.linspace(0, 2 * np.pi, 40)
    middle = workspace.placing.registration.to_px([(-2.6, 3.1)])[0]
    path = middle + np.stack([42 * np.sin(around), 46 * np.cos(around)], axis=1)
    canvas = viewer.window._qt_viewer.canvas
    points = [on_canvas(canvas, lasso, *corner) for corner in path]
    send(canvas.native, QEvent.Type.MouseMove, points[0])
    send(canvas.native, QEvent.Type.MouseButtonPress, points[0])
    for point in points[1:-2]:
        send(canvas.native, QEvent.Type.MouseMove, point)
        pictures.wait(0.1)  # napari passes over moves that follow at once
    pictures.wait(2)
    drawing = pictures.shot()
    send(canvas.native, QEvent.Type.MouseButtonRelease, points[-2])
    pictures.until(lambda: workspace.areas.selected)
    send(canvas.native, QEvent.Type.MouseMove, points[-2])
    pictures.wait(2)
    done = pictures.shot()
    left, right = canvas.native.mapTo(viewer.window._qt_window, QPoint(0, 0)).x(), drawing.width
    ratio = drawing.width / viewer.window._qt_window.width()
    left, width = round(left * ratio), round(canvas.native.width() * ratio)
    height = round((canvas.native.height() + 40) * ratio)
    sheet = Image.new("RGB", (width + right - left, height))
    sheet.paste(drawing.crop((left, 0, left + width, height)), (0, 0))
    sheet.paste(done.crop((left, 0, right, height)), (width, 0))
    save_small(sheet.resize((sheet.width * 3 // 4, sheet.height * 3 // 4)), IMAGES / LASSO)


def on_canvas(canvas: Any, layer: Layer, row: float, column: float) -> QPointF:
    """Return where on the canvas a pixel of a layer is drawn."""
    world = layer.data_to_world((row, column))
    x, y = (canvas.view.transform * canvas.view.scene.transform).map(world[1::-1])[:2]
    return QPointF(float(x), float(y))


def send(widget: QWidget, kind: QEvent.Type, at: QPointF) -> None:
    """Send one event of the mouse with its left button held."""
    left = Qt.MouseButton.LeftButton
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
    modifiers = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QMouseEvent(kind, at, at, button, left, modifiers))


if __name__ == "__main__":
    main()
