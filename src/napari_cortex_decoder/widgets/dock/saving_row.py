"""The row *Save as…* of the section *Recording*."""

from __future__ import annotations

from napari_cortex_decoder.widgets.parts.controls import Column, button, enable, row
from napari_cortex_decoder.widgets.parts.progress_row import ProgressRow
from napari_cortex_decoder.widgets.parts.section import ask_file
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_KINDS = "NWB (*.nwb);;OME-Zarr (*.zarr);;TIFF (*.tif *.tiff)"
_KINDS_OF_TRACES = "NWB (*.nwb);;Table (*.csv)"


class SavingRow(Column):
    """Shows a `SavingModel`, and asks where to write."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._movie, self._saving = workspace.movie, workspace.saving
        self._save = button("Save as…", self._ask)
        self._cancel = button("Cancel", self._saving.cancel)
        self._progress = ProgressRow()
        self.add(row(self._save, self._cancel, None), self._progress)
        follow(self, self._update, self._movie.events.recording, self._saving.events)

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
