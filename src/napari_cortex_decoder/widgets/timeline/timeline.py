"""The timeline: speed, labels and what the decoder reads, on the slider's clock."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import pyqtgraph as pg
from napari import Viewer
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from napari_cortex_decoder.labels import ReviewItem
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.section import DockContent, changing_text
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.timeline.timeline_areas import AreaRow
from napari_cortex_decoder.widgets.timeline.timeline_items import DecodedStrip, Row, ThresholdLines
from napari_cortex_decoder.widgets.timeline.timeline_labels import LabelStrip, Marks
from napari_cortex_decoder.widgets.timeline.timeline_rows import Plot

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
        self._marks = Marks(self._workspace)
        self._compose()
        self._connect()
        self._update_rows()

    def sizeHint(self) -> QSize:
        """Ask for a height at which four rows can be read."""
        return QSize(900, 250)

    def _compose(self) -> None:
        self._readout = changing_text()
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
        self._plot = Plot(self._workspace, self._graphics)
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
        speed, labels = self._workspace.speed.events, self._workspace.labels.events
        review, tuning = self._workspace.review, self._workspace.tuning.events
        areas, editing = self._workspace.areas.events, self._workspace.labelling.events.editing
        for slot, signals in (
            (self._update_rows, (movie.events.recording, decode.events.prediction)),
            (self._update_rows, (self._viewer.events.theme, areas.traces, areas.selected)),
            (self._update_rows, (labels.ethogram, speed.labelling, editing)),
            (self._update_prediction, (decode.predicted,)),
            (self._update_labels, (speed.settings, labels.labels, labels.preview)),
            (self._update_decoded, (review.cleaned,)),
            (self._look_at_item, (review.events.item,)),
            (self._update_marks, (review.events.item, tuning.planning, tuning.result)),
            (self._update_marks, (tuning.others, self._workspace.choice.events.card)),
            (self._update_cursor, (movie.events.frame,)),
        ):
            follow(self, slot, *signals, now=False)

    @property
    def _clock(self) -> Clock | None:
        return self._plot.clock

    @property
    def _rows(self) -> list[Row]:
        return self._plot.rows

    def _update_rows(self) -> None:
        """Show another recording, other labels, or another prediction."""
        if self._plot.update(self._viewer.theme):
            self._update_cursor()
        self._pages.setCurrentIndex(1 if self._rows else 0)
        self._write_legend()
        self._update_labels()
        for area_row in self._plot.shown(AreaRow):
            area_row.update()
        prediction = self._workspace.decode.prediction
        if prediction is not None:
            self._update_prediction(0, len(prediction.probability))
        self._update_marks()

    def _write_legend(self) -> None:
        """Say which behavior has which color."""
        prediction, labels = self._workspace.decode.prediction, self._plot.labels
        names = (
            *(labels.behaviors if labels else ()),
            *(prediction.behaviors if prediction else ()),
        )
        colors = self._workspace.behavior_colors
        legend = "&nbsp; ".join(
            f"<span style='color: rgb{colors[n]}'>■</span> {escape(n)}"
            for n in dict.fromkeys(names)
        )
        if legend != self._legend.text():  # else it would lay out the window for nothing
            self._legend.setText(legend)

    def _update_labels(self) -> None:
        """Draw other labels, and the speeds that they are made by, in the rows that there are."""
        ethogram, speed = self._plot.labels, self._workspace.speed
        for lines in self._plot.shown(ThresholdLines):
            lines.show(speed.settings.threshold, speed.settings.low)
        for strip in self._plot.shown(LabelStrip):
            if ethogram is not None:
                strip.set_ethogram(ethogram, self._workspace.behavior_colors)
                if self._workspace.tuning.planning:
                    self._update_marks()

    def _update_decoded(self) -> None:
        """Draw the bouts that a whole prediction comes to."""
        decoded = self._workspace.review.decoded
        for strip in self._plot.shown(DecodedStrip):
            if decoded is not None and decoded.shape == strip.labels.shape:
                strip.labels[:] = decoded
                strip.update()

    def _update_marks(self) -> None:
        """Mark what the review queue led to, and what a fine-tune is measured on."""
        if self._clock is not None:
            self._marks.update(self._clock, self._rows, self._plot.text)

    def _look_at_item(self, item: ReviewItem | None) -> None:
        """Zoom to the stretch that the review queue led to, with as much before and after it."""
        if item is not None and self._clock is not None and self._rows:
            start, stop = (float(self._clock.edges[frame]) for frame in (item.start, item.stop))
            around = max(stop - start, _LEAST)
            self._rows[0].view.setXRange(start - around, stop + around, padding=0)

    def _update_prediction(self, start: int, stop: int) -> None:
        """Draw what the decoder has read in frames [start, stop)."""
        prediction = self._workspace.decode.prediction
        if prediction is None or self._clock is None:
            return
        part = replace(prediction, probability=prediction.probability[start:stop])
        for strip in self._plot.shown(DecodedStrip):
            strip.labels[start:stop] = part.labels()
            strip.update()
        self._update_decoded()
        for curves in self._plot.shown(dict):
            for column, curve in curves.items():
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
