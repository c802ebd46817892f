"""The group *Fine-tune* of the section *Label & fine-tune*: start, curve, result card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QLabel

from napari_cortex_decoder.choices import DEPTHS
from napari_cortex_decoder.decoder.library import library_folder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.files import make_folder
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning.epoch import epoch_of
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.result import FineTuneResult, candidate_lines
from napari_cortex_decoder.widgets.parts.colors import BLUE, ORANGE, TRACE
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, Column, button, enable, row
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file, warned
from napari_cortex_decoder.widgets.parts.small_plot import SmallPlot, seen
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_HEIGHT = 130  # px of a plot

_ROWS = (
    ("AUC", "auc"),
    ("AUC, labels shifted", "shifted_auc"),
    ("AUC, another recording's labels", "permuted_auc"),
    ("AUC of the frame's mean", "global_mean_auc"),
    ("accuracy at .5", "accuracy"),
    ("always the commonest", "majority"),
    ("balanced accuracy", "balanced_accuracy"),
    ("bouts found (F1)", "bout_f1"),
    ("calibration error", "calibration_error"),
)


class TuningGroup(Section):
    """Shows a `TuningModel`."""

    def __init__(self, workspace: Workspace) -> None:
        self._tuning = workspace.tuning
        super().__init__("Fine-tune the decoder", inner=True)
        self._compose()
        labels, card = workspace.labels.events.ethogram, workspace.choice.events.card
        follow(self, self._update, labels, card, self._tuning.events)

    def _compose(self) -> None:
        tuning = self._tuning
        depths = {depth: said.partition(":")[0] for depth, said in DEPTHS.items()}
        self._depths = ChoiceBox(lambda depth: tuning.change(depth=depth), depths)
        self._start = button("Fine-tune", tuning.start)
        self._cancel = button("Cancel", tuning.cancel)
        self._obstacle, self._message = Said(), Said()
        self._about = Said()
        self._about.setEnabled(False)
        self._progress = ProgressRow()
        self._others, self._measured = Said(), Said()
        self._add = button("Add recording…", self._ask_recording)
        self._remove = button("Only this one", lambda: tuning.change(others=()))
        self._curve = _Plot("epoch", "loss")
        self._rising = _Plot("epoch", "AUC")
        self._card = QLabel()
        self._warnings = Said()
        self._reliability = _Plot("said", "came true")
        self._keep = button("Keep…", self._ask_keep)
        tip = "Keep it beside the other decoders, and decode this with it"
        self._again = button("Keep and decode again", tuning.keep, tip)
        self._discard = button("Discard", tuning.discard)
        tip = "From its last epoch, with the labels that it began with"
        self._go_on = button("Go on", tuning.go_on, tip)
        self._verdict = row(self._again, self._keep, self._go_on, self._discard, None)
        self.add(
            self._depths, row(self._start, self._cancel, None), self._about,
            row(self._add, self._remove, None), self._others, self._measured, self._obstacle,
            self._progress, self._curve, self._rising, self._card, self._reliability,
            self._warnings, self._verdict, self._message,
        )  # fmt: skip

    def showEvent(self, event: QShowEvent | None) -> None:
        """Show what would be held out, too."""
        super().showEvent(event)
        self._tuning.planning = self.expanded

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Show it no longer, such as in a section that was folded away."""
        super().hideEvent(event)
        self._tuning.planning = False

    def set_expanded(self, expanded: bool) -> None:
        """Show the content, and what would be held out."""
        super().set_expanded(expanded)
        self._tuning.planning = expanded and self.isVisible()

    def _update(self) -> None:
        """Show how far it is, what came of it, or why it cannot start."""
        tuning, running = self._tuning, self._tuning.progress.running
        if not tuning.planning:  # folded away; what can be learned from takes a moment to find out
            return
        obstacle = tuning.obstacle
        enable(self._start, obstacle, "Fit the chosen decoder to all these labels")
        enable(self._cancel, None if running else "Nothing is running", "Keep the best")
        self._depths.show_value(tuning.depth)
        self._about.say(DEPTHS[tuning.depth].partition(": ")[2].capitalize() + ".")
        self._obstacle.say(None if running else obstacle)
        self._message.say(tuning.message)
        idle = "A fine-tune is running" if running else None
        enable(self._add, idle, "Learn from another recording too, by the labels beside it")
        enable(self._remove, idle or (None if tuning.others else "No other was added"), "")
        names = ", ".join(other.recording.name for other in tuning.others)
        self._others.say(f"and from {names}" if names else None)
        if not running:
            self._measured.say(_measured_on(tuning.held_out, tuning.recordings))
        self._progress.set(tuning.progress)
        self._draw_curve()
        self._show(tuning.result)

    def _draw_curve(self) -> None:
        """Draw loss and AUC: of what learns faint, of what decides full, the base's as a line."""
        epochs = [epoch for event in self._tuning.told if (epoch := epoch_of(event))]
        for plot in (self._curve, self._rising):
            plot.setVisible(bool(epochs))
            plot.clear()
        for fold in sorted({epoch.fold for epoch in epochs}):
            own = [epoch for epoch in epochs if epoch.fold == fold]
            learned = [(one.epoch, one.loss) for one in own if one.loss is not None]
            self._curve.plot(*_columns(learned), pen=pg.mkPen(seen(TRACE), width=1))
            for plot, name in ((self._curve, "deciding_loss"), (self._rising, "deciding_auc")):
                decided = [(one.epoch, getattr(one, name)) for one in own]
                x, y = _columns([(at, value) for at, value in decided if value is not None])
                plot.plot(x, y, pen=pg.mkPen(seen(ORANGE), width=2))
                if x and x[0] == 0:
                    base = pg.mkPen(seen(BLUE), width=1, style=Qt.PenStyle.DashLine)
                    plot.plot([0, own[-1].epochs], [y[0], y[0]], pen=base)

    def _show(self, result: FineTuneResult | None) -> None:
        for part in (self._card, self._reliability, self._keep, self._again):
            part.setVisible(result is not None)
        cut_short = self._tuning.cut_short and not self._tuning.progress.running
        self._go_on.setVisible(cut_short)
        self._discard.setVisible(cut_short or result is not None)
        self._warnings.say(warned(() if result is None else result.warnings))
        if result is None:
            return
        self._card.setText(_card(result))
        self._reliability.clear()
        self._reliability.plot([0, 1], [0, 1], pen=pg.mkPen(seen(TRACE), width=1))
        for scores, color in ((result.before, seen(BLUE)), (result.after, seen(ORANGE))):
            bins = scores.reliability
            self._reliability.plot(
                [one.said for one in bins], [one.came_true for one in bins],
                pen=pg.mkPen(color, width=2), symbol="o", symbolSize=5, symbolBrush=color,
            )  # fmt: skip

    def _ask_recording(self) -> None:
        ask_file(self, "Another labelled recording", "Recordings (*)", self._tuning.add_recording)

    def _ask_keep(self) -> None:
        result = self._tuning.result
        if result is not None:
            library = make_folder(library_folder(), DecoderError)
            name = str(library / f"{result.decoder.name}.safetensors")
            kind = "Decoders (*.safetensors)"
            ask_file(self, "Keep the decoder", kind, self._tuning.keep, save_as=name)


