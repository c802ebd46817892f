"""Areas under the mouse: named when it rests there, selected by a click or a lasso."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from napari import Viewer
from napari.components.overlays import TextOverlay
from napari.layers import Layer, Points, Shapes
from napari.layers.base import ActionType
from qtpy.QtCore import QTimer

from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart
from napari_cortex_decoder.widgets.recording.layers import pixel_at_point
from napari_cortex_decoder.widgets.workspace import Workspace

_NAME = "cortex_decoder_area"
"""Of our own overlay."""

_ABOVE_ALL = 200  # rank among our layers
_STILL = 4  # px on screen that the mouse may move in a click


class AreaPicking(CanvasPart):
    """Informs the model of areas where the mouse is and what it picks."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._areas = workspace.areas
        self._lasso: Shapes | None = None
        self._active_before: Layer | None = None
        self._overlay = TextOverlay(position="bottom_left", font_size=12, box=True, visible=False)
        viewer.canvas.overlays[_NAME] = self._overlay
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_drag_callbacks.append(self._on_press)
        self._ties.tie(self._write_name, self._areas.events.hovered)
        self._ties.tie(self._start_lasso, self._areas.lasso_wanted)

    def close(self) -> None:
        """Take the text away, and listen no more."""
        super().close()
        viewer = self._flat.viewer
        if viewer is not None:
            viewer.canvas.overlays.pop(_NAME, None)
            viewer.mouse_move_callbacks.remove(self._on_move)
            viewer.mouse_drag_callbacks.remove(self._on_press)

    def _pixel(self, viewer: Viewer, event: Any) -> tuple[float, float] | None:
        """Return the movie's (row, column) under the mouse."""
        movie = self._flat.movie_layer
        if movie is None or viewer.dims.ndisplay != 2:
            return None
        return pixel_at_point(movie, event.position, viewer.dims.units)

    def _on_move(self, viewer: Viewer, event: Any) -> None:
        pixel = self._pixel(viewer, event)
        if pixel is not None:
            self._areas.hovered = self._areas.at(*pixel)

    def _write_name(self) -> None:
        hovered = self._areas.hovered
        if hovered is not None:
            area = self._areas.areas[hovered]
            text = area.label if area.name == area.acronym else f"{area.label} · {area.name}"
            if self._overlay.text != text:
                self._overlay.text = text
        self._overlay.visible = hovered is not None

    def _on_press(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        """Select what was clicked, unless it was dragged."""
        start, button, modifiers = np.array(event.pos), event.button, event.modifiers
        pixel = self._pixel(viewer, event)
        picks = button == 1 and pixel is not None and _is_free(viewer, event)
        yield
        while event.type == "mouse_move":
            picks = picks and np.abs(np.array(event.pos) - start).max() < _STILL
            yield
        if not picks or pixel is None:
            return
        area = self._areas.at(*pixel)
        if "Shift" in modifiers or "Control" in modifiers:
            if area is not None:
                self._areas.toggle(area)
        else:
            self._areas.select(() if area is None else (area,))

    def _start_lasso(self) -> None:
        """Let the user draw once."""
        viewer = self._flat.viewer
        if viewer is None or self._lasso in self._flat:
            return
        self._lasso = Shapes(
            ndim=2, name="Lasso: draw around areas", edge_color="yellow", face_color="transparent"
        )
        self._lasso.events.data.connect(self._on_lasso)
        self._active_before = viewer.layers.selection.active
        self._flat.add(self._lasso, _ABOVE_ALL)
        if self._lasso in self._flat:
            viewer.layers.selection.active = self._lasso
            self._lasso.mode = "add_polygon_lasso"

    def _on_lasso(self, event: Any) -> None:
        if event.action == ActionType.ADDED:
            QTimer.singleShot(0, self._end_lasso)  # napari is not done with the layer yet

    def _end_lasso(self) -> None:
        lasso, viewer = self._lasso, self._flat.viewer
        if lasso is None or lasso not in self._flat or viewer is None:
            return
        outlines = lasso.data
        self._lasso = None
        self._flat.remove(lasso)
        if self._active_before in viewer.layers:
            viewer.layers.selection.active = self._active_before
        if outlines:
            self._areas.select_inside(outlines[-1])


def _is_free(viewer: Viewer, event: Any) -> bool:
    """Whether the active layer leaves a click here to us."""
    layer = viewer.layers.selection.active
    if layer is None or layer.mode == "pan_zoom":
        return True
    if isinstance(layer, Points) and layer.mode == "select":
        here = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        return here is None
    return False
