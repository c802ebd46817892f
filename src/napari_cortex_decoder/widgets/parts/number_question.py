"""A question whose answer is a number: what is asked, a field, a button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_cortex_decoder.widgets.parts.controls import Column, NumberBox, button, row
from napari_cortex_decoder.widgets.parts.section import Said


class NumberQuestion(Column):
    """Asks for a number; hidden while there is nothing to ask.

    `tell` gets the number once *Set* is pressed.
    """

    def __init__(self, tell: Callable[[float], None], **field: Any) -> None:
        super().__init__()
        self._text = Said()
        self._box = NumberBox(**field)
        answer = button("Set", lambda: tell(self._box.value))
        self.add(self._text, row(self._box, answer, None))
        self.ask(None)

    def ask(self, question: str | None) -> None:
        """Ask, or stop asking; what is in the field stays."""
        self._text.setText(question or "")
        self.setVisible(question is not None)

    def propose(self, value: float) -> None:
        """Put a value into the field."""
        self._box.value = value
