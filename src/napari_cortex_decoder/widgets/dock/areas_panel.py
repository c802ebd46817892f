"""The lower part of the section *Atlas*: single areas and what they do over time."""

from __future__ import annotations

from qtpy.QtWidgets import QFrame, QLineEdit

from napari_cortex_decoder.widgets.dock.areas_table import AreasTable
from napari_cortex_decoder.widgets.parts.controls import (
    ChoiceBox,
    Column,
    NumberBox,
    button,
    enable,
    fields,
    row,
)
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import Said, ask_file
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_TABLE_HEIGHT = 190  # px


class AreasPanel(Column):
    """Shows an `AreasModel`, and sends it what the user selects."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._movie, self._areas = workspace.movie, workspace.areas
        self._compose(workspace)
        areas, recording = self._areas.events, self._movie.events.recording
        follow(self, self._update_behaviors, recording)
        follow(self, self._update_selected, areas.areas, areas.selected)
        follow(self, self._update_correlation, areas.correlations, now=False)
        follow(
            self, self._update_traces, recording, areas.areas, areas.selected, areas.traces,
            areas.progress, areas.message,
        )  # fmt: skip

    def _compose(self, workspace: Workspace) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search areas")
        self._search.setClearButtonEnabled(True)
        self._lasso = button("Lasso", self._areas.lasso_wanted.emit)
        self._clear = button("Clear", lambda: self._areas.select(()))
        self._table = AreasTable(workspace)
        self._table.setObjectName("areas")
        self._table.setFixedHeight(_TABLE_HEIGHT)
        self._search.textChanged.connect(self._table.search)
        self._compute = button("Compute traces", self._areas.compute)
        self._dark = NumberBox(
            lambda dark: self._areas.change(dark=dark), high=65_535, decimals=1,
            suffix=" counts", label="dark level",
            tooltip="What the camera reads without light: it is no fluorescence",
        )  # fmt: skip
        self._dark.native.setObjectName("dark level")
        self._cancel = button("Stop", self._areas.cancel)
        self._export = button("Export…", self._ask_table)
        self._progress = ProgressRow()
        self._message = Said()
        self._behaviors = ChoiceBox(
            lambda _: self._update_correlation(), wide=True, label="r: correlation with",
            tooltip="Whose correlation (Pearson's r) the table shows",
        )  # fmt: skip
        self._behaviors.native.setObjectName("behaviors")
        self._correlated = fields(self._behaviors)

        self.column.setSpacing(6)
        self.add(
            line, row(self._search, self._lasso, self._clear), self._table, self._correlated,
            fields(self._dark), row(self._compute, self._cancel, self._export), self._progress,
            self._message,
        )  # fmt: skip

    def _update_selected(self) -> None:
        unplaced = None if self._areas.areas else "Place the atlas first."
        tip = "Draw around areas on the movie; a click there selects one, Shift adds"
        enable(self._lasso, unplaced, tip)
        none = None if self._areas.selected else "No area is selected."
        enable(self._clear, none, "Select nothing")

    def _update_behaviors(self) -> None:
        """Offer what the recording has to correlate with."""
        names = self._areas.behaviors
        if self._behaviors.choices != names:
            self._behaviors.offer({name: name for name in names})
            self._update_correlation()
        self._correlated.setVisible(bool(names))

    def _update_correlation(self) -> None:
        found = self._areas.correlations
        self._table.show_correlation(None if found is None else found.get(self._behaviors.value))

    def _update_traces(self) -> None:
        """Show how far the traces are, or why there are none."""
        areas, progress = self._areas, self._areas.progress
        enable(self._compute, areas.obstacle, "Mean ΔF/F of every area, in one pass")
        idle = None if progress.running else "No traces are being computed."
        enable(self._cancel, idle, "Stop computing traces")
        no_traces = None if areas.traces is not None else "Compute the traces first."
        enable(self._export, no_traces, "Write the traces of all areas as CSV or NWB")
        self._progress.set(progress)
        unseen = areas.traces is not None and not areas.selected
        hint = "Select areas to see their traces on the timeline." if unseen else ""
        self._message.say(" ".join(filter(None, (areas.message, hint))))

    def _ask_table(self) -> None:
        recording = self._movie.recording
        name = "areas" if recording is None else f"{recording.name}_areas"
        ask_file(
            self, "Export the traces", "Tables (*.csv);;NWB (*.nwb)", self._areas.export,
            save_as=name,
        )  # fmt: skip
