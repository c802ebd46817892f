"""What a row of the timeline is made of: behaviours in colour, and traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QGraphicsItem

from napari_cortex_decoder.widgets.parts.colors import Color, behavior_colors, legible

_EMPTY = np.empty(0)
_KEPT, _NOT_KEPT = QGraphicsItem.CacheMode.DeviceCoordinateCache, QGraphicsItem.CacheMode.NoCache
_AXIS_WIDTH, _TIME_HEIGHT = 34, 40  # px
_STRIP_HEIGHT, _CURVE_HEIGHT, _ANY_HEIGHT = 18, 40, 10_000


class BehaviorStrip(pg.GraphicsObject):
    """One coloured stretch per bout; frames of *unknown* stay empty.

    Paints one colour a pixel column, whatever the zoom, so that its cost does not grow with the
    recording.
    """

    def __init__(self) -> None:
        super().__init__()
        self._edges: NDArray[np.float64] = _EMPTY
        self._labels: NDArray[np.integer] = _EMPTY.astype(np.int64)
        self._palette = np.zeros((1, 4), dtype=np.uint8)

    def set_frames(
        self,
        edges: NDArray[np.float64],
        labels: NDArray[np.integer],
        colors: Sequence[Color | tuple[int, int, int, int]],
    ) -> None:
        """Show labels, shape (t,): index into `colors`, −1 for unknown.

        They are not copied: after a change in place call `update`. `edges`, shape (t + 1,), say
        where each frame begins, and where the last one ends.
        """
        self.prepareGeometryChange()
        self._edges, self._labels = edges, labels
        rows = [(*color, 255)[:4] for color in colors] + [(0, 0, 0, 0)]  # −1 takes the last one
        self._palette = np.array(rows, dtype=np.uint8)
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.set_frames(_EMPTY, _EMPTY.astype(np.int64), [])

    def keep_picture(self) -> None:
        """Paint once, until the view or the labels change: only the cursor moves."""
        if self.cacheMode() != _KEPT:
            self.setCacheMode(_KEPT)

    def viewRangeChanged(self) -> None:
        """Keep nothing while the view moves: what is drawn where depends on it."""
        self.setCacheMode(_NOT_KEPT)

    def boundingRect(self) -> QRectF:
        """Return the rectangle that holds all frames."""
        if not self._edges.size:
            return QRectF()
        return QRectF(self._edges[0], 0, self._edges[-1] - self._edges[0], 1)

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint the part in view."""
        box = self.getViewBox()
        if not self._edges.size or box is None:
            return
        (left, right), _ = box.viewRange()
        left, right = max(left, self._edges[0]), min(right, self._edges[-1])
        if left >= right:
            return
        n_columns = max(1, round((right - left) / box.viewPixelSize()[0]))
        middles = left + (np.arange(n_columns) + 0.5) * (right - left) / n_columns
        frames = np.searchsorted(self._edges, middles, side="right") - 1
        pixels = self._palette[self._values_at(frames)].tobytes()  # must outlive the image
        image = QImage(pixels, n_columns, 1, 4 * n_columns, QImage.Format.Format_RGBA8888)
        painter.drawImage(QRectF(left, 0, right - left, 1), image)

    def _values_at(self, frames: NDArray[np.intp]) -> NDArray[np.integer]:
        """Return the label of some frames."""
        return self._labels[frames]


class DecodedStrip(BehaviorStrip):
    """What a decoder reads: unknown until `labels` are written and `update` is called."""

    def __init__(self, edges: NDArray[np.float64], colors: Sequence[Color]) -> None:
        super().__init__()
        self.labels = np.full(edges.size - 1, -1)
        self.set_frames(edges, self.labels, colors)


