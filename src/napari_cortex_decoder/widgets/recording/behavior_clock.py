"""What the section *Recording* asks about a behaviour file that does not fit the movie's clock."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_cortex_decoder.recording.behavior.alignment import ClockOptions
from napari_cortex_decoder.widgets.parts.controls import NumberBox, button, caption, row
from napari_cortex_decoder.widgets.parts.section import wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


class BehaviorClockForm(QWidget):
    """Asks how the clock of a refused behaviour file runs; hidden while there is none."""

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._question = wrapped_label()
        self._lists = QComboBox()
        self._rate = NumberBox(high=1e6, decimals=3, suffix=" Hz")
        self._rate.setSpecialValueText("as in the file")
        self._offset = NumberBox(low=-1e6, high=1e6, decimals=3, suffix=" s")
        self._first = QSpinBox()
        self._first.setRange(-(10**8), 10**8)
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        self._form.setVerticalSpacing(3)
        for title, field, tip in (
            ("frame times", self._lists, "Which of the file's lists are this movie's frame times"),
            ("rate", self._rate, "Samples a second, of traces that come without times"),
            ("offset", self._offset, "Seconds to add to the file's times"),
            ("first frame", self._first, "The number that the file gives to the first frame"),
        ):
            field.setToolTip(tip)
            self._form.addRow(caption(title), field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._question)
        column.addLayout(self._form)
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
        self._lists.clear()
        self._lists.addItems(refused.frame_times)
        self._form.setRowVisible(self._lists, bool(refused.frame_times))
        self._rate.setValue(0)
        self._offset.setValue(0)
        self._first.setValue(0)

    def _add(self) -> None:
        refused = self._movie.refused
        if refused is None:
            return
        clock: ClockOptions = {"offset": self._offset.value(), "first_frame": self._first.value()}
        if self._rate.value():
            clock["rate"] = self._rate.value()
        if refused.frame_times:
            clock["frame_times"] = self._lists.currentText()
        self._movie.add_behavior(refused.path, **clock)

    def _leave_out(self) -> None:
        self._movie.dismiss_behavior()
