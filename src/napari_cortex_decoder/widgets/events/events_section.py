"""The section *Around events*: which events, courses with their intervals, export."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from psygnal import SignalInstance
from qtpy.QtWidgets import QVBoxLayout

from napari_cortex_decoder.scoring.events import Around
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.events.events_model import EventsModel
from napari_cortex_decoder.widgets.parts.colors import TRACE, Color, palette_color
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, NumberBox, button, enable, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import (
    Section,
    ask_file,
    set_or_hide,
    wrapped_label,
)
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_KINDS = ";;".join(f"{kind.upper()} (*.{kind})" for kind in ("csv", "pdf", "svg", "png"))
_HEIGHT = 110  # px of a plot


class EventsSection(Section):
    """Shows an `EventsModel`; of areas those that are selected, else those that change most."""

    def __init__(
        self,
        movie: MovieModel,
        labels: LabelsModel,
        areas: AreasModel,
        events: EventsModel,
        decoded: SignalInstance,
        colors: Callable[[], dict[str, Color]],
    ) -> None:
        super().__init__("Around events")
        self._model, self._areas, self._colors = events, areas, colors
        self._event = ChoiceBox(events.choose, wide=True, label="event", tooltip="Around what")
        self._threshold = NumberBox(
            events.set_threshold, low=-1e6, high=1e6, decimals=3, label="threshold",
            tooltip="What the trace comes to from below",
        )  # fmt: skip
        self._form = Form(Around, events.set)
        for place, field in enumerate((self._event, self._threshold)):
            self._form.insert(place, field)
        self._run = button("Average", events.run)
        self._cancel = button("Cancel", events.cancel)
        self._save = button("Export…", self._ask_file)
        self._obstacle, self._said = wrapped_label(), wrapped_label()
        self._progress = ProgressRow()
        self._plots = QVBoxLayout()
        self.content.addWidget(self._form.native)
        self.content.addWidget(row(self._run, self._cancel, self._save, None))
        for part in (self._obstacle, self._progress, self._said):
            self.content.addWidget(part)
        self.content.addLayout(self._plots)
        ties = Ties()
        ties.tie(
            self._update, movie.events.recording, labels.events.ethogram, decoded, events.events
        )
        ties.tie(self._draw, events.events.result, areas.events.selected)
        ties.undo_with(self)
        self._update()

    def _update(self) -> None:
        """Show what can be asked, how far it is, or why nothing can be."""
        model = self._model
        self._event.offer({one: one for one in model.offered})
        self._event.show_value(model.event)
        self._threshold.visible = model.of_trace
        self._threshold.show_value(model.threshold)
        self._form.show_values(model.around)
        running = model.progress.running
        obstacle = "It is being averaged." if running else model.obstacle
        enable(self._run, obstacle, "Average traces, probability and movie around these events")
        set_or_hide(self._obstacle, None if running else obstacle)
        enable(self._cancel, None if running else "Nothing runs.", "Stop")
        enable(self._save, None if model.result else "There is no result yet.", "Table or figure")
        self._progress.set(model.progress)
        set_or_hide(self._said, model.message or None)
        n = 0 if model.result is None else model.result.average.frames.size
        self.set_done(f"{n} events" if n else None)

    def _draw(self) -> None:
        """Draw a plot a unit."""
        while (item := self._plots.takeAt(0)) is not None:
            item.widget().deleteLater()
        result = self._model.result
        if result is None:
            return
        average = result.average
        shown = average.shown([self._areas.areas[i].label for i in self._areas.selected])
        for unit in dict.fromkeys(average.units[i] for i in shown):
            plot = SmallPlot()
            plot.setFixedHeight(_HEIGHT)
            plot.left.setLabel(unit)
            plot.bottom.setLabel("s from the event")
            of_unit = [i for i in shown if average.units[i] == unit]
            names = []
            for place, i in enumerate(of_unit):
                color = self._color(average.names[i], place if len(of_unit) > 1 else None)
                names.append(f"<span style='color: rgb{color}'>{average.names[i]}</span>")
                x = average.seconds
                low, high = (pg.PlotDataItem(x, y[i]) for y in (average.low, average.high))
                if np.isfinite(average.low[i]).all():
                    band = pg.FillBetweenItem(low, high, brush=(*color, 60))
                    plot.view.addItem(band)
                plot.view.addItem(pg.PlotDataItem(x, average.mean[i], pen=pg.mkPen(color, width=2)))
            plot.view.addItem(pg.InfiniteLine(0, pen=pg.mkPen(TRACE, width=1)))
            legend = wrapped_label(", ".join(names))
            self._plots.addWidget(legend)
            self._plots.addWidget(plot)

    def _color(self, name: str, place: int | None) -> Color:
        of_behavior = self._colors().get(name.removeprefix("p(").removesuffix(")"))
        return of_behavior or (TRACE if place is None else palette_color(place))

    def _ask_file(self) -> None:
        result = self._model.result
        if result is not None:
            name = f"{result.name}_events.csv"
            ask_file(self, "Export", _KINDS, self._model.export, save_as=name)
