"""The section *Label & fine-tune*: behaviors, editing, files of labels, review, fine-tuning."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QLineEdit

from napari_cortex_decoder.labels import Format, Imported
from napari_cortex_decoder.labels.importing import SUFFIXES
from napari_cortex_decoder.widgets.dock.behaviors_table import BehaviorsTable
from napari_cortex_decoder.widgets.dock.review_group import ReviewGroup
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.labels.labelling_model import ERASER
from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, button, enable, row, switch
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.workspace import Workspace

_HELP = (
    "1–9 begin and end a bout at the slider, or paint while held; 0 erases. "
    "On the label row: drag paints the chosen behavior, drag a border moves it, right click for "
    "more. S splits, M merges with the next, A accepts, F flips, V verifies to the next uncertain "
    "bout, N goes to what to review next. Ctrl+Z undoes, Ctrl+Shift+Z redoes."
)
_SHOWN_ROWS = 6

_FORMATS = {
    Format.BOUTS: ("Bouts", "csv"),
    Format.FRAMES: ("Frames", "csv"),
    Format.BORIS_AGGREGATED: ("BORIS, aggregated", "csv"),
    Format.BORIS_TABULAR: ("BORIS, tabular", "tsv"),
    Format.DEEPETHOGRAM: ("DeepEthogram", "csv"),
    Format.NWB: ("NWB", "nwb"),
}


class LabelsSection(Section):
    """Shows the labels and how they are edited; keys label while its box is ticked."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Label & fine-tune")
        self._movie, tuning = workspace.movie, workspace.tuning
        self._labels, self._labelling = workspace.labels, workspace.labelling
        self._compose(workspace)
        self.set_expanded(False)
        events = self._movie.events.recording, self._labels.events, self._labelling.events
        follow(self, self._update, *events)
        found = tuning.progress.running or tuning.cut_short or tuning.result is not None
        follow(self, self._show_tuning, tuning.found, now=found)  # if found before this was built

    def _compose(self, workspace: Workspace) -> None:
        labels, labelling = self._labels, self._labelling
        self._obstacle = Said()
        self._reload = button("Look again", labels.reload)
        self._editing = switch("Label with keys and mouse", labelling.switch)
        self._help = Said(_HELP)
        self._help.setEnabled(False)
        self._table = BehaviorsTable(workspace)
        self._name = QLineEdit()
        self._name.setPlaceholderText("new behavior")
        self._name.returnPressed.connect(self._add)
        self._add_button = button("Add", self._add)
        self._color = button("Color…", self._table.pick_color)
        self._remove = button("Remove", self._table.remove)
        self._eraser = button(
            "Eraser", lambda: labelling.change(brush=ERASER), "Dragging makes frames unknown"
        )
        self._undo = button("Undo", labels.undo)
        self._redo = button("Redo", labels.redo)
        self._import = button("Import…", self._ask_import)
        self._formats = ChoiceBox(choices={form: title for form, (title, _) in _FORMATS.items()})
        self._export = button("Export…", self._ask_export)
        self._message = Said()
        self._unmatched = Said()
        self._tuning = TuningGroup(workspace)
        self.add(
            self._obstacle, self._reload, self._editing, self._help, self._table,
            row(self._name, self._add_button, self._color, self._remove),
            row(self._eraser, self._undo, self._redo, None),
            row(self._import, self._formats, self._export, None),
            self._message, self._unmatched, ReviewGroup(workspace), self._tuning,
        )  # fmt: skip

    def _update(self) -> None:
        """Show what is labelled, what can be done, and why not."""
        labels, labelling = self._labels, self._labelling
        obstacle = labels.obstacle
        there = self._movie.recording is not None
        self._obstacle.say(obstacle or labels.notice)
        self._reload.setVisible(there and obstacle is not None and obstacle == labels.notice)
        enable(self._editing, obstacle, "Keys and mouse change the labels while this is ticked")
        self._editing.setChecked(labelling.editing)
        self._help.setVisible(labelling.editing)
        self._table.setVisible(there)
        for part, tip in (
            (self._add_button, "Add a behavior on the first free key"),
            (self._color, "Choose the color of the chosen behavior"),
            (self._remove, "Remove the chosen behavior; its bouts become unknown"),
            (self._import, "Take labels of BORIS, DeepEthogram, CSV or NWB"),
        ):
            enable(part, obstacle, tip)
        enable(self._undo, None if labels.can_undo else "Nothing was edited", "Ctrl+Z")
        enable(self._redo, None if labels.can_redo else "Nothing was undone", "Ctrl+Shift+Z")
        anything = labels.labels is not None and bool(labels.labels.ethogram.bouts)
        enable(self._export, None if anything else "Nothing is labelled yet", "Write the labels")
        stroke = labelling.stroke
        painting = None if stroke is None else f"● {stroke.behavior or 'erasing'}"
        self._message.say(painting or labels.message)
        self._unmatched.say(_unmatched_text(labelling.imported))
        self.set_done(_summary(labels) if there else None)

    def _show_tuning(self) -> None:
        """Unfold what an earlier window has begun."""
        self.set_expanded(True)
        self._tuning.set_expanded(True)

    def _add(self) -> None:
        self._labelling.add_behavior(self._name.text().strip())
        self._name.clear()

    def _ask_import(self) -> None:
        pattern = f"Labels ({' '.join(f'*{suffix}' for suffix in SUFFIXES)})"
        ask_file(self, "Import labels", pattern, self._labelling.read)

    def _ask_export(self) -> None:
        form = self._formats.value
        title, suffix = _FORMATS[form]
        recording = self._movie.recording
        name = f"{recording.name if recording else 'recording'}-labels.{suffix}"
        write = partial(self._labelling.write, form=form)
        ask_file(self, "Export labels", f"{title} (*.{suffix})", write, save_as=name)


def _unmatched_text(imported: Imported | None) -> str | None:
    """Say what the last import leaves open, and list its rows that did not match."""
    if imported is None or not (imported.unmatched or imported.said):
        return None
    count = len(imported.unmatched)
    rows = [f"⚠ {sentence}" for sentence in imported.said]
    rows += [f"⚠ {count} {'row' if count == 1 else 'rows'} did not match:"] if count else []
    rows += [str(one) for one in imported.unmatched[:_SHOWN_ROWS]]
    more = count - _SHOWN_ROWS
    return "\n".join(rows + ([f"and {more} more"] if more > 0 else []))


def _summary(labels: LabelsModel) -> str | None:
    """Say in a few words how much is labelled."""
    if labels.labels is None or not labels.labels.ethogram.bouts:
        return None
    ethogram = labels.labels.ethogram
    starts, stops, _ = ethogram.arrays
    known = int((stops - starts).sum())
    n = len(ethogram.bouts)
    return f"{n} {'bout' if n == 1 else 'bouts'}, {known / ethogram.n_frames:.0%} of the frames"
