"""The map on the movie: an additive layer on one signed scale, following the slider."""

from __future__ import annotations

import numpy as np
from napari import Viewer
from napari.layers import Image
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_cortex_decoder.widgets.colors import ORANGE, SKY_BLUE, as_floats
from napari_cortex_decoder.widgets.flat_layers import FlatLayers
from napari_cortex_decoder.widgets.saliency_jobs import Result
from napari_cortex_decoder.widgets.ties import Ties
from napari_cortex_decoder.widgets.workspace import Workspace

NAME = "Saliency"

_RANK = 0  # below the outlines of the atlas

SIGNED = Colormap(
    [as_floats(SKY_BLUE), (0.0, 0.0, 0.0, 1.0), as_floats(ORANGE)], name="signed saliency"
)
"""Black at 0, where an additive layer adds nothing; sky blue against, orange for the behavior."""


class SaliencyLayer:
    """Shows the result of a workspace in the viewer, as long as there is one."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        self._movie = workspace.movie
        self._flat = FlatLayers(viewer, workspace.movie)
        self._layer: Image | None = None
        self._ties = Ties()
        self._ties.tie(self._show, workspace.saliency.events.result)

    def close(self) -> None:
        """Listen no more."""
        self._ties.undo()
        self._flat.close()

    def _show(self, result: Result | None) -> None:
        self._flat.remove(self._layer)
        self._layer = None
        recording, movie = self._movie.recording, self._flat.movie_layer
        if result is None or recording is None or movie is None:
            return
        if result.maps is not None:
            self._show_maps(result)
        else:
            self._show_picture(picture_of(result))

    def _show_picture(self, picture: NDArray[np.float32]) -> None:
        """Lay one picture over all frames."""
        scale = float(np.abs(picture).max()) or 1.0
        self._layer = _layer(picture, scale)
        self._flat.add(self._layer, _RANK)

    def _show_maps(self, result: Result) -> None:
        """Lay maps over their frames; other frames have none."""
        maps, movie, viewer = result.maps, self._flat.movie_layer, self._flat.viewer
        if maps is None or movie is None or viewer is None:
            return
        layer = _layer(maps.maps, maps.scale)
        pixel = np.array(movie.data.shape[-2:]) / np.array(maps.maps.shape[-2:])
        scale, translate = np.array(movie.scale), np.array(movie.translate)
        layer.units = movie.units
        layer.axis_labels = movie.axis_labels
        layer.scale = (scale[0], *scale[1:] * pixel)
        start = translate[0] + scale[0] * float(maps.frames[0])
        layer.translate = (start, *translate[1:] + scale[1:] * (pixel - 1) / 2)
        active = viewer.layers.selection.active
        viewer.layers.insert(viewer.layers.index(movie) + 1, layer)
        viewer.layers.selection.active = active
        self._layer = layer


def picture_of(result: Result) -> NDArray[np.float32]:
    """Give the importance at each pixel of a frame, shape (y, x); 0 where nothing was measured."""
    shape = result.question.recording.shape
    if result.cutouts is not None:
        return result.cutouts.picture(shape)
    assert result.areas is not None and result.question.registration is not None
    painted = result.areas.paint(result.question.registration, shape)
    return np.nan_to_num(painted, nan=0.0)


def _layer(values: NDArray[np.float32], scale: float) -> Image:
    return Image(
        values,
        name=NAME,
        colormap=SIGNED,
        contrast_limits=(-scale, scale),
        blending="additive",
        interpolation2d="linear",
        rgb=False,
    )