class Row:
    """One row of the timeline: its name, its vertical axis, and a view of the common time.

    A `strip` is a narrow one, for behaviors in color; else it takes its share of the height. `text`
    is the color of everything written; `shown` what is drawn in it, where that changes.
    """

    def __init__(
        self,
        layout: pg.GraphicsLayout,
        place: int,
        title: str,
        unit: str,
        *,
        strip: bool,
        text: str,
    ) -> None:
        self.layout, self.place, self.title = layout, place, title
        self.shown: Any = None
        small = f"<br><span style='font-size: 7pt'>{unit}</span>" if unit else ""
        name = pg.LabelItem(f"{title}{small}", justify="right", color=text, size="9pt")
        self.axis = pg.AxisItem(
            "left", textPen=text, pen=pg.mkPen(text, width=0.5), maxTickLength=-4
        )
        self.axis.setWidth(_AXIS_WIDTH)
        self.axis.setStyle(showValues=not strip, maxTickLevel=0)
        self.view = pg.ViewBox(enableMenu=False, defaultPadding=0)
        self.view.setMouseEnabled(x=True, y=False)
        self.view.enableAutoRange(x=False)  # each move of the cursor would paint the row anew
        self._items = name, self.axis, self.view
        for column, item in enumerate(self._items):
            layout.addItem(item, place, column)
        tallest = _STRIP_HEIGHT if strip else _ANY_HEIGHT  # said anew: a layout remembers its rows
        least = _STRIP_HEIGHT if strip else _CURVE_HEIGHT
        self._set_height(least, tallest)
        if strip:
            self.axis.setPen(None)
            self.view.setYRange(0, 1, padding=0)
        self.axis.linkToView(self.view)
        self.cursor = pg.InfiniteLine(angle=90, pen=pg.mkPen(text, width=1))
        self.cursor.setZValue(10)
        self.view.addItem(self.cursor, ignoreBounds=True)

    def _set_height(self, least: float, most: float) -> None:
        self.layout.layout.setRowMinimumHeight(self.place, least)
        self.layout.layout.setRowMaximumHeight(self.place, most)

    def remove(self) -> None:
        """Take it out of its layout."""
        for item in self._items:
            self.layout.removeItem(item)
        self._set_height(0, 0)
        self.layout.layout.setRowStretchFactor(self.place, 0)

    def move_cursor(self, time: float) -> None:
        """Put the cursor at a time; what it moves across is not painted again."""
        for item in self.view.addedItems:
            if isinstance(item, BehaviorStrip | TraceCurve):
                item.keep_picture()
        self.cursor.setPos(time)


def add_time_axis(
    layout: pg.GraphicsLayout, place: int, view: pg.ViewBox, label: str, text: str
) -> pg.AxisItem:
    """Write the times of a view below the last row."""
    axis = pg.AxisItem("bottom", textPen=text, pen=pg.mkPen(text, width=0.5), maxTickLength=-4)
    axis.enableAutoSIPrefix(False)
    axis.setLabel(label, color=text)
    axis.setHeight(_TIME_HEIGHT)  # pyqtgraph's own guess cuts off the label
    axis.linkToView(view)
    axis.setRange(*view.viewRange()[0])  # it would wait for the view's next change
    layout.layout.setRowMaximumHeight(place, _ANY_HEIGHT)
    layout.layout.setRowMinimumHeight(place, 0)
    layout.addItem(axis, place, 2)
    return axis


class ThresholdLines:
    """The speeds at which running starts and ends, across the view of a row; they can be dragged.

    `tell` is called with the threshold that a line was dragged to, by name.
    """

    def __init__(self, view: pg.ViewBox, background: Color, tell: Callable[..., None]) -> None:
        solid, dashed = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine
        self._background = background
        self._run = self._line(view, "run", solid, lambda at: tell(threshold=at))
        self._rest = self._line(view, "rest", dashed, lambda at: tell(stop_threshold=at))

    def show(self, run: float, rest: float) -> None:
        """Put the lines at two speeds; one line will do where they are the same."""
        self._run.setValue(run)
        self._rest.setValue(rest)
        self._rest.setVisible(rest < run)

    def _line(
        self, view: pg.ViewBox, behavior: str, style: Qt.PenStyle, tell: Callable[[float], None]
    ) -> pg.InfiniteLine:
        color = legible(behavior_colors([behavior])[behavior], self._background)
        pen = pg.mkPen(color, width=1.5, style=style)
        line = pg.InfiniteLine(angle=0, movable=True, pen=pen, hoverPen=pg.mkPen(pen, width=3))
        line.sigDragged.connect(lambda moved: tell(max(0.0, float(moved.value()))))
        view.addItem(line, ignoreBounds=True)
        return line


class TraceCurve(pg.PlotDataItem):
    """A curve that stays fast at a million points: thinned to the pixels in view, peaks kept."""

    def __init__(self, color: Color) -> None:
        super().__init__(pen=pg.mkPen(color, width=1), connect="finite", antialias=True)
        self.setDownsampling(auto=True, method="peak")
        self.setClipToView(True)

    def keep_picture(self) -> None:
        """Paint once, until the view or the values change: only the cursor moves."""
        if self.curve.cacheMode() != _KEPT:
            self.curve.setCacheMode(_KEPT)

    def viewRangeChanged(self, *args: object, **kwargs: object) -> None:
        """Thin again; not while being taken away, when pyqtgraph 0.14 passes the wrong view."""
        self.curve.setCacheMode(_NOT_KEPT)
        if isinstance(self.getViewBox(), pg.ViewBox):
            super().viewRangeChanged(*args, **kwargs)
