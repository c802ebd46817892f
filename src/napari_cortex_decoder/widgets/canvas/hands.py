"""Keys that do the same wherever the focus is, but in a text field."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import isgenerator
from typing import cast
from weakref import ref

from app_model.backends.qt import qkeysequence2modelkeybinding
from napari import Viewer
from napari.utils.key_bindings import KeyBinding
from qtpy.QtCore import QEvent, QKeyCombination, QObject, Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_cortex_decoder.widgets.canvas.key_acts import ACTS, KINDS, Act, Keys
from napari_cortex_decoder.widgets.canvas.key_list import KeyList
from napari_cortex_decoder.widgets.parts.ties import Ties
from napari_cortex_decoder.widgets.workspace import Workspace

_ONE_PRESS = 50  # ms; X11 tells of a key that is held as of one let go and pressed again
_KINDS = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride)


class Hands(QObject):
    """Takes the keys of a viewer's window before the widget that has the focus does.

    Buttons, lists, sliders and plots all have their own use of Space and arrows, and layers have
    tools on digits; none of them gets a key that does something of ours at that moment.
    """

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        super().__init__()
        self._window = ref(viewer.window._qt_window)
        self._viewer = ref(viewer)
        self._keys = [kind(workspace) for kind in KINDS]
        self._held: dict[int, _Held] = {}
        self._ties = Ties()
        self._ties.tie(self._show_list, workspace.keys_wanted)
        self._ties.tie(self._hold_layers, workspace.labelling.events.editing)
        _app().installEventFilter(self)

    def close(self) -> None:
        """Take no more keys."""
        self._ties.undo()
        _app().removeEventFilter(self)
        self._held.clear()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take a key, or let it go where it would."""
        if event is None or event.type() not in _KINDS or not isinstance(watched, QWidget):
            return False
        press = cast("QKeyEvent", event)
        if event.type() == QEvent.Type.KeyRelease:
            held = self._held.get(press.key())
            if held is None:
                return False
            if not press.isAutoRepeat():
                held.up = _when(press)
                held.let_go.start()
        elif not self._is_ours(watched) or not self._press(press):
            return False
        event.accept()
        return True

    def _is_ours(self, widget: QWidget) -> bool:
        """Whether a key for a widget is meant for the viewer, not for a text, dialog or menu."""
        window, main = widget.window(), self._window()
        if main is None or window is None or isinstance(window, QDialog):
            return False
        if main not in (window, window.parentWidget()) or QApplication.activePopupWidget():
            return False  # a dock may float in a window of its own
        focus = QApplication.focusWidget()
        at = focus if focus is not None and widget.isAncestorOf(focus) else widget
        return not _takes_text(at)

    def _press(self, event: QKeyEvent) -> bool:
        """Do what a key is for; tell whether it is for anything."""
        found = self._act_of(_binding_of(event))
        if found is None or event.type() == QEvent.Type.ShortcutOverride:
            return found is not None
        act, keys = found
        key = event.key()
        held = self._held.get(key)
        if held is not None:
            # not by the timer alone: a busy window may hear late that it has ended
            soon = 0 <= _when(event) - held.up <= _ONE_PRESS
            again = event.isAutoRepeat() or (held.let_go.isActive() and soon)
            held.let_go.stop()
            if again and not act.repeats:
                return True
            self._release(key)
        elif event.isAutoRepeat() and not act.repeats:
            return True  # held since before it was ours
        step = act.do(keys.workspace)
        if isgenerator(step):
            next(step)
        self._held[key] = _Held(step if isgenerator(step) else None, self._timer(key))
        return True

    def _act_of(self, binding: KeyBinding) -> tuple[Act, Keys] | None:
        for keys in self._keys:
            if keys.active and binding in keys.class_keymap:
                return ACTS[keys.class_keymap[binding].__name__], keys
        return None

    def _timer(self, key: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_ONE_PRESS)
        timer.timeout.connect(lambda: self._release(key))
        return timer

    def _release(self, key: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            held.let_go.deleteLater()
            if held.step is not None:
                next(held.step, None)

    def _hold_layers(self, editing: bool) -> None:
        """Let no drag move a layer: on digits, napari has the mode that does until they label."""
        viewer = self._viewer()
        for layer in viewer.layers if editing and viewer is not None else ():
            if str(layer.mode) == "transform":
                layer.mode = "pan_zoom"

    def _show_list(self) -> None:
        viewer, window = self._viewer(), self._window()
        if viewer is not None and window is not None:
            KeyList(window).show()


@dataclass
class _Held:
    """A key that is down: what goes on when it comes up, and when (ms) that was."""

    step: Iterator[object] | None
    let_go: QTimer
    up: float = math.inf


def _when(event: QKeyEvent) -> float:
    """Return when a key went down or up, ms: by the desktop, which may be long ago."""
    return event.timestamp() or 1000 * time.monotonic()


def _app() -> QApplication:
    return cast("QApplication", QApplication.instance())


def _takes_text(widget: QWidget) -> bool:
    """Whether keys write where the focus is."""
    if isinstance(widget, QComboBox):
        return bool(widget.isEditable())
    if isinstance(widget, QLineEdit):
        return not widget.isReadOnly()
    return isinstance(widget, (QAbstractSpinBox, QTextEdit, QPlainTextEdit))


def _binding_of(event: QKeyEvent) -> KeyBinding:
    """Return a key as napari writes it; digits and arrows of a number pad are like others."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    sequence = QKeySequence(QKeyCombination(modifiers, Qt.Key(event.key())))
    return qkeysequence2modelkeybinding(sequence)
