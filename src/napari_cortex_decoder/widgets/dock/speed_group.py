"""The group *Labels from a trace* of the section *Recording*."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import RunAndRest
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, NumberBox, button, row, switch
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import Said, Section
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

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

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Labels from a trace", inner=True)
        self._speed = workspace.speed
        self._labelling = switch("Label run and rest by speed", self._speed.set_labelling)
        self._form = Form(RunAndRest, self._speed.set)
        self._form.margins = (22, 0, 0, 0)
        self._traces = ChoiceBox(lambda name: self._speed.change(chosen=name))
        self._question = Said()
        self._factor = NumberBox(low=-10_000)
        self._factor.value = 1
        self._make = button("Make speed", lambda: self._speed.make_speed(self._factor.value))
        self._making = row(self._factor, self._make, None)
        self.add(self._question, self._making, self._traces, self._labelling, self._form)
        follow(self, self._update, workspace.movie.events.recording, self._speed.events)

    def _update(self) -> None:
        """Show the model's state, and what comes of it."""
        speed, trace, source = self._speed, self._speed.trace, self._speed.source
        self.setVisible(trace is not None or source is not None or bool(speed.others))
        self._traces.offer({"": "by the speed", **{name: f"by {name}" for name in speed.others}})
        self._traces.show_value(speed.chosen if speed.chosen in speed.others else "")
        self._traces.native.setVisible(bool(speed.others))
        below, above = speed.behaviors
        by = "" if speed.chosen in speed.others else " by speed"
        self._labelling.setText(f"Label {above} and {below}{by}")
        self._making.setVisible(source is not None)
        if source is not None and source.unit == "V":
            asked, suffix, decimals, tip = _OF_VOLTS
        else:
            asked, suffix, decimals, tip = _OF_COUNTS
        self._question.say(None if source is None else f"{source.name} {asked}")
        self._factor.native.setDecimals(decimals)
        self._factor.native.setSuffix(suffix)
        self._make.setToolTip(tip)
        self._labelling.setVisible(trace is not None)
        self._labelling.setChecked(speed.labelling)
        self._form.native.setVisible(speed.labelling)
        self._form.show_values(vars(speed.settings) | {"stop_threshold": speed.settings.low})
        self.set_done(_summary(speed.ethogram, above))


def _summary(labels: Ethogram | None, above: str) -> str | None:
    """Say how much of the recording is above the threshold, in how many bouts."""
    if labels is None:
        return None
    frames = labels.frames()
    known = int(np.count_nonzero(frames >= 0))
    if not known:
        return None
    share = np.count_nonzero(frames == 1) / known
    n_bouts = sum(bout.behavior == above for bout in labels.bouts)
    bouts = "1 bout" if n_bouts == 1 else f"{n_bouts} bouts"
    said = "runs" if above == "run" else above
    return f"{said} {share:.0%} of the time in {bouts}"
