"""The label row of the timeline: bouts by source, painted and dragged with the mouse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import HoverEvent, MouseClickEvent, MouseDragEvent
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QMenu

from napari_cortex_decoder.bouts import each_stretch
from napari_cortex_decoder.labels import Edit, Ethogram, MoveBorder, Source
from napari_cortex_decoder.widgets.labels.labelling_model import painted
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.colors import Color
from napari_cortex_decoder.widgets.timeline.timeline_items import BehaviorStrip, Row
from napari_cortex_decoder.widgets.workspace import Workspace

_NEAR = 5  # px around a border that take hold of it
_FAINT = 120  # opacity of what only a model says
_SHADE = 90  # opacity over what is held out
_FEWEST = 4  # px of a bout on average, below which borders would cover everything


class LabelStrip(BehaviorStrip):
    """Bouts of an ethogram: faint where only a model says so, underlined where verified.

    While labels are edited, dragging a border moves it, and dragging elsewhere paints. `text` is
    the color of borders and of the line below what was verified.
    """

    def __init__(self, workspace: Workspace, clock: Clock, text: str) -> None:
        super().__init__()
        self._workspace, self._clock, self._ink = workspace, clock, QColor(text)
        self._ethogram: Ethogram | None = None
        self._colors: dict[str, Color] = {}
        self._starts = self._stops = self._borders = np.empty(0, np.int32)
        self._grip: int | None = None
        self.setAcceptHoverEvents(True)

    def set_ethogram(self, ethogram: Ethogram, colors: dict[str, Color]) -> None:
        """Show these labels."""
        if ethogram is self._ethogram and colors == self._colors:
            return
        self._ethogram, self._colors = ethogram, colors
        self._starts, self._stops, values = ethogram.arrays
        by_model = (bout.source is Source.MODEL for bout in ethogram.bouts)
        values = values + len(ethogram.behaviors) * np.fromiter(by_model, np.int32, values.size)
        edges = np.stack([self._starts, self._stops], axis=1).ravel()
        self._borders = edges[np.diff(edges, prepend=-1) > 0]  # where bouts touch it is one
        solid = [colors[name] for name in ethogram.behaviors]
        self.set_frames(self._clock.edges, values, [*solid, *((*c, _FAINT) for c in solid)])

    def _values_at(self, frames: NDArray[np.intp]) -> NDArray[np.integer]:
        """Return the label of some frames: what is kept is one value a bout."""
        bouts = np.searchsorted(self._starts, frames, side="right") - 1
        inside = (bouts >= 0) & (frames < self._stops[bouts] if self._stops.size else False)
        found = np.full(frames.size, -1)
        found[inside] = self._labels[bouts[inside]]
        return found

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint colours, then borders and lines below what was verified."""
        super().paint(painter)
        box, ethogram = self.getViewBox(), self._ethogram
        if box is None or ethogram is None or not self._borders.size:
            return
        (left, right), _y = box.viewRange()
        edges = self._clock.edges
        shown = edges[self._borders]
        shown = shown[(shown >= left) & (shown <= right)]
        if not shown.size or (right - left) / box.viewPixelSize()[0] < _FEWEST * shown.size:
            return
        pen = pg.mkPen(self._ink, width=1)
        painter.setPen(pen)
        for time in shown.tolist():
            painter.drawLine(QPointF(time, 0.15), QPointF(time, 0.85))
        for bout in ethogram.bouts:
            if bout.source == Source.VERIFIED and edges[bout.stop] > left:
                start, stop = max(edges[bout.start], left), min(edges[bout.stop], right)
                if start < stop:
                    painter.fillRect(QRectF(start, 0.0, stop - start, 0.14), self._ink)

    def hoverEvent(self, event: HoverEvent) -> None:
        """Show where a border can be taken."""
        near = not event.isExit() and self._border_at(event.pos().x()) is not None
        if self._workspace.labelling.editing and near:
            self.setCursor(Qt.CursorShape.SizeHorCursor)
        else:
            self.unsetCursor()
        if self._workspace.labelling.editing and not event.isExit():
            event.acceptDrags(Qt.MouseButton.LeftButton)
            event.acceptClicks(Qt.MouseButton.RightButton)

    def mouseDragEvent(self, event: MouseDragEvent) -> None:
        """Move a border, or paint; leave panning to the view where there is no brush."""
        labels, labelling = self._workspace.labels, self._workspace.labelling
        began = event.buttonDownPos(Qt.MouseButton.LeftButton).x()
        if event.button() != Qt.MouseButton.LeftButton or not labelling.editing:
            event.ignore()
            return
        if event.isStart():
            self._grip = self._border_at(began)
        if self._grip is None and labelling.brush is None:
            event.ignore()
            return
        event.accept()
        edit = self._edit(began, event.pos().x())
        if event.isFinish():
            self._grip = None
            labels.try_out(None)
            if edit is not None:
                labels.edit(edit)
        else:
            labels.try_out(edit)

    def mouseClickEvent(self, event: MouseClickEvent) -> None:
        """Offer what can be done with the bout under the mouse."""
        if event.button() != Qt.MouseButton.RightButton or not self._workspace.labelling.editing:
            event.ignore()
            return
        event.accept()
        self._workspace.movie.seek(self._clock.frame_at(event.pos().x()))
        menu = bout_menu(self._workspace)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.screenPos().toPoint())

    def _edit(self, began: float, now: float) -> Edit | None:
        """Return what a drag from one time to another does."""
        edges = self._clock.edges
        if self._grip is not None:
            to = int(np.abs(edges - now).argmin())
            return MoveBorder(border=self._grip, to=to) if to != self._grip else None
        first, last = sorted(self._clock.frame_at(time) for time in (began, now))
        brush = self._workspace.labelling.brush
        assert brush is not None  # else the drag was left to the view
        return painted(brush, first, last)

    def _border_at(self, time: float) -> int | None:
        """Return the border that is near a time, in pixels; None if none is."""
        box = self.getViewBox()
        if box is None or not self._borders.size:
            return None
        away = np.abs(self._clock.edges[self._borders] - time)
        nearest = int(away.argmin())
        if away[nearest] > _NEAR * box.viewPixelSize()[0]:
            return None
        return int(self._borders[nearest])


