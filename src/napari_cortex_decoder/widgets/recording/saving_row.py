"""The row *Save as…* of the section *Recording*."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.controls import button, enable, row
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.saving_model import SavingModel

_KINDS = {"NWB (*.nwb)": ".nwb", "OME-Zarr (*.zarr)": ".zarr", "TIFF (*.tif *.tiff)": ".tif"}
_KINDS_OF_TRACES = {"NWB (*.nwb)": ".nwb", "Table (*.csv)": ".csv"}
"""What one can save as, and the suffix of a name without one."""


class SavingRow(QWidget):
    """Shows a `SavingModel`, and asks where to write."""

    def __init__(self, movie: MovieModel, saving: SavingModel) -> None:
        super().__init__()
        self._movie, self._saving = movie, saving
        self._save = button("Save as…", self._ask)
        self._cancel = button("Cancel", saving.cancel)
        self._progress = ProgressRow()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (row(self._save, self._cancel, None), self._progress):
            column.addWidget(part)
        ties = Ties()
        ties.tie(
            self._update, movie.events.recording, saving.events.progress, saving.events.message
        )
        ties.undo_with(self)
        self._update()

    def _update(self) -> None:
        saving, progress = self._saving, self._saving.progress
        enable(self._save, saving.obstacle, "Write what is shown; traces of areas as NWB or CSV")
        self._cancel.setVisible(progress.running)
        self._progress.set(progress, otherwise=saving.message)

    def _ask(self) -> None:
        """Ask where to write; a name without suffix gets the one of the chosen kind."""
        recording = self._movie.recording
        if recording is None:
            return
        dialog = QFileDialog(self, "Save the recording")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        kinds = _KINDS if recording.traces is None else _KINDS_OF_TRACES
        dialog.setNameFilters(list(kinds))
        dialog.filterSelected.connect(lambda kind: dialog.setDefaultSuffix(kinds[kind]))
        dialog.setDefaultSuffix(".nwb")
        dialog.selectFile(recording.name)
        dialog.fileSelected.connect(self._saving.save)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
