"""Hands on the window: clicks and keys that go the way of the desktop's, and are counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QPushButton,
    QScrollArea,
    QToolButton,
    QTreeView,
    QWidget,
)

from napari_cortex_decoder.widgets.parts.section import Section

_LEFT = Qt.MouseButton.LeftButton


@dataclass
class Hands:
    """Clicks where a person would, on the whole window, and counts; scrolling is not counted.

    Attributes
    ----------
    qtbot
        To wait with.
    dock
        Whose sections are used.
    done
        What was clicked, pressed and typed; a word that is typed counts as one.
    """

    qtbot: QtBot
    dock: QWidget
    done: list[str] = field(default_factory=list)

    def click(self, within: type[QWidget], text: str) -> None:
        """Click the button of a part of the dock that says this."""
        buttons = self.dock.findChild(within).findChildren(QPushButton)
        (found,) = (one for one in buttons if one.text() == text and one.isVisible())
        self._click(found, text)

    def unfold(self, section: type[Section]) -> None:
        """Click the header of a section."""
        found = self.dock.findChild(section)
        assert not found.expanded
        self._click(found.findChild(QToolButton), found.title)
        assert found.expanded

    def choose(self, file: Path) -> None:
        """Double click a file in the dialog that is open, which begins in its folder."""
        dialog = self._dialog()
        files = dialog.findChild(QTreeView, "treeView")
        model = files.model()

        def place() -> object:
            rows = (model.index(row, 0, files.rootIndex()) for row in range(
                model.rowCount(files.rootIndex())
            ))  # fmt: skip
            return next((one for one in rows if one.data() == file.name), None)

        self.qtbot.waitUntil(lambda: place() is not None)
        files.scrollTo(place())
        self.qtbot.wait(50)
        at = files.viewport().mapTo(dialog, files.visualRect(place()).center())
        QTest.mouseDClick(dialog.windowHandle(), _LEFT, Qt.KeyboardModifier.NoModifier, at)
        self.done.append(file.name)

    def name(self, name: str) -> None:
        """Type a name in place of the one that the open dialog proposes, and press Enter."""
        window = self._dialog().windowHandle()
        for letter in name:
            QTest.keyClick(window, letter)
        QTest.keyClick(window, Qt.Key.Key_Return)
        self.done += [name, "Enter"]

    def _dialog(self) -> QFileDialog:
        self.qtbot.waitUntil(lambda: isinstance(QApplication.activeWindow(), QFileDialog))
        dialog = QApplication.activeWindow()
        assert isinstance(dialog, QFileDialog)
        return dialog

    def _click(self, button: QAbstractButton, text: str) -> None:
        scroll: QWidget | None = button
        while scroll is not None and not isinstance(scroll, QScrollArea):
            scroll = scroll.parentWidget()
        assert scroll is not None
        self.qtbot.waitUntil(lambda: button.isEnabled() and button.height() > 0)
        self.qtbot.wait(100)  # until all is laid out
        scroll.ensureWidgetVisible(button)
        self.qtbot.wait(50)
        window, middle = button.window(), QPoint(button.width() // 2, button.height() // 2)
        hit = QApplication.widgetAt(button.mapToGlobal(middle))
        assert hit is button, f"{text!r} is out of sight, behind {hit}"
        place = button.mapTo(window, middle)
        QTest.mouseClick(window.windowHandle(), _LEFT, Qt.KeyboardModifier.NoModifier, place)
        self.done.append(text)
