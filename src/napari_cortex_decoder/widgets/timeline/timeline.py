"""The timeline: speed, labels and what the decoder reads, on the slider's clock."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
import pyqtgraph as pg
from napari import Viewer
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QStackedLayout, QVBoxLayout, QWidget

from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import Ethogram, ReviewItem
from napari_cortex_decoder.recording import BehaviorTrace
from napari_cortex_decoder.widgets.atlas.area_traces import AreaTraces
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.colors import TRACE
from napari_cortex_decoder.widgets.parts.section import DockContent
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline_areas import AreaRow
from napari_cortex_decoder.widgets.timeline.timeline_items import (
    BehaviorStrip,
    Row,
    ThresholdLines,
    TraceCurve,
    add_time_axis,
)
from napari_cortex_decoder.widgets.timeline.timeline_labels import LabelStrip, Marks

NAME = "Timeline (Cortex Decoder)"
_LEAST = 2.0  # s to be seen on either side of what is reviewed


def show_timeline(viewer: Viewer) -> None:
    """Dock the timeline below the canvas, or bring it back to sight."""
    if NAME in viewer.window.dock_widgets:
        viewer.window.dock_widgets[NAME].parent().show()
        return
    viewer.window.add_dock_widget(TimelineWidget(viewer), name=NAME, area="bottom")


class TimelineWidget(DockContent):
    """Rows over time; they fill while a decode runs. A click puts the slider there."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._workspace = workspace_of(napari_viewer)
        self._viewer = napari_viewer
        self._built_for: tuple[object, ...] = ()
        self._clock: Clock | None = None
        self._rows: list[Row] = []
        self._labels: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._decoded = BehaviorStrip()
        self._labelled: LabelStrip | None = None
        self._marks = Marks(self._workspace)
        self._thresholds: ThresholdLines | None = None
        self._probability: dict[int, pg.PlotDataItem] = {}
        self._area_row: AreaRow | None = None
        self._text = ""
        self._compose()
        self._connect()
        self._update_rows()

    def sizeHint(self) -> QSize:
        """Ask for a height at which four rows can be read."""
        return QSize(900, 250)

    def _compose(self) -> None:
        # no label: each new text of one would lay out the whole window anew
        self._readout = QLineEdit()
        self._readout.setReadOnly(True)
        self._readout.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._readout.setStyleSheet("background: transparent; border: none;")
        self._legend = QLabel()
        hint = QLabel("click: seek · wheel: zoom · drag: pan · double click: all")
        hint.setEnabled(False)
        header = QHBoxLayout()
        header.addWidget(self._readout, stretch=1)
        header.addWidget(self._legend)
        header.addWidget(hint)
        self._graphics = pg.GraphicsLayoutWidget()
        self._graphics.ci.layout.setVerticalSpacing(3)
        self._graphics.ci.layout.setContentsMargins(0, 6, 10, 3)  # the time's label hangs over
        self._graphics.ci.layout.setColumnFixedWidth(0, 64)
        self._graphics.scene().sigMouseClicked.connect(self._on_click)
        chart = QWidget()
        in_chart = QVBoxLayout(chart)
        in_chart.setContentsMargins(4, 2, 4, 2)
        in_chart.setSpacing(2)
        in_chart.addLayout(header)
        in_chart.addWidget(self._graphics)
        empty = QLabel("Speed, labels and what the decoder reads appear here.")
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(empty)
        self._pages.addWidget(chart)

    def _connect(self) -> None:
        movie, decode = self._workspace.movie, self._workspace.decode
        ties = Ties()
        ties.tie(
            self._update_rows,
            movie.events.recording,
            decode.events.prediction,
            self._viewer.events.theme,
        )
        ties.tie(self._update_prediction, decode.predicted)
        speed = self._workspace.speed.events
        ties.tie(self._update_labels, speed.settings)
        labels, review = self._workspace.labels.events, self._workspace.review
        editing = self._workspace.labelling.events.editing
        ties.tie(self._update_rows, labels.ethogram, speed.labelling, editing)
        ties.tie(self._update_labels, labels.labels, labels.preview)
        ties.tie(self._update_decoded, review.cleaned)
        ties.tie(self._look_at_item, review.events.item)
        tuning = self._workspace.tuning.events
        ties.tie(self._update_marks, review.events.item, tuning.planning, tuning.result)
        ties.tie(self._update_marks, tuning.others, tuning.base)
        areas = self._workspace.areas.events
        ties.tie(self._update_rows, areas.traces, areas.selected)
        ties.tie(self._update_cursor, movie.events.frame)
        ties.undo_with(self)

    def _update_rows(self) -> None:
        """Show another recording, other labels, or another prediction."""
        movie, prediction = self._workspace.movie, self._workspace.decode.prediction
        needed = (
            movie.recording,
            self._shown_labels is not None,
            self._workspace.speed.labelling,
            None if prediction is None else prediction.behaviors,
            self._areas_shown,
            self._viewer.theme,
        )
        if needed != self._built_for:
            same_clock = self._built_for[:1] == needed[:1]
            view = self._rows[0].view.viewRange()[0] if self._rows and same_clock else None
            self._built_for = needed
            self._build()
            if view is not None and self._rows:
                self._rows[0].view.setXRange(*view, padding=0)
        self._update_labels()
        if self._area_row is not None:
            self._area_row.update()
        if prediction is not None:
            self._update_prediction(0, len(prediction.probability))
        self._update_marks()

    def _build(self) -> None:
        """Make the rows that recording, labels and prediction call for."""
        movie, prediction = self._workspace.movie, self._workspace.decode.prediction
        self._graphics.clear()
        self._rows, self._probability, self._area_row = [], {}, None
        self._labelled, self._thresholds = None, None
        self._clock = movie.clock
        theme = get_theme(self._viewer.theme)
        self._text = theme.text.as_hex()
        self._graphics.setBackground(theme.background.as_hex())
        self._pages.setCurrentIndex(0 if movie.recording is None else 1)
        if movie.recording is None or self._clock is None:
            return
        for name, trace in movie.recording.behavior.items():
            if name != LABEL_TRACE:
                self._add_trace(trace)
        if self._shown_labels is not None:
            self._labelled = LabelStrip(self._workspace, self._clock, self._text)
            self._add_row("label", strip=True).view.addItem(self._labelled)
        if prediction is not None:
            self._add_prediction(prediction)
        if self._areas_shown is not None:
            self._add_areas(self._areas_shown)
        if not self._rows:
            self._add_strip("", (), np.full(movie.recording.n_frames, -1))
        self._write_legend()
        self._share_time()
        self._graphics.setMinimumHeight(int(self._graphics.ci.minimumHeight()))
        # Clearing a layout shrinks it, and nothing but a resize makes it fill its view again.
        self._graphics.ci.setGeometry(self._graphics.range)
        self._update_cursor()

    def _write_legend(self) -> None:
        """Say which behavior has which color."""
        prediction, labels = self._workspace.decode.prediction, self._shown_labels
        names = (
            *(labels.behaviors if labels else ()),
            *(prediction.behaviors if prediction else ()),
        )
        colors = self._workspace.behavior_colors
        marks = (
            f"<span style='color: rgb{colors[n]}'>■</span> {escape(n)}"
            for n in dict.fromkeys(names)
        )
        self._legend.setText("&nbsp; ".join(marks))

    def _add_row(self, title: str, unit: str = "", *, strip: bool = False) -> Row:
        row = Row(self._graphics.ci, title, unit, strip=strip, text=self._text)
        self._rows.append(row)
        return row

    def _add_trace(self, trace: BehaviorTrace) -> None:
        row = self._add_row(trace.name, trace.unit)
        curve = TraceCurve(TRACE)
        curve.setData(trace.times, trace.values)
        row.view.addItem(curve)
        finite = trace.values[np.isfinite(trace.values)]
        if finite.size:
            row.view.setYRange(float(finite.min()), float(finite.max()), padding=0.08)
        speed = self._workspace.speed
        if speed.labelling and trace is speed.trace:
            self._thresholds = ThresholdLines(row.view, speed.set)

    def _add_strip(
        self, title: str, behaviors: tuple[str, ...], labels: NDArray[np.int64]
    ) -> BehaviorStrip:
        assert self._clock is not None  # only with a recording
        colors = self._workspace.behavior_colors
        strip = BehaviorStrip()
        strip.set_frames(self._clock.edges, labels, [colors[name] for name in behaviors])
        self._add_row(title, strip=True).view.addItem(strip)
        return strip

    def _add_prediction(self, prediction: Prediction) -> None:
        self._labels = np.full(len(prediction.probability), -1)
        self._decoded = self._add_strip("decoded", prediction.behaviors, self._labels)
        colors = self._workspace.behavior_colors
        pair = len(prediction.behaviors) == 2
        # Of two behaviours the second says it all: the first is its mirror image.
        columns = [1] if pair else range(len(prediction.behaviors))
        row = self._add_row(f"p({prediction.behaviors[1]})" if pair else "probability")
        row.view.setYRange(0, 1, padding=0.04)
        row.axis.setTicks([[(0, "0"), (0.5, ".5"), (1, "1")]])
        half = pg.mkPen(self._text, width=0.5, style=Qt.PenStyle.DotLine)
        row.view.addItem(pg.InfiniteLine(0.5, angle=0, pen=half), ignoreBounds=True)
        for column in columns:
            curve = TraceCurve(colors[prediction.behaviors[column]])
            row.view.addItem(curve)
            self._probability[column] = curve

    @property
    def _areas_shown(self) -> AreaTraces | None:
        """The traces of which some are to be seen."""
        areas = self._workspace.areas
        return areas.traces if areas.selected else None

    def _add_areas(self, traces: AreaTraces) -> None:
        assert self._clock is not None  # only with a recording
        areas, layout = self._workspace.areas, self._graphics.ci
        row = self._add_row("areas", "ΔF/F" if traces.is_relative else "")
        background = get_theme(self._viewer.theme).background.as_hex()
        self._area_row = AreaRow(row, layout, areas, self._clock.times, background)

    @property
    def _shown_labels(self) -> Ethogram | None:
        """The labels to show; with nothing labelled yet, an empty row to paint on."""
        labels = self._workspace.labels
        if labels.preview is not None:
            return labels.preview.ethogram
        empty = labels.ethogram is None and self._workspace.labelling.editing
        if empty and labels.labels is not None:
            return labels.labels.ethogram
        return labels.ethogram

    def _update_labels(self) -> None:
        """Draw other labels, and the speeds that they are made by, in the rows that there are."""
        ethogram, speed = self._shown_labels, self._workspace.speed
        if self._thresholds is not None:
            self._thresholds.show(speed.settings.threshold, speed.settings.low)
        if self._labelled is not None and ethogram is not None:
            self._labelled.set_ethogram(ethogram, self._workspace.behavior_colors)
            if self._workspace.tuning.planning:
                self._update_marks()

    def _update_decoded(self) -> None:
        """Draw the bouts that a whole prediction comes to."""
        decoded = self._workspace.review.decoded
        if decoded is not None and decoded.shape == self._labels.shape:
            self._labels[:] = decoded
            self._decoded.update()

    def _update_marks(self) -> None:
        """Mark what the review queue led to, and what a fine-tune is measured on."""
        if self._clock is not None:
            self._marks.update(self._clock, self._rows, self._text)

    def _look_at_item(self, item: ReviewItem | None) -> None:
        """Zoom to the stretch that the review queue led to, with as much before and after it."""
        if item is not None and self._clock is not None and self._rows:
            start, stop = (float(self._clock.edges[frame]) for frame in (item.start, item.stop))
            around = max(stop - start, _LEAST)
            self._rows[0].view.setXRange(start - around, stop + around, padding=0)

    def _share_time(self) -> None:
        """Put all rows on one axis of time that ends where the movie does."""
        assert self._clock is not None  # only with a recording
        first, last = float(self._clock.edges[0]), float(self._clock.edges[-1])
        shortest = 4 * (last - first) / self._clock.times.size
        for row in self._rows:
            row.view.setLimits(xMin=first, xMax=last, minXRange=min(shortest, last - first))
            if row is not self._rows[0]:
                row.view.setXLink(self._rows[0].view)
        self._rows[0].view.setXRange(first, last, padding=0)
        label = "time (s)" if self._clock.unit == "s" else "frame"
        add_time_axis(self._graphics.ci, self._rows[0].view, label, self._text)

    def _update_prediction(self, start: int, stop: int) -> None:
        """Draw what the decoder has read in frames [start, stop)."""
        prediction = self._workspace.decode.prediction
        if prediction is None or self._clock is None or not self._probability:
            return
        part = replace(prediction, probability=prediction.probability[start:stop])
        self._labels[start:stop] = part.labels()
        self._decoded.update()
        self._update_decoded()
        for column, curve in self._probability.items():
            curve.setData(self._clock.times, prediction.probability[:, column])

    def _update_cursor(self) -> None:
        """Follow the slider; a zoomed-in view turns the page when the cursor leaves it."""
        if self._clock is None or not self._rows:
            return
        frame = self._workspace.movie.frame
        time = float(self._clock.times[frame])
        for row in self._rows:
            row.move_cursor(time)
        left, right = self._rows[0].view.viewRange()[0]
        if not left <= time <= right:
            width = right - left
            self._rows[0].view.setXRange(time - 0.05 * width, time + 0.95 * width, padding=0)
        seconds = f"{time:.2f} s   " if self._clock.unit == "s" else ""
        self._readout.setText(f"{seconds}frame {frame}")

    def _on_click(self, event: MouseClickEvent) -> None:
        """Seek; a double click shows the whole recording."""
        if self._clock is None or not self._rows or event.button() != Qt.MouseButton.LeftButton:
            return
        view = self._rows[0].view
        if event.double():
            view.setXRange(self._clock.edges[0], self._clock.edges[-1], padding=0)
            return
        if event.scenePos().x() < view.sceneBoundingRect().left():
            return
        time = view.mapSceneToView(event.scenePos()).x()
        self._workspace.movie.seek(self._clock.frame_at(time))
