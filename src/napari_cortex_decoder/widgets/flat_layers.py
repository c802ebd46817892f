"""Layers on the rows and columns of the movie, which it carries along."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np
from napari import Viewer
from napari.layers import Layer

from napari_cortex_decoder.widgets.layers import recording_of
from napari_cortex_decoder.widgets.movie_model import MovieModel

_RANK_KEY = "cortex-decoder/rank"
"""In a layer's metadata: which of ours lie above which."""


class FlatLayers:
    """Puts two-dimensional layers on the open movie, in a fixed order, and takes them away.

    Parameters
    ----------
    viewer
        Where they are shown.
    movie
        Whose recording they lie on.
    """

    def __init__(self, viewer: Viewer, movie: MovieModel) -> None:
        self._viewer = ref(viewer)
        self._movie = movie

    @property
    def viewer(self) -> Viewer | None:
        """The viewer; None once it is gone."""
        return self._viewer()

    @property
    def movie_layer(self) -> Layer | None:
        """The layer of the open recording; None if none is open."""
        viewer, recording = self._viewer(), self._movie.recording
        if viewer is None or recording is None:
            return None
        return next((each for each in viewer.layers if recording_of(each) is recording), None)

    def __contains__(self, layer: Layer | None) -> bool:
        """Whether a layer is in the viewer: the user may have removed it."""
        viewer = self._viewer()
        return viewer is not None and layer is not None and layer in viewer.layers

    def add(self, layer: Layer, rank: int) -> None:
        """Put a layer on the movie, above ours of lower rank; the active layer stays so."""
        viewer, below = self._viewer(), self.movie_layer
        if viewer is None or below is None:
            return
        layer.metadata = {**layer.metadata, _RANK_KEY: rank}
        self.align(layer)
        active = viewer.layers.selection.active
        place = viewer.layers.index(below) + 1
        for i, other in enumerate(viewer.layers):
            if other.metadata.get(_RANK_KEY, rank) < rank:
                place = max(place, i + 1)
        viewer.layers.insert(place, layer)
        viewer.layers.selection.active = active

    def remove(self, layer: Layer | None) -> None:
        """Take a layer away, if it is there."""
        viewer = self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)

    def align(self, layer: Layer, pixel: float = 1.0) -> None:
        """Give a layer place, scale and units of the movie's rows and columns.

        Parameters
        ----------
        layer
            Ours.
        pixel
            Edge of the layer's pixels in pixels of the movie; outer edges coincide.
        """
        movie = self.movie_layer
        if movie is not None:
            scale, translate = np.array(movie.scale[-2:]), np.array(movie.translate[-2:])
            geometry: dict[str, Any] = {
                "units": movie.units[-2:],
                "scale": scale * pixel,
                "translate": translate + scale * (pixel - 1) / 2,
            }
            for name, value in geometry.items():
                setattr(layer, name, value)
