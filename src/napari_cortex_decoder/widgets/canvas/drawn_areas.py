"""Areas that the user draws on the movie as a Shapes layer."""

from __future__ import annotations

import numpy as np
from napari import Viewer
from napari.layers import Layer, Shapes
from numpy.typing import NDArray

from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart
from napari_cortex_decoder.widgets.workspace import Workspace

_ABOVE_OUTLINES = 50  # rank among our layers
_NAME_COLUMNS = ("acronym", "name", "label")
_AREAS = ("polygon", "rectangle", "ellipse")
_ELLIPSE_CORNERS = 48


class DrawnAreas(CanvasPart):
    """Makes a layer for the user to draw on, and makes an atlas of one."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._atlas = workspace.atlas
        self._ties.tie(self._start, self._atlas.drawing_wanted)
        self._ties.tie(self._finish, self._atlas.drawn_wanted)

    def _start(self) -> None:
        viewer = self._flat.viewer
        if viewer is None or self._flat.movie_layer is None:
            return
        layer = Shapes(
            ndim=2, name="Own areas", edge_color="yellow", edge_width=0.5, face_color="transparent"
        )
        self._flat.add(layer, _ABOVE_OUTLINES)
        viewer.layers.selection.active = layer
        layer.mode = "add_polygon"

    def _finish(self) -> None:
        layer, movie = self._drawn_layer(), self._flat.movie_layer
        if layer is None or movie is None:
            self._atlas.failed.emit(
                AtlasError("there are no outlines to use; draw areas as a Shapes layer first.")
            )
            return
        try:
            self._atlas.take_drawn(_outlines(layer, movie))
        except AtlasError as error:
            self._atlas.failed.emit(error)
            return
        layer.visible = False  # its outlines are drawn by the atlas from now on

    def _drawn_layer(self) -> Shapes | None:
        """Return the active Shapes layer, else the newest one with something on it."""
        viewer = self._flat.viewer
        if viewer is None:
            return None
        drawn = [each for each in viewer.layers if isinstance(each, Shapes) and each.nshapes]
        active = viewer.layers.selection.active
        return active if active in drawn else drawn[-1] if drawn else None


def _outlines(layer: Shapes, movie: Layer) -> list[tuple[str, NDArray[np.float64]]]:
    """Return acronym and outline, (n, 2) row, column in px of the movie, of each shape."""
    column = next((name for name in _NAME_COLUMNS if name in layer.features), None)
    outlines = []
    for i, (vertices, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
        acronym = f"area {i + 1}" if column is None else str(layer.features[column][i])
        if kind not in _AREAS:
            raise AtlasError(
                f"{acronym} in layer {layer.name!r} is a {kind}, which bounds no area; draw a "
                "polygon instead."
            )
        if kind == "ellipse":
            vertices = _round(vertices)
        world = np.array([layer.data_to_world(vertex)[-2:] for vertex in vertices])
        start = np.zeros(movie.ndim - 2)
        px = [movie.world_to_data(np.concatenate([start, point]))[-2:] for point in world]
        outlines.append((acronym, np.array(px, dtype=np.float64)))
    return outlines


def _round(corners: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return points along the ellipse in a box of four corners, shape (4, d)."""
    turns = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)[:, None]
    middle = corners.mean(axis=0)
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(middle + np.cos(turns) * across + np.sin(turns) * down, dtype=np.float64)