class Marks:
    """Stretches marked on the label and decoded rows: what to review, what is held out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._drawn: list[tuple[pg.ViewBox, pg.LinearRegionItem]] = []

    @property
    def regions(self) -> list[tuple[float, float]]:
        """Begin and end (on the axis of time) of each mark that is drawn."""
        return [mark.getRegion() for _, mark in self._drawn]

    def update(self, clock: Clock, rows: Sequence[Row], text: str) -> None:
        """Draw them anew."""
        for view, mark in self._drawn:
            if mark.scene() is not None:
                view.removeItem(mark)
        self._drawn = []
        item = self._workspace.review.item
        frame = pg.mkPen(text)
        shade = QColor(text)
        shade.setAlpha(_SHADE)
        tuning, prediction = self._workspace.tuning, self._workspace.decode.prediction
        own = [(b.start, b.stop) for b in tuning.held_out if b.recording == 0]  # the open one's
        shaded = {"label": own, "decoded": own}
        if tuning.planning and prediction is not None and prediction.held_out is not None:
            held_out = prediction.held_out  # by the decoder that read it
            shaded["decoded"] = [ends for ends in each_stretch(held_out) if held_out[ends[0]]]
        for row in rows:
            if row.title not in shaded:
                continue
            wanted = [(*ends, shade, pg.mkPen(None)) for ends in shaded[row.title]]
            if item is not None:
                wanted.append((item.start, item.stop, QColor(0, 0, 0, 0), frame))
            for start, stop, brush, pen in wanted:
                if stop >= clock.edges.size:
                    continue  # of the raw movie, while a cropped one is shown
                ends = float(clock.edges[start]), float(clock.edges[stop])
                mark = pg.LinearRegionItem(ends, movable=False, brush=brush, pen=pen)
                mark.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
                row.view.addItem(mark, ignoreBounds=True)
                self._drawn.append((row.view, mark))


def bout_menu(workspace: Workspace) -> QMenu:
    """Make the menu of what can be done with the bout at this frame."""
    labelling, review, labels = workspace.labelling, workspace.review, workspace.labels.labels
    menu = QMenu()
    if labels is None:
        return menu
    for name in labels.ethogram.behaviors:
        menu.addAction(f"It is {name}", lambda chosen=name: review.flip(chosen))
    menu.addSeparator()
    for text, act in (
        ("Accept\tA", review.accept),
        ("Split here\tS", labelling.split),
        ("Merge with the next bout\tM", labelling.merge),
        ("Erase the bout", labelling.erase_bout),
        ("Verify to the next uncertain bout\tV", review.verify_ahead),
    ):
        menu.addAction(text, act)
    return menu
