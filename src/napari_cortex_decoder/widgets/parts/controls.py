"""Buttons and rows as the sections of the dock use them."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)


def wide_box() -> QComboBox:
    """Make a combo box that takes the width that is left."""
    box = QComboBox()
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


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
