"""Bars of the importance of areas: intervals, control band, linked to the atlas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent

from napari_cortex_decoder.widgets.colors import ORANGE, SKY_BLUE, TRACE, VERMILION
from napari_cortex_decoder.widgets.small_plot import SmallPlot

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency import AreaImportance

MOST_BARS = 14
_HEIGHT = 17  # px of a bar
_MARGIN = 46
_SHORT = {"left": " L", "right": " R", "both": ""}


class ImportanceBars(SmallPlot):
    """One bar a target, the most important ones; hover and click tell which.

    A line is the 95 % interval; a blue band what random patches of the area's size are worth; a
    bar is orange where the interval lies above 0.
    """

    hovered = Signal(object)
    """The place of the target under the mouse in the result; None for none."""

    picked = Signal(int)
    """The place of a target that was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.view.invertY(True)
        self._places: list[int] = []
        self._members: list[tuple[int, ...]] = []
        self._bars: pg.BarGraphItem | None = None
        self._brushes: list[tuple[int, int, int]] = []
        self._over: int | None = None

    def show_result(self, result: AreaImportance) -> None:
        """Draw the most important areas of a result."""
        self.view.clear()
        table = result.ranked().head(MOST_BARS)
        self._places = [int(place) for place in table.index]
        self._members = [result.targets[place].members for place in self._places]
        y = np.arange(len(table), dtype=float)
        band = table["control"].notna().to_numpy()
        if band.any():
            low = table["control_low"].to_numpy()[band]
            self.view.addItem(
                pg.BarGraphItem(
                    x0=low,
                    y=y[band],
                    width=table["control_high"].to_numpy()[band] - low,
                    height=0.95,
                    brush=(*SKY_BLUE, 110),
                    pen=None,
                )
            )
        self._brushes = [ORANGE if low > 0 else TRACE for low in table["low"]]
        self._bars = pg.BarGraphItem(
            x0=0.0, y=y, width=table["importance"].to_numpy(), height=0.6, brushes=self._brushes
        )
        self.view.addItem(self._bars)
        values = table["importance"].to_numpy()
        self.view.addItem(
            pg.ErrorBarItem(
                x=values,
                y=y,
                left=values - table["low"].to_numpy(),
                right=table["high"].to_numpy() - values,
                pen=pg.mkPen(TRACE, width=1.5),
            )
        )
        self.view.addItem(pg.InfiniteLine(0, angle=90, pen=pg.mkPen(TRACE)))
        names = [f"{row['acronym']}{_SHORT[row['side']]}" for row in table.to_dict("records")]
        self.left.setTicks([list(zip(y.tolist(), names, strict=True))])
        unit = "AUC" if result.whole.score == "auc" else "log-odds"
        self.bottom.setLabel(f"{unit} lost without it")
        self.view.setYRange(-0.6, len(table) - 0.4, padding=0)
        self.setFixedHeight(_HEIGHT * len(table) + _MARGIN)

    def mark(self, selected: tuple[int, ...]) -> None:
        """Let the bars of selected areas of the atlas stand out."""
        if self._bars is None:
            return
        chosen = set(selected)
        brushes = [
            VERMILION if chosen & set(members) else brush
            for members, brush in zip(self._members, self._brushes, strict=True)
        ]
        self._bars.setOpts(brushes=brushes)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Tell what is under the mouse."""
        super().mouseMoveEvent(event)
        if event is not None:
            over = self._at(event)
            if over != self._over:
                self._over = over
                self.hovered.emit(over)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell what is clicked."""
        super().mousePressEvent(event)
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            over = self._at(event)
            if over is not None:
                self.picked.emit(over)

    def _at(self, event: QMouseEvent) -> int | None:
        place = self.view.mapSceneToView(event.position())
        row = round(place.y())
        return self._places[row] if 0 <= row < len(self._places) else None
