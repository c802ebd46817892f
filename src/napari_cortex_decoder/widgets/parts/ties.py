"""Connections that a view makes to longer-lived objects, and undoes when it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject


class Ties:
    """Signals (psygnal's or napari's) connected to slots.

    Qt undoes connections between Qt objects by itself; nobody does it for these, and a slot of a
    widget whose window is gone raises.
    """

    def __init__(self) -> None:
        self._ties: list[tuple[Any, Callable[..., Any]]] = []

    def tie(self, slot: Callable[..., Any], *signals: Any) -> None:
        """Call a slot on each of some signals."""
        for signal in signals:
            signal.connect(slot)
            self._ties.append((signal, slot))

    def undo_with(self, owner: QObject) -> None:
        """Disconnect all when a Qt object goes."""
        # A function, not the method itself: of that PyQt would keep only a weak reference.
        owner.destroyed.connect(lambda: self.undo())

    def undo(self) -> None:
        """Disconnect all."""
        for signal, slot in self._ties:
            signal.disconnect(slot)
        self._ties.clear()


def follow(view: QObject, slot: Callable[..., Any], *signals: Any, now: bool = True) -> None:
    """Call a slot now, and on each of some signals as long as a view is there."""
    ties = Ties()
    ties.tie(slot, *signals)
    ties.undo_with(view)
    if now:
        slot()
