"""A question whose answer is a number: what is asked, a field, a button."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.parts.controls import NumberBox, button, row
from napari_cortex_decoder.widgets.parts.section import wrapped_label


class NumberQuestion(QWidget):
    """Asks for a number; hidden while there is nothing to ask.

    Parameters
    ----------
    tell
        Called with the number once *Set* is pressed.
    low, high, decimals, suffix
        Of the field.
    """

    def __init__(
        self,
        tell: Callable[[float], None],
        *,
        low: float,
        high: float,
        decimals: int,
        suffix: str,
    ) -> None:
        super().__init__()
        self._text = wrapped_label()
        self._box = NumberBox(low=low, high=high, decimals=decimals, suffix=suffix)
        answer = button("Set", lambda: tell(self._box.value))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._text)
        column.addWidget(row(self._box, answer, None))
        self.ask(None)

    def ask(self, question: str | None) -> None:
        """Ask, or stop asking; what is in the field stays."""
        self._text.setText(question or "")
        self.setVisible(question is not None)

    def propose(self, value: float) -> None:
        """Put a value into the field."""
        self._box.value = value
