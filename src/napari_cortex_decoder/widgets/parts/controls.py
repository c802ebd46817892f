"""Buttons and rows as the sections of the dock use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, Widget
from qtpy.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)


class ChoiceBox(ComboBox):
    """A field for one of a few values; it tells what somebody chooses and not what it shows.

    `choices` says what each value is called; a `wide` one takes the width that is left.
    """

    def __init__(
        self,
        tell: Callable[[Any], object] | None = None,
        choices: Mapping[Any, str] | None = None,
        *,
        wide: bool = False,
        **options: Any,
    ) -> None:
        self._offered = dict(choices or {})
        # a function, asked again whenever magicgui fills the box
        super().__init__(choices=lambda _: [(t, v) for v, t in self._offered.items()], **options)
        if tell is not None:
            self.changed.connect(tell)
        if wide:
            box = self.native
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(box.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def offer(self, choices: Mapping[Any, str]) -> None:
        """Offer other values."""
        before = self.native.currentData()
        with self.changed.blocked():
            for self._offered in ({}, dict(choices)):  # else those that stay would be the first
                self.reset_choices()
        if before in choices:
            self.show_value(before)

    def show_value(self, value: Any) -> None:
        """Show what is chosen; a value that is not on offer shows as nothing."""
        places = {known: place for place, known in enumerate(self._offered)}
        with self.changed.blocked():
            self.native.setCurrentIndex(places.get(value, -1))


class NumberBox(FloatSpinBox):
    """A field for a number, which tells what somebody enters and not what it is given to show."""

    def __init__(
        self,
        tell: Callable[[float], object] | None = None,
        *,
        low: float = 0.0,
        high: float = 10_000.0,
        decimals: int = 2,
        suffix: str = "",
        **options: Any,
    ) -> None:
        super().__init__(min=low, max=high, **options)
        self.native.setDecimals(decimals)
        self.native.setSuffix(suffix)
        if tell is not None:
            self.changed.connect(tell)

    def show_value(self, value: float) -> None:
        """Show a number without telling of it."""
        with self.changed.blocked():
            self.value = value


def switch(text: str, tell: Callable[[bool], object], tip: str = "") -> QCheckBox:
    """Make a box to tick, which tells when somebody does."""
    box = CheckBox(text=text, tooltip=tip)
    box.changed.connect(tell)
    return box.native  # type: ignore[no-any-return]


def fields(*parts: Widget) -> QWidget:
    """Put fields below each other, each beside its label."""
    form: Container[Any] = Container()
    form.extend(parts)  # only fields that come later have labels of one width
    form.margins = (0, 0, 0, 0)
    return form.native  # type: ignore[no-any-return]


def caption(text: str) -> QLabel:
    """Make a grey label that says what the field beside it is."""
    label = QLabel(text)
    label.setEnabled(False)
    return label


def button(text: str, then: Callable[[], object], tip: str = "") -> QPushButton:
    """Make a button that calls something without arguments."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda: then())
    return button


def menu_button(text: str) -> tuple[QPushButton, QMenu]:
    """Make a button that opens a menu, empty as yet."""
    opens = QPushButton(text)
    menu = QMenu(opens)
    menu.setToolTipsVisible(True)
    opens.setMenu(menu)
    return opens, menu


Part: TypeAlias = QWidget | Widget | None
"""What stands in a row or a column; None takes the space that is left."""


def row(*parts: Part) -> QWidget:
    """Put parts beside each other."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    put(line, *parts)
    return row


class Column(QWidget):
    """Parts below each other, without a margin."""

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(3)

    def add(self, *parts: Part) -> None:
        """Put parts at the end."""
        put(self.column, *parts)


def put(layout: QBoxLayout, *parts: Part) -> None:
    """Put parts at the end of a layout."""
    for part in parts:
        if part is None:
            layout.addStretch()
        else:
            layout.addWidget(part.native if isinstance(part, Widget) else part)


def enable(part: QWidget | Widget, obstacle: str | None, tip: str) -> None:
    """Enable a part, or say in its tool tip why not."""
    shown = part.native if isinstance(part, Widget) else part
    shown.setEnabled(obstacle is None)
    shown.setToolTip(obstacle or tip)


def whole_rows(table: QTableView, stretched: int, height: int = 20) -> None:
    """Let a table select whole rows, some px high, and give one column the room that is left."""
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(height)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
