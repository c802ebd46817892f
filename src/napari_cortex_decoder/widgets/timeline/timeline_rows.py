"""The rows of the timeline: made where they are needed, and taken away where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.colors import TRACE, Color, legible
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE
from napari_cortex_decoder.widgets.timeline.timeline_areas import AreaRow
from napari_cortex_decoder.widgets.timeline.timeline_items import (
    DecodedStrip,
    Row,
    ThresholdLines,
    TraceCurve,
    add_time_axis,
)
from napari_cortex_decoder.widgets.timeline.timeline_labels import LabelStrip
from napari_cortex_decoder.widgets.workspace import Workspace

_TRACES = 32  # places that are kept for traces, or twice as many, …

_For = tuple[Any, ...]
"""What a row is made for: its place, and what would make it another one."""
_Shown = TypeVar("_Shown")


class Plot:
    """The rows that recording, labels and prediction call for, from above, on one axis of time.

    There is no `clock` without a recording; `text` is the color of what is written.
    """

    def __init__(self, workspace: Workspace, graphics: pg.GraphicsLayoutWidget) -> None:
        self._workspace, self._graphics = workspace, graphics
        self._theme = ""
        self._made: dict[_For, Row] = {}
        self._axis: pg.AxisItem | None = None
        self.rows: list[Row] = []
        self.clock: Clock | None = None
        self.text = ""

    def update(self, theme: str) -> bool:
        """Make what is missing, take away what is not needed; tell whether anything was."""
        clock = self._workspace.movie.clock
        before = self.clock
        alike = clock is before or bool(
            clock and before and clock.unit == before.unit
            and np.array_equal(clock.times, before.times)
        )  # fmt: skip
        if theme != self._theme or not alike:
            self._begin(clock, theme)
        if clock is None:
            return False
        wanted = self._wanted()
        gone = self._made.keys() - wanted.keys()
        new = wanted.keys() - self._made.keys()
        if not gone and not new:
            return False
        if self._axis is not None:  # first: a row may come where it is
            self._graphics.ci.removeItem(self._axis)
        for key in gone:
            self._made.pop(key).remove()
        for key in new:
            self._made[key] = wanted[key](key)
        self._lay_out()
        return True

    def shown(self, kind: type[_Shown]) -> list[_Shown]:
        """Return what rows show, if it is of a kind."""
        return [row.shown for row in self.rows if isinstance(row.shown, kind)]

    @property
    def labels(self) -> Ethogram | None:
        """The labels to show; with nothing labelled yet, an empty row to paint on."""
        labels = self._workspace.labels
        if labels.preview is not None:
            return labels.preview.ethogram
        empty = labels.ethogram is None and self._workspace.labelling.editing
        if empty and labels.labels is not None:
            return labels.labels.ethogram
        return labels.ethogram

    def _begin(self, clock: Clock | None, theme: str) -> None:
        """Take all rows away, for another clock or other colors."""
        self._graphics.clear()
        self._made, self.rows, self._axis = {}, [], None
        self.clock, self._theme = clock, theme
        colors = get_theme(theme)
        self.text = colors.text.as_hex()
        self._background: Color = colors.background.as_rgb_tuple()[:3]
        self._graphics.setBackground(self._background)

    def _wanted(self) -> dict[_For, Callable[[_For], Row]]:
        """Return what there is to show: of each row what it is made for, and what makes it."""
        recording, prediction = self._workspace.movie.recording, self._workspace.decode.prediction
        assert recording is not None  # only with a clock
        speed = self._workspace.speed
        traces = [trace for name, trace in recording.behavior.items() if name != LABEL_TRACE]
        wanted: dict[_For, Callable[[_For], Row]] = {
            (place, trace, speed.labelling and trace is speed.trace): self._make_trace
            for place, trace in enumerate(traces)
        }
        # the rows between stay empty, and take no height: another trace moves none of these
        place = _TRACES * (1 + len(traces) // _TRACES)
        if self.labels is not None:
            wanted[place, "label"] = self._make_labels
        if prediction is not None:
            colors = self._workspace.behavior_colors
            behaviors = tuple((name, colors[name]) for name in prediction.behaviors)
            wanted[place + 1, "decoded", behaviors] = self._make_decoded
            wanted[place + 2, "probability", behaviors] = self._make_probability
        areas = self._workspace.areas
        if areas.selected and areas.traces is not None:
            wanted[place + 3, "areas", areas.traces] = self._make_areas
        return wanted or {(place, "nothing"): self._make_nothing}

    def _make_row(self, key: _For, title: str, unit: str = "", *, strip: bool = False) -> Row:
        return Row(self._graphics.ci, key[0], title, unit, strip=strip, text=self.text)

    def _make_trace(self, key: _For) -> Row:
        _, trace, labels = key
        row = self._make_row(key, trace.name, trace.unit)
        curve = TraceCurve(legible(TRACE, self._background))
        curve.setData(trace.times, trace.values)
        row.view.addItem(curve)
        finite = trace.values[np.isfinite(trace.values)]
        if finite.size:
            row.view.setYRange(float(finite.min()), float(finite.max()), padding=0.08)
        if labels:
            row.shown = ThresholdLines(row.view, self._background, self._workspace.speed.set)
        return row

    def _make_labels(self, key: _For) -> Row:
        assert self.clock is not None  # only with a recording
        row = self._make_row(key, "label", strip=True)
        row.shown = LabelStrip(self._workspace, self.clock, self.text)
        row.view.addItem(row.shown)
        return row

    def _make_nothing(self, key: _For) -> Row:
        return self._make_row(key, "", strip=True)

    def _make_decoded(self, key: _For) -> Row:
        assert self.clock is not None  # only with a recording
        row = self._make_row(key, "decoded", strip=True)
        row.shown = DecodedStrip(self.clock.edges, [color for _, color in key[2]])
        row.view.addItem(row.shown)
        return row

    def _make_probability(self, key: _For) -> Row:
        behaviors = key[2]
        pair = len(behaviors) == 2
        # Of two behaviours the second says it all: the first is its mirror image.
        columns = [1] if pair else range(len(behaviors))
        row = self._make_row(key, f"p({behaviors[1][0]})" if pair else "probability")
        row.view.setYRange(0, 1, padding=0.04)
        row.axis.setTicks([[(0, "0"), (0.5, ".5"), (1, "1")]])
        half = pg.mkPen(self.text, width=0.5, style=Qt.PenStyle.DotLine)
        row.view.addItem(pg.InfiniteLine(0.5, angle=0, pen=half), ignoreBounds=True)
        row.shown = {
            column: TraceCurve(legible(behaviors[column][1], self._background))
            for column in columns
        }
        for curve in row.shown.values():
            row.view.addItem(curve)
        return row

    def _make_areas(self, key: _For) -> Row:
        assert self.clock is not None  # only with a recording
        row = self._make_row(key, "areas", "ΔF/F" if key[2].is_relative else "")
        row.shown = AreaRow(row, self._workspace.areas, self.clock.times, self._background)
        return row

    def _lay_out(self) -> None:
        """Put all rows on one axis of time that ends where the movie does."""
        assert self.clock is not None  # only with rows
        first, last = float(self.clock.edges[0]), float(self.clock.edges[-1])
        shortest = 4 * (last - first) / self.clock.times.size
        seen = self.rows[0].view.viewRange()[0] if self.rows else (first, last)
        self.rows = sorted(self._made.values(), key=lambda row: row.place)
        leader, layout = self.rows[0].view, self._graphics.ci
        for row in self.rows:
            row.view.setLimits(xMin=first, xMax=last, minXRange=min(shortest, last - first))
            row.view.setXLink(None if row.view is leader else leader)
        leader.setXRange(*seen, padding=0)
        label = "time (s)" if self.clock.unit == "s" else "frame"
        place = self.rows[-1].place + 1
        self._axis = add_time_axis(layout, place, leader, label, self.text)
        self._graphics.setMinimumHeight(int(layout.minimumHeight()))
        # Clearing a layout shrinks it, and nothing but a resize makes it fill its view again.
        layout.setGeometry(self._graphics.range)
