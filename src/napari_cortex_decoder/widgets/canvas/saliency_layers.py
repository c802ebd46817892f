"""The map on the movie: an additive layer on one signed scale, following the slider."""

from __future__ import annotations

import numpy as np
from napari import Viewer
from napari.layers import Image, Layer
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_cortex_decoder.saliency.question import Answer
from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart, lay_over_frames, pixel_of
from napari_cortex_decoder.widgets.events.events_model import EventResult
from napari_cortex_decoder.widgets.parts.colors import ORANGE, SKY_BLUE, as_floats
from napari_cortex_decoder.widgets.workspace import Workspace

NAME = "Saliency"

KEPT = "Saliency, kept"
"""Layer of the result that was kept to compare with; hidden until somebody wants to see it."""

EVENTS = "Around events"
"""Layer of the movie's average around events."""

_LAG = "s from onset"
_RANK = 0  # below the outlines of the atlas

SIGNED = Colormap(
    [as_floats(SKY_BLUE), (0.0, 0.0, 0.0, 1.0), as_floats(ORANGE)], name="signed saliency"
)
"""Black at 0, where an additive layer adds nothing; sky blue against, orange for the behavior."""


class SaliencyLayer(CanvasPart):
    """Shows the result of a workspace in the viewer, as long as there is one."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._layers: dict[str, Image | None] = {}
        self._ties.tie(self._tell_lag, viewer.dims.events.point)
        self._ties.tie(lambda result: self._show(NAME, result), workspace.saliency.events.result)
        self._ties.tie(lambda result: self._show(KEPT, result), workspace.saliency.events.kept)
        self._ties.tie(lambda result: self._show(EVENTS, result), workspace.events.events.result)

    def _show(self, name: str, result: Answer | EventResult | None) -> None:
        self._flat.remove(self._layers.pop(name, None))
        viewer, movie = self._flat.viewer, self._flat.movie_layer
        if result is None or viewer is None or movie is None:
            return
        has_lags = isinstance(result, EventResult) or result.onsets is not None
        if isinstance(result, EventResult):
            layer = _layer(name, np.nan_to_num(result.maps.maps[:, None]), result.maps.scale)
            _give_own_axis(layer, movie, result.maps.seconds)
        elif result.maps is not None:
            layer = _layer(name, result.maps.maps, result.maps.scale)
            lay_over_frames(layer, movie, int(result.maps.frames[0]))
        elif result.onsets is not None:
            layer = _layer(name, result.onsets.maps[:, None], result.onsets.scale)
            _give_own_axis(layer, movie, result.onsets.seconds)
        else:
            picture = picture_of(result)
            if picture is None:
                return
            layer = _layer(name, picture, float(np.abs(picture).max()) or 1.0)
        layer.visible = layer.colorbar.visible = name != KEPT
        self._layers[name] = layer
        if layer.ndim == 2:
            self._flat.add(layer, _RANK)
        else:
            self._flat.insert(layer, viewer.layers.index(movie) + 1)
        if has_lags:
            viewer.dims.set_point(0, 0.0)  # the slider of the lags on the onset
            self._tell_lag()

    def _tell_lag(self) -> None:
        """Say beside the slider of the lags where it stands: napari counts steps there."""
        viewer = self._flat.viewer
        if viewer is not None and viewer.dims.axis_labels[0].endswith(_LAG):
            said = f"{viewer.dims.point[0]:+.2f} {_LAG}"
            viewer.dims.axis_labels = (said, *viewer.dims.axis_labels[1:])


def _give_own_axis(layer: Image, movie: Layer, seconds: NDArray[np.float64]) -> None:
    """Return maps, shape (lags, 1, y, x), an axis of lags of their own, over all of the movie."""
    pixel, scale, translate = pixel_of(layer, movie), np.array(movie.scale), movie.translate
    n = len(movie.data)
    step = float(seconds[1] - seconds[0]) if len(seconds) > 1 else 1.0
    layer.units = ("s", *movie.units)
    layer.axis_labels = (_LAG, *movie.axis_labels)
    # one step in time, as long as the movie: it shows in every frame
    layer.scale = (step, scale[0] * n, *scale[1:] * pixel)
    middle = translate[0] + scale[0] * (n - 1) / 2
    layer.translate = (
        float(seconds[0]), middle, *translate[1:] + scale[1:] * (pixel - 1) / 2
    )  # fmt: skip


def picture_of(result: Answer) -> NDArray[np.float32] | None:
    """Return what is shown at each pixel of a frame, shape (y, x); 0 where nothing was measured.

    None where nothing lies on the movie: a decoder of the whole frame has no places.
    """
    shape, registration = result.question.recording.shape, result.question.registration
    if result.cutouts is not None:
        return result.cutouts.picture(shape)
    if registration is None:
        return None
    if result.areas is not None:
        painted = result.areas.paint(registration, shape)
        return np.nan_to_num(painted, nan=0.0)
    assert result.lags is not None
    values = np.zeros(len(registration.atlas.areas) + 1, np.float32)
    for place, amount in enumerate(result.lags.signed.sum(axis=0)):
        for member in result.members(place):
            values[member + 1] = amount
    return np.asarray(values[registration.label_image(shape)], dtype=np.float32)


def _layer(name: str, values: NDArray[np.float32], scale: float) -> Image:
    return Image(
        values,
        name=name,
        colormap=SIGNED,
        contrast_limits=(-scale, scale),
        blending="additive",
        interpolation2d="linear",
        rgb=False,
    )
