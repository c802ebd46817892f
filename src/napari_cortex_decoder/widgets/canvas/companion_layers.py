"""Layers that go with the movie's: activity, its reference, the preview of preprocessing."""

from __future__ import annotations

import dask.array as da
import numpy as np
from napari import Viewer
from napari.layers import Image

from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart, lay_over_frames
from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.preprocessing.preview_model import Preview
from napari_cortex_decoder.widgets.recording.layers import SIGNED, contrast_limits_of, sample_movie
from napari_cortex_decoder.widgets.workspace import Workspace

ACTIVITY = "Activity (ΔF/F, %)"
PREVIEW = "Preview"

_BELOW_ATLAS = -1  # rank among the layers that lie on the movie


class _Frames(CanvasPart):
    """A layer of frames that lie over the movie's, though their pixels may be larger."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._layer: Image | None = None
        self._ties.tie(self._align, workspace.movie.events.recording)

    def _exchange(self, layer: Image | None, *, above: bool) -> None:
        """Show another layer, on the movie or below it, or none."""
        self._flat.remove(self._layer)
        self._layer = layer
        viewer, movie = self._flat.viewer, self._flat.movie_layer
        if layer is not None and viewer is not None and movie is not None:
            self._align()
            self._flat.insert(layer, viewer.layers.index(movie) + above)

    def _align(self) -> None:
        movie, layer = self._flat.movie_layer, self._layer
        if movie is not None and layer is not None:
            lay_over_frames(layer, movie)


class ActivityLayer(_Frames):
    """Shows the activity of the open recording, with a color bar, while that is wanted."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._ties.tie(self._show, workspace.activity.ready)

    def _show(self, found: tuple[da.Array, float] | None) -> None:
        if found is None or self._flat.movie_layer is None:
            self._exchange(None, above=True)
            return
        frames, end = found
        limits = -end, end
        layer = Image(frames, name=ACTIVITY, contrast_limits=limits, colormap=SIGNED, rgb=False)
        self._exchange(layer, above=True)
        layer.colorbar.visible = True


class ReferenceLayer(_Frames):
    """Shows the reference of the open recording in a layer below the movie, hidden at first."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._movie = workspace.movie
        self._background = Background(workspace.failed.emit)
        self._shown: object = None
        self._ties.tie(self._on_recording, self._movie.events.recording)

    def close(self) -> None:
        """Listen no more."""
        self._background.drop()
        super().close()

    def _on_recording(self, recording: Recording | None) -> None:
        """Follow the recording; leave with it."""
        reference = None if recording is None else recording.reference
        if reference is self._shown:
            return
        self._shown = reference
        self._background.drop()
        if reference is None:
            self._exchange(None, above=False)
        else:  # of a lazy movie black and white take a moment
            self._background.run(sample_movie, reference, then=self._show)

    def _show(self, contrast_limits: tuple[float, float]) -> None:
        recording = self._movie.recording
        if recording is None or recording.reference is None or self._flat.movie_layer is None:
            return
        layer = Image(
            recording.reference,
            name=f"{recording.name} (reference)",
            contrast_limits=contrast_limits,
            colormap="gray",
            rgb=False,
            visible=self._layer is not None and self._layer in self._flat and self._layer.visible,
        )
        self._exchange(layer, above=False)


class PreviewLayer(CanvasPart):
    """Lays the preview over the movie, where its pixels belong."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._layer: Image | None = None
        self._ties.tie(self._show, workspace.preview.previewed)

    def _show(self, preview: Preview | None) -> None:
        if preview is None:
            self._flat.remove(self._layer)
            self._layer = None
            return
        limits = contrast_limits_of(np.asarray(preview.image, np.float64))
        layer = self._layer
        if layer is not None and layer in self._flat:
            layer.data = preview.image
            layer.contrast_limits_range = limits
            layer.contrast_limits = limits
            self._place(layer, preview)
            return
        self._layer = Image(
            preview.image, name=PREVIEW, contrast_limits=limits, colormap="gray", rgb=False
        )
        self._flat.add(self._layer, _BELOW_ATLAS)
        self._place(self._layer, preview)

    def _place(self, layer: Image, preview: Preview) -> None:
        movie = self._flat.movie_layer
        if movie is None:
            return
        patch, shown = preview.patch, preview.shown
        self._flat.align(layer, patch.pixel / shown.pixel)
        offset = np.array([patch.top - shown.top, patch.left - shown.left]) / shown.pixel
        layer.translate = np.array(layer.translate) + offset * np.array(movie.scale[-2:])
