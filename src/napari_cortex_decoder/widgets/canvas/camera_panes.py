"""One pane for each camera of a workspace, between the canvas and the dock."""

from __future__ import annotations

from weakref import ref

from napari import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget

from napari_cortex_decoder.cameras import Camera, Pictures
from napari_cortex_decoder.widgets.cameras.camera_pane import CameraPane
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.workspace import Workspace

_DOCK = "Cortex Decoder ("  # then napari writes the plugin's name, or the one that it shows


class CameraPanes:
    """Opens a pane where a camera comes, and closes it where one goes."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        self._viewer = ref(viewer)
        self._workspace = workspace
        self._panes: dict[Pictures, QDockWidget] = {}
        self._known: set[Pictures] = set()
        self._width = 0
        self._ties = Ties()
        self._ties.tie(self._update, workspace.cameras.events.cameras)
        self._ties.tie(self._show, workspace.cameras.wanted)
        self._update()

    def close(self) -> None:
        """Listen no more."""
        self._ties.undo()

    def _update(self) -> None:
        """Follow the model; a pane that the user closed stays away until it is wanted."""
        cameras = self._workspace.cameras.cameras
        for pictures in self._known - {camera.pictures for camera in cameras}:
            self._known.remove(pictures)
            viewer = self._viewer()
            if viewer is not None and pictures in self._open_panes(viewer):
                viewer.window.remove_dock_widget(self._panes[pictures])
            self._panes.pop(pictures, None)
        for camera in cameras:
            if camera.pictures not in self._known:
                self._known.add(camera.pictures)
                self._show(camera)

    def _show(self, camera: Camera) -> None:
        viewer = self._viewer()
        if viewer is not None and camera.pictures not in self._open_panes(viewer):
            self._panes[camera.pictures] = self._open(viewer, camera)

    def _open_panes(self, viewer: Viewer) -> dict[Pictures, QDockWidget]:
        """Return the panes that nobody has closed."""
        here = list(viewer.window._wrapped_dock_widgets.values())
        return {pictures: pane for pictures, pane in self._panes.items() if pane in here}

    def _open(self, viewer: Viewer, camera: Camera) -> QDockWidget:
        work = self._workspace
        pane = CameraPane(work.movie, work.playback, work.cameras, camera.pictures)
        names = (f"Camera: {camera.name}{f' {n}' if n else ''}" for n in range(99))
        name = next(name for name in names if name not in viewer.window.dock_widgets)
        beside = _our_dock(viewer)
        width = 0 if beside is None else beside.width()
        dock = viewer.window.add_dock_widget(pane, name=name, area="right")
        first = next(iter(self._open_panes(viewer).values()), None)
        window = viewer.window._qt_window
        if first is not None:
            window.splitDockWidget(first, dock, Qt.Orientation.Vertical)
        elif beside is not None:
            window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
            window.splitDockWidget(dock, beside, Qt.Orientation.Horizontal)
            self._width = width
            QTimer.singleShot(0, self._share_width)  # once Qt has laid out what is new
        return dock

    def _share_width(self) -> None:
        """Set the dock beside the panes to the width that it had."""
        viewer = self._viewer()
        if viewer is None or not hasattr(viewer.window, "_qt_window"):  # closed meanwhile
            return
        beside = _our_dock(viewer)
        pane = next(iter(self._open_panes(viewer).values()), None)
        if beside is not None and pane is not None:
            sizes = [pane.widget().sizeHint().width(), self._width]
            window = viewer.window._qt_window
            window.resizeDocks([pane, beside], sizes, Qt.Orientation.Horizontal)


def _our_dock(viewer: Viewer) -> QDockWidget | None:
    """Return the dock of the sections; None while it is closed."""
    docks = viewer.window._wrapped_dock_widgets.items()
    return next((dock for name, dock in docks if name.startswith(_DOCK)), None)
