"""Buttons and rows as the sections of the dock use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)


class ChoiceBox(QComboBox):
    """A field for one of a few values; it tells what somebody chooses and not what it shows.

    Parameters
    ----------
    tell
        Called with a value that somebody has chosen.
    choices
        What each value is called.
    wide
        Whether it takes the width that is left.
    """

    def __init__(
        self,
        tell: Callable[[Any], object] | None = None,
        choices: Mapping[Any, str] | None = None,
        *,
        wide: bool = False,
    ) -> None:
        super().__init__()
        self.offer(choices or {})
        if tell is not None:
            self.activated.connect(lambda index: tell(self.itemData(index)))
        if wide:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.setMinimumContentsLength(8)
            self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def offer(self, choices: Mapping[Any, str]) -> None:
        """Offer other values."""
        self.clear()
        for value, text in choices.items():
            self.addItem(text, value)

    def show_value(self, value: Any) -> None:
        """Show what is chosen."""
        self.setCurrentIndex(self.findData(value))


class NumberBox(QDoubleSpinBox):
    """A field for a number, which tells what somebody enters and not what it is given to show."""

    def __init__(
        self,
        tell: Callable[[float], object] | None = None,
        *,
        low: float = 0.0,
        high: float = 10_000.0,
        step: float = 1.0,
        decimals: int = 2,
        suffix: str = "",
    ) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setSuffix(suffix)
        if tell is not None:
            self.valueChanged.connect(tell)

    def show_value(self, value: float) -> None:
        """Show a number without telling of it."""
        was_blocked = self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(was_blocked)


def caption(text: str) -> QLabel:
    """Make a grey label that says what the field beside it is."""
    label = QLabel(text)
    label.setEnabled(False)
    return label


def button(text: str, then: Callable[[], None]) -> QPushButton:
    """Make a button that calls something without arguments."""
    button = QPushButton(text)
    button.clicked.connect(lambda: then())
    return button


def menu_button(text: str) -> tuple[QPushButton, QMenu]:
    """Make a button that opens a menu, empty as yet."""
    opens = QPushButton(text)
    menu = QMenu(opens)
    menu.setToolTipsVisible(True)
    opens.setMenu(menu)
    return opens, menu


def row(*parts: QWidget | None) -> QWidget:
    """Put parts beside each other; None takes the space that is left."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for part in parts:
        if part is None:
            line.addStretch()
        else:
            line.addWidget(part)
    return row


def enable(part: QWidget, obstacle: str | None, tip: str) -> None:
    """Enable a part, or say in its tool tip why not."""
    part.setEnabled(obstacle is None)
    part.setToolTip(obstacle or tip)
