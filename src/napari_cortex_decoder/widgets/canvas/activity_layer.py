"""The movie as change in percent: a layer on it, with a color bar."""

from __future__ import annotations

import dask.array as da
from napari import Viewer
from napari.layers import Image

from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart, lay_over_frames
from napari_cortex_decoder.widgets.recording.layers import SIGNED
from napari_cortex_decoder.widgets.workspace import Workspace

NAME = "Activity (ΔF/F, %)"


class ActivityLayer(CanvasPart):
    """Shows the activity of the open recording while that is wanted."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._layer: Image | None = None
        self._ties.tie(self._show, workspace.activity.ready)
        self._ties.tie(self._align, workspace.movie.events.recording)

    def _show(self, found: tuple[da.Array, float] | None) -> None:
        self._flat.remove(self._layer)
        self._layer = None
        viewer, movie = self._flat.viewer, self._flat.movie_layer
        if found is None or viewer is None or movie is None:
            return
        frames, end = found
        self._layer = Image(
            frames, name=NAME, contrast_limits=(-end, end), colormap=SIGNED, rgb=False
        )
        lay_over_frames(self._layer, movie)
        self._flat.insert(self._layer, viewer.layers.index(movie) + 1)
        self._layer.colorbar.visible = True

    def _align(self) -> None:
        """Follow scale and units of the movie."""
        movie, layer = self._flat.movie_layer, self._layer
        if movie is not None and layer is not None and layer in self._flat:
            lay_over_frames(layer, movie)
