"""Layers on the rows and columns of the movie, which it carries along."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari import Viewer
from napari.layers import Layer
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.layers import recording_of
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.workspace import Workspace

_RANK_KEY = "cortex-decoder/rank"
"""In a layer's metadata: which of ours lie above which."""

_PLACE = ("scale", "rotate", "shear", "translate", "affine")
"""What moves a layer about: a user may turn the movie upright in napari."""


class FlatLayers:
    """Puts two-dimensional layers on the open movie, in a fixed order, and takes them away."""

    def __init__(self, viewer: Viewer, movie: MovieModel) -> None:
        self._viewer = ref(viewer)
        self._movie = movie
        self._followed: Layer | None = None
        self._pixels: WeakKeyDictionary[Layer, float] = WeakKeyDictionary()
        self._ties = Ties()
        self._ties.tie(self._follow, movie.events.recording)

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
        lower = [other.metadata.get(_RANK_KEY, rank) < rank for other in viewer.layers]
        above = max(i for i, each in enumerate(viewer.layers) if lower[i] or each is below)
        self.insert(layer, above + 1)

    def insert(self, layer: Layer, place: int) -> None:
        """Put a layer into the list of layers; the active one stays so."""
        viewer = self._viewer()
        if viewer is not None:
            active = viewer.layers.selection.active
            viewer.layers.insert(place, layer)
            viewer.layers.selection.active = active

    def remove(self, layer: Layer | None) -> None:
        """Take a layer away, if it is there."""
        viewer = self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)

    def align(self, layer: Layer, pixel: float = 1.0) -> None:
        """Put a layer where the movie's rows and columns are, and keep it there.

        `pixel` is the edge of its pixels in pixels of the movie; outer edges coincide.
        """
        movie = self.movie_layer
        if movie is None:
            return
        self._pixels[layer] = pixel
        if movie is not self._followed:
            self._let_go()
            self._followed = movie
            for name in _PLACE:
                getattr(movie.events, name).connect(self._follow)
        for name, value in _place(movie, pixel).items():
            setattr(layer, name, value)

    def _follow(self, event: object = None) -> None:
        """Go where the user has moved, turned or stretched the movie."""
        for layer, pixel in list(self._pixels.items()):
            if layer in self:
                self.align(layer, pixel)

    def close(self) -> None:
        """Follow the movie no more."""
        self._ties.undo()
        self._let_go()

    def _let_go(self) -> None:
        if self._followed is not None:
            for name in _PLACE:
                getattr(self._followed.events, name).disconnect(self._follow)
            self._followed = None


class CanvasPart:
    """What lies on the open movie and listens to the workspace, until it is closed."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        self._flat = FlatLayers(viewer, workspace.movie)
        self._ties = Ties()

    def close(self) -> None:
        """Listen no more."""
        self._ties.undo()
        self._flat.close()


def pixel_of(layer: Layer, movie: Layer) -> NDArray[np.float64]:
    """Return height and width of a layer's pixels, in pixels of a movie as large as it."""
    ratio: NDArray[np.float64] = np.array(movie.data.shape[-2:]) / np.array(layer.data.shape[-2:])
    return ratio


def lay_over_frames(layer: Layer, movie: Layer, first: int = 0) -> None:
    """Lay frames, shape (n, y, x), whose pixels may be larger, over the movie's from one on."""
    pixel, scale, translate = pixel_of(layer, movie), np.array(movie.scale), movie.translate
    layer.units, layer.axis_labels = movie.units, movie.axis_labels
    layer.scale = (scale[0], *scale[1:] * pixel)
    start = translate[0] + scale[0] * first
    layer.translate = (start, *translate[1:] + scale[1:] * (pixel - 1) / 2)


def _place(movie: Layer, pixel: float) -> dict[str, Any]:
    """Return where a layer lies whose pixels are `pixel` of the movie's wide."""
    in_plane = Affine(
        scale=movie.scale[-2:], rotate=movie.rotate[-2:, -2:], shear=movie.shear[-1:]
    ).linear_matrix
    return {
        "units": movie.units[-2:],
        "scale": movie.scale[-2:] * pixel,
        "rotate": movie.rotate[-2:, -2:],
        "shear": movie.shear[-1:],
        "translate": movie.translate[-2:] + in_plane @ np.full(2, (pixel - 1) / 2),
        "affine": movie.affine.affine_matrix[-3:, -3:],
    }
