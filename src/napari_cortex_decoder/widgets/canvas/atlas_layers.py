"""The atlas on the movie: outlines, selected areas in colour, acronyms, the mean image."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import shapely
from napari import Viewer
from napari.layers import Image, Points, Vectors
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from superqt.utils import QSignalThrottler

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart
from napari_cortex_decoder.widgets.parts.colors import VERMILION
from napari_cortex_decoder.widgets.recording.layers import contrast_limits_of
from napari_cortex_decoder.widgets.workspace import Workspace

_MEAN, _SELECTED, _OUTLINES, _NAMES = range(4)  # from bottom to top
_WIDTH = 0.04  # mm of a line
_FINE = 768  # px of the longer side of the picture of selected areas
_OPACITY = 110  # of 255, of a selected area
_PAUSE = 60  # ms between two updates of what need not follow each move of the mouse


class AtlasLayers(CanvasPart):
    """Keeps the layers of the atlas in step with its placing.

    The outlines follow every change at once: one vector layer, written in place. Colours and
    acronyms come a moment later.
    """

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._atlas, self._placing = workspace.atlas, workspace.placing
        self._areas = workspace.areas
        self._outlines: Vectors | None = None
        self._selected: Image | None = None
        self._names: Points | None = None
        self._mean: Image | None = None
        self._shown_on: da.Array | None = None
        self._soon = QSignalThrottler()
        self._soon.setTimeout(_PAUSE)
        self._soon.triggered.connect(self._follow)
        self._ties.tie(self._on_recording, workspace.movie.events.recording)
        self._ties.tie(self._on_placing, self._placing.events.placing)
        self._ties.tie(self._soon.throttle, self._areas.events.selected)
        self._ties.tie(self._soon.throttle, self._atlas.events.names_shown)
        self._ties.tie(self._show_mean, self._atlas.mean_ready)
        self._ties.tie(self._on_theme, viewer.events.theme)

    def close(self) -> None:
        """Listen no more."""
        self._soon.cancel()
        super().close()

    def _on_recording(self, recording: Recording | None) -> None:
        """Leave with the movie."""
        movie = None if recording is None else recording.movie
        if movie is not self._shown_on:
            self._shown_on = movie
            self._flat.remove(self._mean)
        self._soon.throttle()

    def _on_placing(self) -> None:
        placed = self._placing.registration
        if placed is None:
            for layer in (self._selected, self._outlines, self._names):
                self._flat.remove(layer)
            return
        self._draw_outlines(placed)
        self._soon.throttle()

    @property
    def _ink(self) -> str:
        """Colour of lines and letters that is seen on the canvas, and on a movie."""
        viewer = self._flat.viewer
        dark = viewer is None or get_theme(viewer.theme).type == "dark"
        return "white" if dark else f"#{bytes(VERMILION).hex()}"

    def _on_theme(self) -> None:
        if self._outlines is not None:
            self._outlines.edge_color = self._ink
        if self._names is not None:
            self._names.text.color = self._ink

    def _draw_outlines(self, placed: Registration) -> None:
        lines = _segments(placed, _WIDTH * placed.scale)
        layer = self._outlines
        if layer is not None and layer in self._flat:
            if layer.data.shape == lines.shape:
                layer.data[:] = lines
                layer.refresh(extent=False, thumbnail=False, highlight=False)
            else:
                layer.data = lines
            return
        self._outlines = Vectors(
            lines,
            name="Atlas outlines",
            vector_style="line",
            edge_color=self._ink,
            edge_width=_WIDTH * placed.scale,
            opacity=0.85,
        )
        self._flat.add(self._outlines, _OUTLINES)

    def _follow(self) -> None:
        """Bring colours and acronyms to where the outlines are."""
        placed = self._placing.registration
        if placed is None or self._flat.movie_layer is None:
            return
        self._color_selected(placed)
        self._write_names(placed)

    def _color_selected(self, placed: Registration) -> None:
        movie = self._flat.movie_layer
        chosen = self._areas.selected
        if movie is None or not chosen:
            self._flat.remove(self._selected)
            return
        pixel = max(movie.data.shape[-2:]) / _FINE
        picture = _picture(
            placed, chosen, [self._areas.color(i) for i in chosen], movie.data.shape[-2:], pixel
        )
        layer = self._selected
        if layer is not None and layer in self._flat and layer.data.shape == picture.shape:
            layer.data = picture
        else:
            self._flat.remove(layer)
            self._selected = layer = Image(picture, name="Selected areas", rgb=True)
            self._flat.add(layer, _SELECTED)
        self._flat.align(layer, pixel)

    def _write_names(self, placed: Registration) -> None:
        if not self._atlas.names_shown:
            self._flat.remove(self._names)
            return
        places = placed.to_px(_middles(placed.atlas))
        acronyms = np.array([area.acronym for area in placed.atlas.areas])
        layer = self._names
        if layer is not None and layer in self._flat:
            if np.array_equal(layer.features["acronym"], acronyms):
                layer.data = places
                return
            self._flat.remove(layer)
        self._names = Points(
            places,
            name="Area names",
            features={"acronym": acronyms},
            text={"string": "{acronym}", "size": 8, "color": self._ink, "anchor": "center"},
            face_color="transparent",
            border_color="transparent",
            size=0.1,
        )
        self._flat.add(self._names, _NAMES)

    def _show_mean(self, mean: NDArray[np.float32]) -> None:
        self._flat.remove(self._mean)
        limits = contrast_limits_of(mean)
        self._mean = Image(mean, name="Mean image", colormap="gray", contrast_limits=limits)
        self._flat.add(self._mean, _MEAN)


def _segments(placed: Registration, width: float) -> NDArray[np.float32]:
    """Return the outlines as napari's vectors (start, step), closed at the corners."""
    rings = placed.outlines()
    starts = np.concatenate(rings)
    following = np.arange(1, len(starts) + 1)
    ends = np.cumsum([len(ring) for ring in rings])
    following[ends - 1] = np.concatenate([[0], ends[:-1]])
    steps = starts[following] - starts
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    caps = steps / np.where(lengths > 0, lengths, 1) * width / 2
    return np.stack([starts - caps, steps + 2 * caps], axis=1).astype(np.float32)


def _picture(
    placed: Registration,
    areas: tuple[int, ...],
    colors: list[tuple[int, int, int]],
    shape: tuple[int, int],
    pixel: float,
) -> NDArray[np.uint8]:
    """Paint some areas, clear elsewhere, in a finer (or coarser) raster than the movie's."""
    some = replace(placed.atlas, areas=tuple(placed.atlas.areas[i] for i in areas))
    # centre of a pixel of the movie in coordinates of the picture's pixels
    to_fine = np.array(
        [[1 / pixel, 0, (1 / pixel - 1) / 2], [0, 1 / pixel, (1 / pixel - 1) / 2], [0, 0, 1]]
    )
    right = None if placed.right_matrix is None else to_fine @ placed.right_matrix
    fine = Registration(some, to_fine @ placed.matrix, right)
    rows, columns = (round(length / pixel) for length in shape)
    palette = np.array([(0, 0, 0, 0), *((*color, _OPACITY) for color in colors)], dtype=np.uint8)
    return palette[fine.label_image((rows, columns))]


def _middles(atlas: Atlas) -> NDArray[np.float64]:
    """Return the point of each area that is farthest from its outline, (n, 2) mm."""
    shapes = [shapely.Polygon(area.polygon) for area in atlas.areas]
    circles = shapely.maximum_inscribed_circle(shapes, tolerance=0.02)
    return np.asarray(shapely.get_coordinates(shapely.get_point(circles, 0)), dtype=np.float64)
