"""The row *Save as…* of the section *Recording*."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.controls import button, enable, row
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import ask_file
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.saving_model import SavingModel

_KINDS = "NWB (*.nwb);;OME-Zarr (*.zarr);;TIFF (*.tif *.tiff)"
_KINDS_OF_TRACES = "NWB (*.nwb);;Table (*.csv)"


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
        """Ask where to write, and as what."""
        recording = self._movie.recording
        if recording is not None:
            kinds = _KINDS if recording.traces is None else _KINDS_OF_TRACES
            name = f"{recording.name}.nwb"
            ask_file(self, "Save the recording", kinds, self._saving.save, save_as=name)
