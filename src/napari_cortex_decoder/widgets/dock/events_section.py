"""The section *Around events*: which events, courses with their intervals, export."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout

from napari_cortex_decoder.scoring.events import Around
from napari_cortex_decoder.widgets.parts.colors import TRACE, Color, palette_color
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, NumberBox, button, enable, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot, seen
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_KINDS = ";;".join(f"{kind.upper()} (*.{kind})" for kind in ("csv", "pdf", "svg", "png"))
_HEIGHT = 110  # px of a plot


class EventsSection(Section):
    """Shows an `EventsModel`; of areas those that are selected, else those that change most."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Around events")
        self._workspace, self._areas = workspace, workspace.areas
        self._model = model = workspace.events
        self._event = ChoiceBox(
            lambda event: model.change(event=event), wide=True, label="event", tooltip="Around what"
        )
        self._threshold = NumberBox(
            lambda threshold: model.change(threshold=threshold), low=-1e6, high=1e6, decimals=3,
            label="threshold", tooltip="What the trace comes to from below",
        )  # fmt: skip
        self._form = Form(Around, model.set)
        for place, field in enumerate((self._event, self._threshold)):
            self._form.insert(place, field)
        self._run = button("Average", model.run)
        self._cancel = button("Cancel", model.cancel)
        self._save = button("Export…", self._ask_file)
        self._obstacle, self._said = Said(), Said()
        self._progress = ProgressRow()
        self._plots = QVBoxLayout()
        self.add(self._form, row(self._run, self._cancel, self._save, None))
        self.add(self._obstacle, self._progress, self._said)
        self.content.addLayout(self._plots)
        movie, labels = workspace.movie.events, workspace.labels.events
        cleaned, events = workspace.review.cleaned, model.events
        follow(self, self._update, movie.recording, labels.ethogram, cleaned, events)
        follow(self, self._draw, events.result, self._areas.events.selected, now=False)

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
        self._obstacle.say(None if running else obstacle)
        enable(self._cancel, None if running else "Nothing runs.", "Stop")
        enable(self._save, None if model.result else "There is no result yet.", "Table or figure")
        self._progress.set(model.progress)
        self._said.say(model.message)
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
            plot = SmallPlot("s from the event", unit)
            plot.setFixedHeight(_HEIGHT)
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
            plot.view.addItem(pg.InfiniteLine(0, pen=pg.mkPen(seen(TRACE), width=1)))
            legend = Said(", ".join(names))
            self._plots.addWidget(legend)
            self._plots.addWidget(plot)

    def _color(self, name: str, place: int | None) -> Color:
        of_behavior = self._workspace.behavior_colors.get(name.removeprefix("p(").removesuffix(")"))
        return seen(of_behavior or (TRACE if place is None else palette_color(place)))

    def _ask_file(self) -> None:
        result = self._model.result
        if result is not None:
            name = f"{result.name}_events.csv"
            ask_file(self, "Export", _KINDS, self._model.export, save_as=name)
