"""The dock *Cortex Decoder*: one section for each step of the work, in its order.

This module is what napari imports when the dock is asked for, and it does so in the window's
thread: it must stay light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.parts.section import DockContent

if TYPE_CHECKING:
    from napari import Viewer

    _BuildParts = Callable[[Viewer, QVBoxLayout], Iterator[None]]

_END = object()


class CortexDecoderWidget(DockContent):
    """Shows the workspace of a viewer, section by section, and opens the timeline with it.

    The libraries are loaded in a thread; then the event loop builds one part after the other,
    so that the window answers all the while.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._parts: Iterator[None] | None = None
        self._loading = QLabel("Loading …")
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        sections = QWidget()
        self._column = QVBoxLayout(sections)
        self._column.setContentsMargins(2, 4, 2, 4)
        self._column.setSpacing(4)
        self._column.addWidget(self._loading)
        scroll = QScrollArea()
        scroll.setWidget(sections)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self._next = QTimer(self)  # a child: it stops when this goes
        self._next.timeout.connect(self._build_next)
        self._background = Background(self._fail)
        background = self._background
        self.destroyed.connect(lambda: background.drop())
        background.run(_load, then=self._begin)

    def finish(self) -> None:
        """Build at once all that is not there yet, for a script that goes on with it."""
        if self._parts is None:
            self._begin(_load())
        while self._next.isActive():
            self._build_next()

    def sizeHint(self) -> QSize:
        """Ask for a column that shows two sections whole."""
        return QSize(390, 560)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files."""
        if event is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what is dropped: movies, behavior, decoders."""
        from napari_cortex_decoder.widgets.session import workspace_of  # heavy; loaded by now

        if event is None:
            return
        urls = event.mimeData().urls()
        files = [url.toLocalFile() for url in urls if url.isLocalFile()]
        workspace_of(self._viewer).take(*files)
        event.acceptProposedAction()

    def _begin(self, build_parts: _BuildParts) -> None:
        """Start to build, now that everything is loaded."""
        if self._parts is None:
            self._parts = build_parts(self._viewer, self._column)
            self._next.start(0)

    def _build_next(self) -> None:
        """Build one part; stop after the last one, or if napari has closed the window."""
        self._loading.hide()
        closed = not hasattr(self._viewer.window, "_qt_window")
        if closed or self._parts is None or next(self._parts, _END) is _END:
            self._next.stop()
        self.setAcceptDrops(not closed)

    def _fail(self, error: Exception) -> None:
        """Say why the libraries could not be loaded."""
        self._loading.setText("The libraries could not be loaded.")
        notification_manager.receive_error(type(error), error, error.__traceback__)


def _load() -> _BuildParts:
    """Import what the sections are made with, which takes a second; runs in a thread."""
    from napari_cortex_decoder.widgets.dock_parts import build_parts

    return build_parts
