"""What the section *Recording* asks about a file that does not say how to read it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import LineEdit

from napari_cortex_decoder.widgets.parts.controls import (
    ChoiceBox,
    Column,
    NumberBox,
    button,
    fields,
    row,
)
from napari_cortex_decoder.widgets.parts.section import Said, ask_file
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_PIXELS = ("uint16", "uint8", "int16", "uint32", "int32", "float32", "float64", ">u2")
_LARGEST = 2**14  # rows or columns: no camera has more


class MovieQuestion(Column):
    """Asks which array is the movie, how a raw one lies in its file, or what traces are of.

    Hidden while all is clear.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._movie = workspace.movie
        self._made = False  # once something is asked: the fields take a moment to make
        follow(self, self._update, self._movie.events.unclear)

    def _compose(self) -> None:
        self._made = True
        self._question = Said()
        self._datasets = ChoiceBox(wide=True, label="movie", tooltip="Which array of the file")
        size: dict[str, Any] = {"low": 1, "high": _LARGEST, "decimals": 0, "suffix": " px"}
        self._rows = NumberBox(**size, label="rows", value=512, tooltip="Height of a frame")
        self._columns = NumberBox(**size, label="columns", value=512, tooltip="Width of a frame")
        self._pixels = ChoiceBox(
            choices={name: name for name in _PIXELS}, label="pixels",
            tooltip="Type of a number in the file, as NumPy names it",
        )  # fmt: skip
        self._pixels.native.setEditable(True)
        self._names = LineEdit(
            label="areas",
            tooltip="A name a trace, as in MOs left, MOs right, …; or a file with a name a line",
        )
        self._raw = (self._rows, self._columns, self._pixels)
        self._from_file = button("From file…", self._ask_names)
        leave = button("Leave it", lambda: self._movie.change(unclear=None))
        self.add(self._question, fields(self._datasets, *self._raw, self._names))
        self.add(row(button("Open so", self._open), leave, None, self._from_file))

    def _update(self) -> None:
        """Ask about another file, or about none."""
        unclear = self._movie.unclear
        if unclear is not None and not self._made:
            self._compose()
        self.setVisible(unclear is not None)
        if unclear is None:
            return
        name = unclear.paths[0].name
        if unclear.traces:
            said = "holds traces. Which areas are they of, one after the other?"
        elif unclear.datasets:
            said = "holds several arrays. Which one is the movie?"
        else:
            said = "does not say its shape. How do its frames lie in it?"
        self._question.setText(f"{name} {said}")
        self._datasets.offer({name: name for name in unclear.datasets})
        self._datasets.visible = bool(unclear.datasets)
        self._names.visible = unclear.traces
        self._from_file.setVisible(unclear.traces)
        for field in self._raw:
            field.visible = not (unclear.datasets or unclear.traces)

    def _open(self) -> None:
        unclear = self._movie.unclear
        if unclear is None:
            return
        if unclear.traces:
            self._movie.open_as(areas=self._names.value)
        elif unclear.datasets:
            self._movie.open_as(dataset=self._datasets.value)
        else:
            shape = (int(self._rows.value), int(self._columns.value))
            self._movie.open_as(shape=shape, dtype=self._pixels.native.currentText().strip())

    def _ask_names(self) -> None:
        ask_file(
            self, "The names of areas, one a line", "Names (*.txt *.csv);;All files (*)",
            lambda file: setattr(self._names, "value", file),
        )  # fmt: skip