def _measured_on(held_out: Sequence[HeldOut], recordings: Sequence[Recording]) -> str | None:
    """Say what is held out, in words."""
    parts = []
    for number in sorted({block.recording for block in held_out}):
        own = [block for block in held_out if block.recording == number]
        if number >= len(recordings):  # of a run that another window has begun
            parts.append("another recording")
        elif own[0].stop - own[0].start == recordings[number].n_frames:
            parts.append(f"all of {recordings[number].name}")
        else:
            count = f"{len(own)} {'stretch' if len(own) == 1 else 'stretches'}"
            shaded = ", shaded on the timeline" if number == 0 else ""
            parts.append(f"{count} of {recordings[number].name}{shaded}")
    return f"Measured on {', and '.join(parts)}." if parts else None


def _columns(points: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


class _Plot(Column):
    """A small plot, made when something is first drawn in it: making one takes 40 ms."""

    def __init__(self, x: str, y: str) -> None:
        super().__init__()
        self._titles = x, y
        self._plot: SmallPlot | None = None
        self.setFixedHeight(_HEIGHT)

    def clear(self) -> None:
        """Draw nothing any more."""
        if self._plot is not None:
            self._plot.view.clear()

    def plot(self, *args: Any, **kwargs: Any) -> None:
        """Draw one more curve, as pyqtgraph's `PlotDataItem` takes it."""
        if self._plot is None:
            self._plot = SmallPlot(*self._titles)
            self.add(self._plot)
        self._plot.view.addItem(pg.PlotDataItem(*args, **kwargs))


def _in_short(result: FineTuneResult) -> str:
    """Say in one sentence whether the new decoder is worth keeping."""
    before, after = result.before.auc, result.after.auc
    if before is None or after is None:
        return "What was held out has too few behaviors for a verdict."
    null = result.after.shifted_auc
    beside = f"; {null:.2f} with the labels shifted" if null is not None else ""
    if after <= before + 0.005:
        return f"No better than before: AUC {after:.2f}, was {before:.2f}{beside}."
    return f"Better: AUC {after:.2f}, was {before:.2f}{beside}."


def _card(result: FineTuneResult) -> str:
    """Write the scores as a table, and what was taken for what."""
    lines = [f"<b>{_in_short(result)}</b>", f"on {result.after.frames} held-out frames"]
    colored = (("before", seen(BLUE)), ("after", seen(ORANGE)))  # as in the plot below
    heads = "".join(f"<td style='color: rgb{color}'>&nbsp;{name}</td>" for name, color in colored)
    cells = f"<tr><td></td>{heads}</tr>"
    for title, name in _ROWS:
        before, after = getattr(result.before, name), getattr(result.after, name)
        if after is not None:
            cells += (
                f"<tr><td>{title}</td><td>&nbsp;{before:.3f}</td><td>&nbsp;{after:.3f}</td></tr>"
            )
    lines.append(f"<table>{cells}</table>")
    if result.candidates:
        lines.append("<b>compared inside what was learned from</b>")
        lines += [f"{text}" for text in candidate_lines(result.candidates)]
    names = result.decoder.behaviors
    for name, counts in zip(names, result.after.confusion, strict=True):
        read = ", ".join(f"{n} as {other}" for other, n in zip(names, counts, strict=True))
        lines.append(f"{name}: {read}")
    return "<br>".join(lines)
