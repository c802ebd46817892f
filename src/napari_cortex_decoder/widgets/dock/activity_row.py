"""The switch *Activity* of the section *Recording*."""

from __future__ import annotations

from napari_cortex_decoder.widgets.parts.controls import Column, enable, switch
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace


class ActivityRow(Column):
    """Shows an `ActivityModel`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._movie, self._activity = workspace.movie, workspace.activity
        self._switch = switch("Show activity (ΔF/F in %)", self._activity.switch)
        self.add(self._switch)
        follow(self, self._update, self._movie.events.recording, self._activity.events.on)

    def _update(self) -> None:
        none = None if self._movie.recording is not None else "Open a recording first"
        tip = "How far each pixel is from its own mean; a raw movie looks like a still picture"
        enable(self._switch, none, tip)
        self._switch.setChecked(self._activity.on)
