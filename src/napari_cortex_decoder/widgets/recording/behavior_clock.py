"""What the section *Recording* asks about a behaviour file that does not fit the movie's clock."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cortex_decoder.recording.behavior.alignment import ClockOptions
from napari_cortex_decoder.widgets.parts.controls import button, row
from napari_cortex_decoder.widgets.parts.form import Form
from napari_cortex_decoder.widgets.parts.section import wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


class BehaviorClockForm(QWidget):
    """Asks how the clock of a refused behaviour file runs; hidden while there is none."""

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._question = wrapped_label()
        self._lists: tuple[str, ...] = ()
        self._clock: dict[str, Any] = {}
        self._form = Form(
            ClockOptions,
            self._clock.update,
            ("frame_times", "rate", "offset", "first_frame"),
            frame_times={"choices": lambda _: self._lists},
            rate={"min": 0, "none": "as in the file", "unit": "Hz", "decimals": 3},
            offset={"unit": "s", "decimals": 3},
            first_frame={"min": -(10**8)},
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._question)
        column.addWidget(self._form.native)
        column.addWidget(row(button("Add", self._add), button("Leave out", self._leave_out), None))
        ties = Ties()
        ties.tie(self._update, movie.events.refused)
        ties.undo_with(self)
        self._update()

    def _update(self) -> None:
        """Ask about another file, or about none."""
        refused = self._movie.refused
        self.setVisible(refused is not None)
        if refused is None:
            return
        self._question.setText(f"How does the clock of {refused.path.name} run?")
        self._lists = refused.frame_times
        first = self._lists[0] if self._lists else None
        self._clock |= {"rate": None, "offset": 0.0, "first_frame": 0, "frame_times": first}
        self._form.reset_choices()
        self._form.show_values(self._clock)
        self._form["frame_times"].visible = bool(self._lists)

    def _add(self) -> None:
        refused = self._movie.refused
        if refused is not None:
            given = {name: value for name, value in self._clock.items() if value is not None}
            self._movie.add_behavior(refused.path, **given)

    def _leave_out(self) -> None:
        self._movie.dismiss_behavior()
