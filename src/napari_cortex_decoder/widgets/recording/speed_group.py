"""The group *Run and rest from speed* of the section *Recording*."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.widgets.parts.controls import button, caption, row
from napari_cortex_decoder.widgets.parts.section import Section, set_or_hide, wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.speed_model import BEHAVIORS, SpeedModel


class SpeedGroup(Section):
    """Shows a `SpeedModel`; there is nothing to see of it without a speed."""

    def __init__(self, movie: MovieModel, speed: SpeedModel) -> None:
        super().__init__("Run and rest from speed")
        self.content.setContentsMargins(10, 2, 0, 8)
        self._speed = speed
        self._compose()
        self.set_expanded(False)
        ties = Ties()
        ties.tie(
            self._update,
            movie.events.recording,
            speed.events.labelling,
            speed.events.ethogram,
            speed.events.threshold,
            speed.events.stop_threshold,
            speed.events.shortest_bout,
        )
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
        self._volts = wrapped_label()
        self._gain = QDoubleSpinBox()
        self._gain.setRange(-10_000, 10_000)
        self._gain.setValue(1)
        self._gain.setSuffix(" cm/s per V")
        make = button("Make speed", lambda: self._speed.make_speed(self._gain.value()))
        make.setToolTip("Speed is how far the voltage is from its median, times this")
        self._making = row(self._gain, make, None)
        for part in (self._volts, self._making, self._labelling, self._settings):
            self.content.addWidget(part)

    def _box(self, form: QFormLayout, title: str, tell: object) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0, 1000)
        box.setDecimals(2)
        box.setSingleStep(0.1)
        box.valueChanged.connect(tell)
        form.addRow(caption(title), box)
        return box

    def _update(self) -> None:
        """Show the model's state, and what comes of it."""
        speed, trace = self._speed, self._speed.trace
        volts = speed.volts if trace is None else None
        self.setVisible(trace is not None or volts is not None)
        set_or_hide(
            self._volts,
            None if volts is None else f"{volts.name} is in volts. What is the treadmill's gain?",
        )
        self._making.setVisible(volts is not None)
        self._labelling.setVisible(trace is not None)
        self._labelling.setChecked(speed.labelling)
        self._settings.setVisible(speed.labelling)
        unit = (trace.unit if trace is not None else "") or "cm/s"
        for box, value in (
            (self._run, speed.threshold),
            (self._rest, speed.stop_threshold),
            (self._shortest, speed.shortest_bout),
        ):
            was_blocked = box.blockSignals(True)
            if box is not self._shortest:
                box.setSuffix(f" {unit}")
            box.setValue(value)
            box.blockSignals(was_blocked)
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
