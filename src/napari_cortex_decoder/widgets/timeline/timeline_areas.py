"""The traces of the selected areas as one row of the timeline."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtGui import QColor

from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.parts.colors import Color, legible
from napari_cortex_decoder.widgets.timeline.timeline_items import Row, TraceCurve

_LOW, _HIGH = 0.5, 99.5  # percentiles of a trace that fit between it and the next
_TALLEST = 5  # times the height of another row that many areas take
_SHORT = {"left": "L", "right": "R", "both": ""}


class AreaRow:
    """Draws the traces of the selected areas below each other, all to one scale.

    The row's axis shows the scale, at the uppermost trace, and it is higher for more traces.
    `times`, shape (t,), say where on the axis of time the frames are.
    """

    def __init__(
        self,
        row: Row,
        areas: AreasModel,
        times: NDArray[np.floating],
        background: Color,
    ) -> None:
        self._view, self._axis, self._areas, self._times = row.view, row.axis, areas, times
        self._layout, self._place = row.layout.layout, row.place
        self._background, self._fill = background, QColor(*background)
        self._fill.setAlpha(190)
        self._drawn: dict[int, tuple[TraceCurve, pg.TextItem]] = {}
        row.view.sigXRangeChanged.connect(self._move_names)
        self.update()

    def update(self) -> None:
        """Follow the selection."""
        traces = self._areas.traces
        if traces is None:
            return
        chosen = sorted(i for i in self._areas.selected if np.isfinite(traces.values[:, i]).all())
        for area in self._drawn.keys() - chosen:
            for item in self._drawn.pop(area):
                self._view.removeItem(item)
        values = 100 * traces.values[:, chosen] if traces.is_relative else traces.values[:, chosen]
        values = values - values.mean(axis=0)
        low, high = np.percentile(values, (_LOW, _HIGH), axis=0)
        step = float(max([*(high - low), 1e-9]))
        for place, area in enumerate(chosen):
            curve, name = self._drawn.get(area) or self._make(area)
            curve.setData(self._times, values[:, place] - place * step)
            name.setPos(self._view.viewRange()[0][0], -place * step)
        self._view.setYRange(-(len(chosen) - 0.4) * step, 0.6 * step, padding=0)
        mark = _round_number(0.35 * step)
        unit = " %" if traces.is_relative else ""
        self._axis.setTicks([[(0.0, ""), (mark, f"{mark:g}{unit}")]])
        tallest = min(max(1, (len(chosen) + 1) // 2), _TALLEST)
        self._layout.setRowStretchFactor(self._place, tallest)

    def _make(self, area: int) -> tuple[TraceCurve, pg.TextItem]:
        about = self._areas.areas[area]
        color = legible(self._areas.color(area), self._background)
        curve = TraceCurve(color)
        name = pg.TextItem(
            f"{about.acronym} {_SHORT[about.side]}".strip(),
            color=color, anchor=(0, 0.5), fill=self._fill,
        )  # fmt: skip
        name.setZValue(5)
        self._view.addItem(curve)
        self._view.addItem(name, ignoreBounds=True)
        self._drawn[area] = curve, name
        return curve, name

    def _move_names(self) -> None:
        """Keep the acronyms at the left edge."""
        left = self._view.viewRange()[0][0]
        for _, name in self._drawn.values():
            name.setX(left)


def _round_number(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at most a value over 0."""
    power = 10 ** np.floor(np.log10(value))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= value * 1.001))
