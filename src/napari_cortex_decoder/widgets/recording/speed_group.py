"""The group *Run and rest from speed* of the section *Recording*."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.widgets.parts.controls import NumberBox, button, caption, row
from napari_cortex_decoder.widgets.parts.section import Section, set_or_hide, wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.speed_model import BEHAVIORS, SpeedModel

_OF_VOLTS = (
    "is in volts. What is the treadmill's gain?",
    " cm/s per V",
    2,
    "Speed is how far the voltage is from its median, times this",
)
_OF_COUNTS = (
    "counts the wheel's steps. How far does the animal go in one?",
    " cm per count",
    5,
    "Speed is how far it went between two samples; a counter that starts over is put right",
)


class SpeedGroup(Section):
    """Shows a `SpeedModel`; there is nothing to see of it without a speed."""

    def __init__(self, movie: MovieModel, speed: SpeedModel) -> None:
        super().__init__("Run and rest from speed")
        self.content.setContentsMargins(10, 2, 0, 8)
        self._speed = speed
        self._compose()
        self.set_expanded(False)
        ties = Ties()
        ties.tie(self._update, movie.events.recording, speed.events)
        ties.undo_with(self)
        self._update()

    def _compose(self) -> None:
        self._labelling = QCheckBox("Label run and rest by speed")
        self._labelling.toggled.connect(self._speed.set_labelling)
        self._settings = QWidget()
        form = QFormLayout(self._settings)
        form.setContentsMargins(22, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        self._run = self._box(form, "run above", self._speed.set_threshold)
        self._rest = self._box(form, "rest below", self._speed.set_stop_threshold)
        self._shortest = self._box(form, "shortest bout", self._speed.set_shortest_bout)
        self._shortest.setSuffix(" s")
        self._rest.setToolTip(
            "Between the two thresholds the animal goes on with what it did: a speed that hovers "
            "at one of them does not flicker"
        )
        self._shortest.setToolTip("Shorter bouts join those around them")
        self._question = wrapped_label()
        self._factor = NumberBox(low=-10_000)
        self._factor.setValue(1)
        self._make = button("Make speed", lambda: self._speed.make_speed(self._factor.value()))
        self._making = row(self._factor, self._make, None)
        for part in (self._question, self._making, self._labelling, self._settings):
            self.content.addWidget(part)

    def _box(self, form: QFormLayout, title: str, tell: Callable[[float], None]) -> NumberBox:
        box = NumberBox(tell, high=1000, step=0.1)
        form.addRow(caption(title), box)
        return box

    def _update(self) -> None:
        """Show the model's state, and what comes of it."""
        speed, trace, source = self._speed, self._speed.trace, self._speed.source
        self.setVisible(trace is not None or source is not None)
        self._making.setVisible(source is not None)
        if source is not None and source.unit == "V":
            asked, suffix, decimals, tip = _OF_VOLTS
        else:
            asked, suffix, decimals, tip = _OF_COUNTS
        set_or_hide(self._question, None if source is None else f"{source.name} {asked}")
        self._factor.setDecimals(decimals)
        self._factor.setSuffix(suffix)
        self._make.setToolTip(tip)
        self._labelling.setVisible(trace is not None)
        self._labelling.setChecked(speed.labelling)
        self._settings.setVisible(speed.labelling)
        unit = (trace.unit if trace is not None else "") or "cm/s"
        for box, value in (
            (self._run, speed.threshold),
            (self._rest, speed.stop_threshold),
            (self._shortest, speed.shortest_bout),
        ):
            if box is not self._shortest:
                box.setSuffix(f" {unit}")
            box.show_value(value)
        self.set_done(_summary(speed.ethogram))


def _summary(labels: Ethogram | None) -> str | None:
    """Say how much of the recording is running, in how many bouts."""
    if labels is None:
        return None
    frames = labels.frames()
    known = int(np.count_nonzero(frames >= 0))
    if not known:
        return None
    share = np.count_nonzero(frames == BEHAVIORS.index("run")) / known
    n_bouts = sum(bout.behavior == "run" for bout in labels.bouts)
    bouts = "1 bout" if n_bouts == 1 else f"{n_bouts} bouts"
    return f"runs {share:.0%} of the time in {bouts}"
