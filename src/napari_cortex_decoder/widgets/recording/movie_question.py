"""What the section *Recording* asks about a file that does not say how to read it."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, button, caption, row
from napari_cortex_decoder.widgets.parts.section import wrapped_label
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_PIXELS = ("uint16", "uint8", "int16", "uint32", "int32", "float32", "float64", ">u2")
_LARGEST = 2**14  # rows or columns: no camera has more


class MovieQuestion(QWidget):
    """Asks which array is the movie, or how a raw one lies in its file; hidden while all is clear.

    Parameters
    ----------
    movie
        Is told the answer.
    """

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._question = wrapped_label()
        self._datasets = ChoiceBox(wide=True)
        self._rows, self._columns = QSpinBox(), QSpinBox()
        for box in (self._rows, self._columns):
            box.setRange(1, _LARGEST)
            box.setValue(512)
            box.setSuffix(" px")
        self._pixels = QComboBox()
        self._pixels.addItems(_PIXELS)
        self._pixels.setEditable(True)
        self._form = QFormLayout()
        self._form.setVerticalSpacing(3)
        self._raw = (self._rows, self._columns, self._pixels)
        for title, field, tip in (
            ("movie", self._datasets, "Which array of the file"),
            ("rows", self._rows, "Height of a frame"),
            ("columns", self._columns, "Width of a frame"),
            ("pixels", self._pixels, "Type of a number in the file, as NumPy names it"),
        ):
            field.setToolTip(tip)
            self._form.addRow(caption(title), field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._question)
        column.addLayout(self._form)
        column.addWidget(
            row(button("Open so", self._open), button("Leave it", movie.dismiss_movie), None)
        )
        ties = Ties()
        ties.tie(self._update, movie.events.unclear)
        ties.undo_with(self)
        self._update()

    def _update(self) -> None:
        """Ask about another file, or about none."""
        unclear = self._movie.unclear
        self.setVisible(unclear is not None)
        if unclear is None:
            return
        several = bool(unclear.datasets)
        name = unclear.paths[0].name
        self._question.setText(
            f"{name} holds several arrays. Which one is the movie?"
            if several
            else f"{name} does not say its shape. How do its frames lie in it?"
        )
        self._datasets.clear()
        self._datasets.addItems(unclear.datasets)
        self._form.setRowVisible(self._datasets, several)
        for field in self._raw:
            self._form.setRowVisible(field, not several)

    def _open(self) -> None:
        unclear = self._movie.unclear
        if unclear is None:
            return
        if unclear.datasets:
            self._movie.open_as(dataset=self._datasets.currentText())
        else:
            shape = (self._rows.value(), self._columns.value())
            self._movie.open_as(shape=shape, dtype=self._pixels.currentText().strip())
