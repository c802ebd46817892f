"""Landmarks on the movie, while the atlas is adjusted: dragged with the mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Layer, Points
from napari.layers.base import ActionType

from napari_cortex_decoder.widgets.atlas.placing_model import Places
from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart
from napari_cortex_decoder.widgets.parts.colors import YELLOW, as_floats
from napari_cortex_decoder.widgets.workspace import Workspace

_ABOVE_ALL = 100  # rank among our layers
_SIZE = 0.3  # mm


class LandmarkLayer(CanvasPart):
    """Ties a points layer to the landmarks of the placing, in both directions."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._placing = workspace.placing
        self._layer: Points | None = None
        self._active_before: Layer | None = None
        self._writing = False
        self._shown: Places = {}
        self._ties.tie(
            self._on_placing, self._placing.events.placing, self._placing.events.adjusting
        )

    def _on_placing(self) -> None:
        """Show the landmarks of the placing while it is adjusted."""
        placed = self._placing.registration
        if placed is None or not self._placing.adjusting:
            self._take_away()
            return
        places = placed.landmarks
        if self._layer is None or self._layer not in self._flat:
            self._make(places, placed.scale)
        elif places != self._shown:
            self._write(self._layer, places)

    def _take_away(self) -> None:
        """Leave the canvas to what was active before."""
        layer, viewer = self._layer, self._flat.viewer
        self._layer = None
        self._flat.remove(layer)
        if layer is not None and viewer is not None and self._active_before in viewer.layers:
            viewer.layers.selection.active = self._active_before

    def _make(self, places: Places, scale: float) -> None:
        """Put the layer on the movie, ready to drag."""
        data, features = _as_points(places)
        layer = Points(
            data,
            ndim=2,
            name="Landmarks",
            features=features,
            text={
                "string": "{name}",
                "size": 9,
                "color": np.array(as_floats(YELLOW)),
                "anchor": "upper_left",
                "translation": (0, _SIZE * scale),
            },
            symbol="o",
            size=_SIZE * scale,
            face_color=np.array([*as_floats(YELLOW)[:3], 0.35]),
            border_color=np.array(as_floats(YELLOW)),
            border_width=0.15,
        )
        layer.events.data.connect(self._on_data)
        layer.events.set_data.connect(self._on_drag)
        self._layer, self._shown = layer, dict(places)
        self._flat.add(layer, _ABOVE_ALL)
        viewer = self._flat.viewer
        if viewer is not None and layer in self._flat:
            self._active_before = viewer.layers.selection.active
            viewer.layers.selection.active = layer
            layer.mode = "select"

    def _write(self, layer: Points, places: Places) -> None:
        data, features = _as_points(places)
        self._writing, self._shown = True, dict(places)
        try:
            if len(data) == len(layer.data):
                layer.data[:] = data
                layer.features = features
                layer.refresh(extent=False, thumbnail=False)
            else:
                layer.selected_data = set()
                layer.data = data
                layer.features = features
        finally:
            self._writing = False

    def _read(self, layer: Points) -> Places:
        return {
            str(name): (float(row), float(column))
            for name, (row, column) in zip(layer.features["name"], layer.data, strict=True)
        }

    def _on_drag(self) -> None:
        """Follow points while the mouse has them: napari tells of their move at its end only."""
        layer = self._layer
        if layer is None or self._writing or len(layer.data) != len(self._shown):
            return
        if not np.array_equal(layer.data, _as_points(self._shown)[0]):
            self._shown = self._read(layer)
            self._placing.move_landmarks(self._shown, done=False)

    def _on_data(self, event: Any) -> None:
        """Take over what the user has done to the points."""
        layer = self._layer
        if layer is None or self._writing:
            return
        if event.action == ActionType.ADDED:
            self._placing.add_points(layer.data[len(self._shown) :].tolist())
        elif event.action in (ActionType.REMOVED, ActionType.CHANGED):
            self._shown = self._read(layer)
            self._placing.move_landmarks(self._shown)


def _as_points(places: Places) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    data = np.array(list(places.values()), dtype=np.float64).reshape(-1, 2)
    return data, {"name": np.array(list(places), dtype=object)}
