"""The parts that all sections of the dock are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from magicgui.widgets import FileEdit
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_cortex_decoder.widgets.parts.controls import Part, put


class DockContent(QWidget):
    """What stands in one of napari's docks, and goes for good when the dock is closed.

    napari only takes the content out of a closed dock: it would live on, unseen and listening.
    """

    def event(self, event: QEvent | None) -> bool:
        """Look out for being taken out."""
        taken = event is not None and event.type() == QEvent.Type.ParentChange
        if taken and self.parent() is None:
            self.deleteLater()
        return bool(super().event(event))


class Section(QFrame):
    """A titled part of the dock that folds away; a tick and a few words tell that it is done.

    Not superqt's `QCollapsible`: that fixes the height of its content from the size hint, which
    cuts off texts that wrap. An `inner` one stands in another, and is folded at first.
    """

    def __init__(self, title: str, *, inner: bool = False) -> None:
        super().__init__()
        self.title = title  # what stands in its header
        self._header = QToolButton()
        self._header.setText(title.replace("&", "&&"))  # one alone would be a key of Qt's
        self._header.setCheckable(True)
        self._header.setChecked(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setArrowType(Qt.ArrowType.DownArrow)
        self._header.setAutoRaise(True)
        self._header.setStyleSheet("font-weight: bold; border: none; background: transparent;")
        self._header.toggled.connect(self.set_expanded)
        self.folded = self._header.clicked  # by somebody, not by the program
        self._tick = QLabel()
        self._summary = QElidingLabel()
        self._summary.setEnabled(False)
        policy = QSizePolicy.Policy
        self._summary.setSizePolicy(policy.Ignored, policy.Preferred)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._header)
        line.addWidget(self._tick)
        line.addWidget(self._summary, stretch=1)
        self._body = QFrame()
        self.content = QVBoxLayout(self._body)
        self.content.setContentsMargins(*((10, 2, 0, 8) if inner else (20, 2, 4, 10)))
        self.content.setSpacing(6)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(line)
        whole.addWidget(self._body)
        if inner:
            self.set_expanded(False)

    def add(self, *parts: Part) -> None:
        """Put parts below each other into the content."""
        put(self.content, *parts)

    @property
    def expanded(self) -> bool:
        """Whether its content is shown."""
        return bool(self._header.isChecked())

    def set_expanded(self, expanded: bool) -> None:
        """Show the content, or only the header."""
        self._header.setChecked(expanded)
        arrow = Qt.ArrowType.DownArrow if expanded else Qt.ArrowType.RightArrow
        self._header.setArrowType(arrow)
        self._body.setVisible(expanded)

    def set_done(self, summary: str | None) -> None:
        """Tick the section off with a few words; None takes the tick away."""
        self._tick.setText("" if summary is None else "✓")
        self._summary.setText(summary or "")


class Said(QLabel):
    """A label that takes as many lines as it needs, and whose text can be copied."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = self.sizePolicy()  # changed, not replaced: it knows that height follows width
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        policy.setVerticalPolicy(QSizePolicy.Policy.Minimum)
        self.setSizePolicy(policy)

    def say(self, text: str | None) -> None:
        """Show a text, or nothing at all."""
        self.setText(text or "")
        self.setVisible(bool(text))


def bring_into_sight(part: QWidget, around: int = 0) -> None:
    """Scroll the dock to a part of it, with some pixels around it, once all have their height."""
    scroll: QWidget | None = part
    while scroll is not None and not isinstance(scroll, QScrollArea):
        scroll = scroll.parentWidget()
    if scroll is not None:
        later = QTimer(scroll)  # which goes with it
        later.setSingleShot(True)
        later.timeout.connect(partial(scroll.ensureWidgetVisible, part, 0, around))
        later.timeout.connect(later.deleteLater)
        later.start(0)


def changing_text() -> QLineEdit:
    """Make a line for what changes all the while: a label's text would lay out the window anew."""
    line = QLineEdit()
    line.setReadOnly(True)
    line.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    line.setStyleSheet("background: transparent; border: none;")
    return line


def warned(warnings: Iterable[str]) -> str:
    """Return warnings as they are shown, a line each."""
    return "\n".join(f"⚠ {text}" for text in warnings)


_FOLDER = "cortex-decoder/folder"
"""Property of a viewer's window: where its dialogs begin."""


def begin_dialogs_beside(window: QWidget, path: Path | None) -> None:
    """Let dialogs of a viewer's window begin in the folder of a file, such as its movie."""
    window.setProperty(_FOLDER, None if path is None else str(path.parent))


class FileField(FileEdit):
    """A field for a file, whose dialog blocks nothing and begins where others do."""

    def _on_choose_clicked(self) -> None:
        ask_file(
            self.native, self.choose_btn.text, self.filter or "",
            lambda path: setattr(self, "value", path),
        )  # fmt: skip


def ask_files(parent: QWidget, title: str, pattern: str, then: Callable[[list[str]], None]) -> None:
    """Ask for existing files, as `ask_file` does for one."""
    dialog = _dialog(parent, title, pattern)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.filesSelected.connect(then)
    dialog.open()


def ask_file(
    parent: QWidget,
    title: str,
    pattern: str,
    then: Callable[[str], None],
    *,
    save_as: str | None = None,
    mode: QFileDialog.FileMode = QFileDialog.FileMode.ExistingFile,
) -> None:
    """Ask for a file in a window of its own, which blocks nothing; call `then` if one is chosen.

    `pattern` are Qt's name filters, divided by ``;;``. `save_as` proposes the name of a file to
    write, with its suffix, which follows the chosen kind of file; None is to choose what exists: a
    file, or a folder, as `mode` has it.
    """
    dialog = _dialog(parent, title, pattern)
    if save_as is None:
        dialog.setFileMode(mode)
    else:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.filterSelected.connect(lambda kind: _propose(dialog, kind))
        dialog.selectFile(save_as)
        _propose(dialog, pattern)
    dialog.fileSelected.connect(then)
    dialog.open()


def _dialog(parent: QWidget, title: str, pattern: str) -> QFileDialog:
    window: QWidget = parent
    while (above := window.parentWidget()) is not None:  # a dock may float
        window = above
    # without a folder Qt begins where another window's dialog has ended
    dialog = QFileDialog(parent, title, window.property(_FOLDER) or str(Path.cwd()))
    dialog.setNameFilter(pattern)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog


def _propose(dialog: QFileDialog, kind: str) -> None:
    """Let the proposed name end as the chosen kind of file, such as ``Tables (*.csv)``, does."""
    suffixes = re.findall(r"\*(\.\w+)", kind)
    chosen = Path(dialog.selectedFiles()[0])
    if suffixes and chosen.suffix.lower() not in suffixes:
        dialog.selectFile(f"{chosen.stem if chosen.suffix else chosen.name}{suffixes[0]}")
    dialog.setDefaultSuffix(suffixes[0] if suffixes else "")
