"""Bars of the importance of areas: intervals, control band, linked to the atlas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent

from napari_cortex_decoder.saliency.question import Answer
from napari_cortex_decoder.widgets.parts.colors import (
    BLUE,
    GREEN,
    ORANGE,
    SKY_BLUE,
    TRACE,
    VERMILION,
    Color,
)
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot, seen

MOST_BARS = 14
_HEIGHT = 17  # px of a bar
_MARGIN = 46
_SHORT = {"left": " L", "right": " R", "both": ""}


@dataclass(frozen=True)
class Bar:
    """One bar."""

    place: int  # of what it stands for in the result
    name: str  # to show
    # its length, and its interval; NaN where there is none
    value: float
    low: float = np.nan
    high: float = np.nan
    # what random patches are worth; None where they were not measured
    band: tuple[float, float] | None = None
    # AUC, and its interval, of decoders that learned anew from it alone, and from all but it
    alone: tuple[float, float, float] | None = None
    others: tuple[float, float, float] | None = None


def bars_of(result: Answer, most: int | None = MOST_BARS) -> list[Bar]:
    """Return the most important bars of a result, None for all; none where it has no areas."""
    if result.areas is not None:
        return [
            Bar(
                int(place),  # type: ignore[call-overload]
                f"{row['acronym']}{_SHORT[row['side']]}",
                float(row["importance"]),
                float(row["low"]),
                float(row["high"]),
                (float(row["control_low"]), float(row["control_high"]))
                if np.isfinite(row["control"])
                else None,
                *(_auc(row, name) for name in ("alone", "others")),
            )
            for place, row in result.areas.ranked().iloc[:most].iterrows()
        ]
    if result.lags is not None:
        lags = result.lags
        return [
            Bar(lags.areas.index(row["area"]), row["area"], float(row["amount"]))
            for row in lags.table.iloc[:most].to_dict("records")
        ]
    return []


def _auc(row: Mapping[str, float], name: str) -> tuple[float, float, float] | None:
    """Return an AUC and its interval; None where it was not measured, as in earlier versions."""
    found = tuple(float(row.get(key, np.nan)) for key in (name, f"{name}_low", f"{name}_high"))
    return found if np.isfinite(found).all() else None  # type: ignore[return-value]


class ImportanceBars(SmallPlot):
    """One bar a target, the most important ones; hover and click tell which.

    A line is the 95 % interval; a blue band what random patches of the area's size are worth; a
    bar is orange where the interval lies above 0. A diamond is what the same area is worth in the
    result that was kept, with its interval. At the right, what the area carries: the AUC of a
    decoder that learned anew from its traces alone (filled), and from all others (open).
    """

    hovered = Signal(object)
    """The place of the target under the mouse in the result; None for none."""

    picked = Signal(int)
    """The place of a target that was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.view.invertY(True)
        self._anew = self.addViewBox(row=0, col=2, enableMouse=False, enableMenu=False)
        self._anew.invertY(True)
        self._anew.setYLink(self.view)
        axis = pg.AxisItem("bottom", linkView=self._anew)
        axis.enableAutoSIPrefix(False)
        axis.setLabel("AUC learned anew")
        self.setToolTip("● of it alone, ○ of all others: AUC of decoders that learned anew")
        self.addItem(axis, row=1, col=2)
        self._places: list[int] = []
        self._members: list[tuple[int, ...]] = []
        self._bars: pg.BarGraphItem | None = None
        self._brushes: list[Color] = []
        self._over: int | None = None
        self._found: Mapping[str, tuple[float, float, float]] = {}

    def show_result(self, result: Answer, kept: Answer | None = None) -> None:
        """Draw the most important areas of a result, and what they are worth in another."""
        bars = bars_of(result)
        self._places = [bar.place for bar in bars]
        self._members = [result.members(place) for place in self._places]
        self._draw(bars)
        if kept is not None:
            self._add_kept(bars, kept)
        self._add_carried(bars)
        score = None if result.areas is None else result.areas.score
        lost = f"{'AUC' if score == 'auc' else 'log-odds'} lost"
        self.bottom.setLabel(lost if score else "amount over all lags, log-odds")

    def show_found(self, found: Mapping[str, tuple[float, float, float]]) -> None:
        """Draw what is known so far."""
        if found != self._found:
            self._found, self._places, self._members = found, [], []
            ranked = sorted(found.items(), key=lambda one: -one[1][0])[:MOST_BARS]
            self._draw([Bar(-1, name, *values) for name, values in ranked])  # of no place as yet
            self.bottom.setLabel("lost without it, so far")

    def _draw(self, bars: list[Bar]) -> None:
        self.view.clear()
        self._add_carried([])
        y = np.arange(len(bars), dtype=float)
        banded = [(place, *bar.band) for place, bar in enumerate(bars) if bar.band is not None]
        if banded:
            at, low, high = np.transpose(banded)
            self.view.addItem(
                pg.BarGraphItem(
                    x0=low, y=at, width=high - low, height=0.95, brush=(*SKY_BLUE, 110), pen=None
                )
            )
        self._brushes = [seen(ORANGE if bar.low > 0 else TRACE) for bar in bars]
        values = np.array([bar.value for bar in bars])
        self._bars = pg.BarGraphItem(x0=0.0, y=y, width=values, height=0.6, brushes=self._brushes)
        self.view.addItem(self._bars)
        if any(np.isfinite(bar.low) for bar in bars):
            self.view.addItem(_intervals(bars, y, TRACE))
        self.view.addItem(pg.InfiniteLine(0, angle=90, pen=pg.mkPen(seen(TRACE))))
        self.left.setTicks([list(zip(y.tolist(), [bar.name for bar in bars], strict=True))])
        self.view.setYRange(-0.6, len(bars) - 0.4, padding=0)
        self.setFixedHeight(_HEIGHT * len(bars) + _MARGIN)

    def _add_kept(self, bars: list[Bar], kept: Answer) -> None:
        """Draw what the same areas are worth in another result."""
        others = {bar.name: bar for bar in bars_of(kept, None)}
        found = [(y, others[bar.name]) for y, bar in enumerate(bars) if bar.name in others]
        look = {"symbol": "d", "size": 9, "pen": None, "brush": seen(GREEN)}
        _add_points(self.view, found, 0.3, GREEN, look)

    def _add_carried(self, bars: list[Bar]) -> None:
        """Draw what areas carry beside their bars; hide the place where nothing is known."""
        self._anew.clear()
        known = [(y, bar.alone, bar.others) for y, bar in enumerate(bars) if bar.alone]
        self.ci.layout.setColumnMaximumWidth(2, 1e6 if known else 0)
        for shift, brush, found in (
            (-0.15, seen(BLUE), [(y, one) for y, one, _ in known]),
            (0.15, None, [(y, one) for y, _, one in known if one]),
        ):
            again = [(y, Bar(-1, "", *auc)) for y, auc in found]
            look = {"size": 6, "pen": pg.mkPen(seen(BLUE)), "brush": brush}
            _add_points(self._anew, again, shift, BLUE, look)

    def mark(self, selected: tuple[int, ...]) -> None:
        """Let the bars of selected areas of the atlas stand out."""
        if self._bars is None:
            return
        chosen = set(selected)
        brushes = [
            seen(VERMILION) if chosen & set(members) else brush
            for members, brush in zip(self._members, self._brushes, strict=True)
        ]
        self._bars.setOpts(brushes=brushes)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Return what is under the mouse."""
        super().mouseMoveEvent(event)
        if event is not None:
            over = self._at(event)
            if over != self._over:
                self._over = over
                self.hovered.emit(over)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Return what is clicked."""
        super().mousePressEvent(event)
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            over = self._at(event)
            if over is not None:
                self.picked.emit(over)

    def _at(self, event: QMouseEvent) -> int | None:
        place = self.view.mapSceneToView(event.position())
        row = round(place.y())
        return self._places[row] if 0 <= row < len(self._places) else None


def _add_points(
    view: pg.ViewBox, found: list[tuple[int, Bar]], shift: float, color: Color, look: dict[str, Any]
) -> None:
    """Draw what is worth what, beside the bars in some rows, as points with their intervals."""
    if found:
        places = np.array([row for row, _ in found]) + shift
        bars = [bar for _, bar in found]
        if any(np.isfinite(bar.low) for bar in bars):
            view.addItem(_intervals(bars, places, color))
        view.addItem(pg.ScatterPlotItem(x=[bar.value for bar in bars], y=places, **look))


def _intervals(bars: list[Bar], places: NDArray[np.floating], color: Color) -> pg.ErrorBarItem:
    values = np.array([bar.value for bar in bars])
    return pg.ErrorBarItem(
        x=values,
        y=places,
        left=values - np.array([bar.low for bar in bars]),
        right=np.array([bar.high for bar in bars]) - values,
        pen=pg.mkPen(seen(color), width=1.5),
    )
