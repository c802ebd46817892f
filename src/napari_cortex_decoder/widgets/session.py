"""One workspace per viewer: found by the viewer, tied to its layers and slider, freed with it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari import Viewer, current_viewer
from napari.layers import Layer
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.canvas.area_picking import AreaPicking
from napari_cortex_decoder.widgets.canvas.atlas_layers import AtlasLayers
from napari_cortex_decoder.widgets.canvas.camera_panes import CameraPanes
from napari_cortex_decoder.widgets.canvas.companion_layers import (
    ActivityLayer,
    PreviewLayer,
    ReferenceLayer,
)
from napari_cortex_decoder.widgets.canvas.drawn_areas import DrawnAreas
from napari_cortex_decoder.widgets.canvas.hands import Hands
from napari_cortex_decoder.widgets.canvas.landmark_layer import LandmarkLayer
from napari_cortex_decoder.widgets.canvas.overlay import BehaviorText
from napari_cortex_decoder.widgets.canvas.playback_bar import PlaybackBar
from napari_cortex_decoder.widgets.canvas.saliency_layers import SaliencyLayer
from napari_cortex_decoder.widgets.parts.interpreter import Interpreter
from napari_cortex_decoder.widgets.parts.section import begin_dialogs_beside
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.layers import (
    RAW_KEY,
    LayerData,
    arriving,
    frame_at_point,
    point_of_frame,
    recording_of,
    refresh_recording,
    replace_movie,
)
from napari_cortex_decoder.widgets.workspace import Workspace

_SESSIONS: WeakKeyDictionary[Viewer, _Session] = WeakKeyDictionary()


def workspace_of(viewer: Viewer) -> Workspace:
    """Return the workspace of a viewer; the first call makes it and ties it to the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
    if viewer not in _SESSIONS:
        _SESSIONS[viewer] = _Session(viewer)
    return _SESSIONS[viewer].workspace


class _Session:
    """The ties between a viewer and its workspace, in both directions.

    A layer that carries a recording is what makes it the open one: it may come from our reader, a
    sample, or the dock. It takes the place of the one before: two may differ in clock and units.
    Of several that a script adds the newest counts; when it goes, the one before it does.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.workspace = Workspace()
        self._viewer = ref(viewer)
        self._layer: Layer | None = None
        self._closed = False
        movie = self.workspace.movie
        movie.opened.connect(self._add_layer)
        movie.replaced.connect(self._replace_movie)
        movie.seek_wanted.connect(self._move_slider)
        movie.events.recording.connect(self._update_layer)
        movie.events.recording.connect(self._begin_dialogs)
        kinds: tuple[Callable[[Viewer, Workspace], Any], ...] = (
            ReferenceLayer, PreviewLayer, ActivityLayer, SaliencyLayer, AtlasLayers, LandmarkLayer,
            AreaPicking, DrawnAreas, Hands, PlaybackBar, CameraPanes, BehaviorText,
        )  # fmt: skip
        self._open = [Interpreter(), *(kind(viewer, self.workspace) for kind in kinds)]
        self.workspace.failed.connect(_notify)
        layers = viewer.layers.events
        self._ties = Ties()
        self._ties.tie(self._find_layer, layers.inserted, layers.removed)
        self._ties.tie(self._make_room, arriving)
        self._ties.tie(self._read_slider, viewer.dims.events.point)
        # napari has no event for a viewer that closes; its window deletes this along with itself.
        QObject(viewer.window._qt_window).destroyed.connect(self.close)
        # Nor does it delete it in a script that just ends: then Qt would ask who listens for keys
        # when there is no Python to answer.
        atexit.register(self.close)
        self._find_layer()

    def close(self) -> None:
        """Undo every tie; the viewer is going away."""
        atexit.unregister(self.close)
        if self._closed:
            return
        self._closed = True
        viewer = self._viewer()
        self.workspace.close()
        if viewer is None:
            return
        self._ties.undo()
        for shown in self._open:
            shown.close()
        _SESSIONS.pop(viewer, None)

    def _add_layer(self, layer_data: LayerData) -> None:
        """Show a recording, in place of the one before."""
        viewer = self._viewer()
        if viewer is not None:
            self._remove_layers(viewer)
            viewer.add_layer(Layer.create(*layer_data))
            viewer.reset_view()

    def _make_room(self) -> None:
        """Let napari add the next recording to an empty place, if it is this viewer that does."""
        viewer = self._viewer()
        if viewer is not None and viewer is current_viewer():
            self._remove_layers(viewer)

    def _remove_layers(self, viewer: Viewer) -> None:
        for layer in self._recordings(viewer):
            viewer.layers.remove(layer)

    def _begin_dialogs(self, recording: Recording | None) -> None:
        viewer = self._viewer()
        if viewer is not None and hasattr(viewer.window, "_qt_window"):  # else it is closed
            path = None if recording is None else recording.path
            begin_dialogs_beside(viewer.window._qt_window, path)

    def _recordings(self, viewer: Viewer) -> list[Any]:
        return [layer for layer in viewer.layers if recording_of(layer) is not None]

    def _find_layer(self, event: object = None) -> None:
        """Make the newest layer that carries a recording the open one, and hide the others."""
        viewer = self._viewer()
        if viewer is None:
            return
        *others, newest = self._recordings(viewer) or [None]
        if newest is self._layer:
            return
        self._layer = newest
        if newest is None:
            self.workspace.movie.show(None)
        else:
            newest.visible = True
            self.workspace.movie.show(recording_of(newest), recording_of(newest, RAW_KEY))
        for layer in others:
            layer.visible = False
        self._read_slider()

    def _replace_movie(self, layer_data: LayerData, raw: Recording | None) -> None:
        """Let the movie layer show another recording of the same session."""
        layer, self._layer = self._layer, None  # nobody reads the slider while the two differ
        if layer is not None:
            replace_movie(layer, layer_data, raw)
            self._layer = layer
            self.workspace.movie.show(recording_of(layer), raw)
            self._read_slider()

    def _update_layer(self, recording: Recording | None) -> None:
        """Keep scale and units of the layer in step with its recording."""
        layer, viewer = self._layer, self._viewer()
        if viewer is None or layer is None or recording is None:
            return
        if recording_of(layer) is not recording:
            frame, pixel = self.workspace.movie.frame, layer.scale[-1]
            refresh_recording(layer, recording, self.workspace.movie.raw)
            grown = layer.scale[-1] / pixel
            if grown != 1:  # the same pixels stay in view
                viewer.camera.center = tuple(grown * at for at in viewer.camera.center)
                viewer.camera.zoom /= grown
            self._move_slider(frame)  # which a new clock has left at another one
            self._read_slider()

    def _read_slider(self, event: object = None) -> None:
        viewer = self._viewer()
        # While a layer is removed the slider moves before the layer list tells of it.
        if viewer is not None and self._layer is not None and self._layer in viewer.layers:
            dims = viewer.dims
            self.workspace.movie.frame = frame_at_point(self._layer, dims.point, dims.units)

    def _move_slider(self, frame: int) -> None:
        viewer = self._viewer()
        if viewer is not None and self._layer is not None:
            dims = viewer.dims
            axis = dims.ndim - self._layer.ndim
            dims.set_point(axis, point_of_frame(self._layer, frame, dims.units))


def _notify(error: Exception) -> None:
    """Show what went wrong: one sentence for the user's errors, the traceback for ours."""
    if isinstance(error, CortexDecoderError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
