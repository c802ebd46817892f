"""Fields for the settings of a preprocessing step: each shows one value and tells of changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtWidgets import QLabel, QSpinBox, QWidget

from napari_cortex_decoder.widgets.parts.controls import ChoiceBox, NumberBox, button, row
from napari_cortex_decoder.widgets.parts.section import ask_file

Changed = Callable[[Any], None]


class Field(Protocol):
    """What shows one setting."""

    widget: QWidget

    def show(self, value: Any) -> None:
        """Show a value, without telling of it."""


class Number:
    """A number in a spin box.

    Parameters
    ----------
    tell
        Called with a number that the user has entered.
    low, high, step, decimals, suffix
        Of the spin box; without decimals it is a whole number.
    none
        What to show in place of the lowest value, which stands for None; empty if none does.
    """

    def __init__(
        self,
        tell: Changed,
        *,
        low: float,
        high: float,
        step: float = 1.0,
        decimals: int = 0,
        suffix: str = "",
        none: str = "",
    ) -> None:
        self._none, self._low, self._whole = none, low, decimals == 0
        self.widget = NumberBox(
            lambda value: tell(self._told(value)),
            low=low,
            high=high,
            step=step,
            decimals=decimals,
            suffix=suffix,
        )
        self.widget.setSpecialValueText(none)
        self.widget.setKeyboardTracking(False)  # half a number is none

    def show(self, value: float | None) -> None:
        """Show a value, without telling of it."""
        self.widget.show_value(self._low if value is None else value)

    def _told(self, value: float) -> float | None:
        if self._none and value == self._low:
            return None
        return int(value) if self._whole else value


class Span:
    """A stretch of rows, columns or frames, from the first one to the one after the last."""

    def __init__(self, tell: Changed) -> None:
        self._tell = tell
        self._first, self._stop = QSpinBox(), QSpinBox()
        for box in (self._first, self._stop):
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._changed)
        self.widget = row(self._first, QLabel("to"), self._stop, None)
        self.set_size(1)

    def set_size(self, size: int) -> None:
        """Say how many there are."""
        self._size = size
        self._set((0, size))

    def show(self, value: tuple[int, int] | None) -> None:
        """Show a value, without telling of it."""
        self._set(value or (0, self._size))

    def _set(self, value: tuple[int, int]) -> None:
        first, stop = value
        for box, low, high, shown in (
            (self._first, 0, stop - 1, first),
            (self._stop, first + 1, self._size, stop),
        ):
            was_blocked = box.blockSignals(True)
            box.setRange(low, high)
            box.setValue(shown)
            box.blockSignals(was_blocked)

    def _changed(self) -> None:
        value = self._first.value(), self._stop.value()
        self._set(value)
        self._tell(None if value == (0, self._size) else value)


class Choice:
    """One of a few, each with what to call it."""

    def __init__(self, tell: Changed, choices: dict[str, str]) -> None:
        self.widget = ChoiceBox(tell, choices)

    def show(self, value: str) -> None:
        """Show a value, without telling of it."""
        self.widget.show_value(value)


class File:
    """A file to choose."""

    def __init__(self, tell: Changed, title: str, pattern: str) -> None:
        self._name = QLabel()
        choose = button("Choose…", lambda: ask_file(self.widget, title, pattern, self._chosen))
        self.widget = row(self._name, choose, None)
        self._tell = tell

    def show(self, value: Path | None) -> None:
        """Show a value, without telling of it."""
        self._name.setText("" if value is None else value.name)
        self._name.setVisible(value is not None)
        self._name.setToolTip("" if value is None else str(value))

    def _chosen(self, path: str) -> None:
        self._tell(Path(path))
