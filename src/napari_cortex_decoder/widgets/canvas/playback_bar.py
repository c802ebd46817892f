"""How fast it plays, beside the slider; napari's button for it plays at the true rate."""

from __future__ import annotations

from weakref import ref

from napari import Viewer
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.playback_model import SPEEDS
from napari_cortex_decoder.widgets.workspace import Workspace

_NAME = "cortex-decoder-speed"


class PlaybackBar(QObject):
    """Puts the speed beside the slider of time, whose play button sends intents to the model."""

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._movie, self._playback = workspace.movie, workspace.playback
        self._ties = Ties()
        self._ties.tie(self._later, workspace.movie.events.recording, viewer.dims.events.ndim)
        self._ties.tie(self._update, self._playback.events.playing, self._playback.events.speed)
        self._later()

    def close(self) -> None:
        """Listen no more."""
        self._ties.undo()
        slider = self._slider()
        if slider is not None:
            slider.play_button.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let a click on the play button play: left to start and stop, right to say how fast."""
        if event is None or event.type() != QEvent.Type.MouseButtonRelease:
            return False
        if self._movie.recording is None:
            return False
        if event.button() == Qt.MouseButton.RightButton:
            self._menu().popup(event.globalPosition().toPoint())
        else:
            self._playback.toggle()
        return True

    def _later(self) -> None:
        """Update once napari has made the sliders that it needs."""
        QTimer.singleShot(0, self._update)

    def _slider(self) -> QWidget | None:
        """Return what napari shows for the movie's axis of time."""
        viewer, recording = self._viewer(), self._movie.recording
        if viewer is None or recording is None or not hasattr(viewer.window, "_qt_window"):
            return None
        sliders = viewer.window._qt_viewer.dims.slider_widgets
        axis = viewer.dims.ndim - recording.movie.ndim
        return sliders[axis] if axis < len(sliders) else None

    def _update(self) -> None:
        """Show how fast it plays, and whether it does."""
        slider = self._slider()
        if slider is None:
            return
        speed = slider.findChild(QToolButton, _NAME)
        if speed is None:
            speed = QToolButton(slider)
            speed.setObjectName(_NAME)
            speed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            speed.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            speed.setToolTip("How fast Space plays: ×1 is as fast as it was filmed")
            speed.setMenu(self._menu(speed))
            slider.layout().insertWidget(2, speed)  # behind napari's own button
            slider.play_button.installEventFilter(self)
        speed.setText(SPEEDS[self._playback.speed])
        play = slider.play_button
        playing = str(self._playback.playing)
        if play.property("playing") != playing:
            play.setProperty("playing", playing)  # as napari does: its style sheet asks for it
            play.style().unpolish(play)
            play.style().polish(play)

    def _menu(self, parent: QWidget | None = None) -> QMenu:
        menu = QMenu(parent)
        if parent is None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for speed, title in SPEEDS.items():
            menu.addAction(title, lambda speed=speed: self._playback.change(speed=speed))
        return menu
