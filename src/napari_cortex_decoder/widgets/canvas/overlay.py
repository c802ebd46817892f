"""The behaviour at the current frame, written on the canvas."""

from __future__ import annotations

import numpy as np
from napari import Viewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_cortex_decoder.widgets.canvas.flat_layers import CanvasPart
from napari_cortex_decoder.widgets.parts.colors import Color
from napari_cortex_decoder.widgets.workspace import Workspace

NAME = "cortex_decoder_behavior"
"""The written text's name among Qt's objects."""

_POINTS = 22
_MARGIN, _PADDING, _ROUND = 8, 10, 4  # px
_BOX = QColor(0, 0, 0, 200)


class BehaviorText(CanvasPart):
    """Shows behaviour and probability of the frame under the slider, such as ``RUN  0.97``.

    ``RUN  ≈ 0.97`` is provisional: the movie is still being measured.
    """

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__(viewer, workspace)
        self._workspace = workspace
        self._written = WrittenText(viewer.window._qt_viewer.canvas.native)
        self._ties.tie(
            self._update,
            workspace.movie.events.frame,
            workspace.decode.events.prediction,
            workspace.decode.predicted,
        )
        self._ties.undo_with(self._written)

    def _update(self) -> None:
        """Write what is predicted here."""
        prediction, frame = self._workspace.decode.prediction, self._workspace.movie.frame
        if prediction is None or np.isnan(prediction.probability[frame]).any():
            self._written.hide()
            return
        best = int(prediction.probability[frame].argmax())
        name = prediction.behaviors[best]
        about = "≈ " if self._workspace.decode.is_provisional(frame) else ""
        text = f"{name.upper()}  {about}{prediction.probability[frame, best]:.2f}"
        self._written.write(text, self._workspace.behavior_colors[name])
        self._written.show()


class WrittenText(QWidget):
    """A line of text in a box at the lower right of the canvas, which lets the mouse through.

    Not one of napari's overlays: to move the box of one, a new text draws the canvas a second time
    and compiles a shader anew, which takes longer than all else that shows a frame.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName(NAME)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = ""
        self._color = QColor()
        self._font = self.font()
        self._font.setPointSize(_POINTS)
        canvas.installEventFilter(self)
        self.hide()

    def write(self, text: str, color: Color) -> None:
        """Write a text; nothing is painted unless it differs."""
        if text == self.text and self._color == QColor(*color):
            return
        self.text, self._color = text, QColor(*color)
        metrics = QFontMetrics(self._font)
        self.resize(metrics.horizontalAdvance(text) + 2 * _PADDING, metrics.height() + _PADDING)
        self._place()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint box and text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_BOX)
        painter.drawRoundedRect(self.rect(), _ROUND, _ROUND)
        painter.setPen(self._color)
        painter.setFont(self._font)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay in the corner of a canvas that changes its size."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _place(self) -> None:
        canvas = self.parentWidget()
        if canvas is not None:
            corner = canvas.rect().bottomRight()
            self.move(corner.x() - self.width() - _MARGIN, corner.y() - self.height() - _MARGIN)
