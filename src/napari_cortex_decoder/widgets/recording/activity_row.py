"""The switch *Activity* of the section *Recording*."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.controls import enable, switch
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.activity_model import ActivityModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


class ActivityRow(QWidget):
    """Shows an `ActivityModel`."""

    def __init__(self, movie: MovieModel, activity: ActivityModel) -> None:
        super().__init__()
        self._movie, self._activity = movie, activity
        self._switch = switch("Show activity (ΔF/F in %)", activity.switch)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._switch)
        ties = Ties()
        ties.tie(self._update, movie.events.recording, activity.events.on)
        ties.undo_with(self)
        self._update()

    def _update(self) -> None:
        none = None if self._movie.recording is not None else "Open a recording first"
        tip = "How far each pixel is from its own mean; a raw movie looks like a still picture"
        enable(self._switch, none, tip)
        self._switch.setChecked(self._activity.on)
