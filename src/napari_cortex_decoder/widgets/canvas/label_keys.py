"""The keys that label: bound while labelling is on, and those they displace put back after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

from napari import Viewer
from napari.utils.key_bindings import coerce_keybinding

from napari_cortex_decoder.labels.behaviors import KEYS
from napari_cortex_decoder.widgets.workspace import Workspace

_HELD = 0.35  # s; a key that is pressed longer paints until it is let go

_ABSENT = object()


class LabelKeys:
    """Ties the keys of a viewer, and of whatever layer is active, to labelling.

    napari asks the active layer for a key before it asks the viewer, and layers have tools on the
    digits: so both are bound.
    """

    def __init__(self, viewer: Viewer, workspace: Workspace) -> None:
        self._viewer = ref(viewer)
        self._workspace = workspace
        self._displaced: list[tuple[dict[Any, Any], Any, object]] = []
        self._actions = self._all_actions()
        workspace.labelling.events.editing.connect(self._bind)
        viewer.layers.selection.events.active.connect(self._bind)

    def close(self) -> None:
        """Release all keys."""
        self._unbind()
        self._workspace.labelling.events.editing.disconnect(self._bind)
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.selection.events.active.disconnect(self._bind)

    def _all_actions(self) -> dict[str, Callable[..., Any]]:
        labels, review = self._workspace.labels, self._workspace.review
        labelling = self._workspace.labelling
        simple: dict[str, Callable[[], None]] = {
            "Control-Z": labels.undo,
            "Control-Shift-Z": labels.redo,
            "Control-Y": labels.redo,
            "S": labelling.split,
            "M": labelling.merge,
            "A": review.accept,
            "F": review.flip,
            "V": review.verify_ahead,
            "N": review.next,
        }
        actions: dict[str, Callable[..., Any]] = {
            key: (lambda _, act=act: act()) for key, act in simple.items()
        }
        for key in ("0", *KEYS):
            actions[key] = self._painting(key)
        return actions

    def _painting(self, key: str) -> Callable[[object], Iterator[None]]:
        labelling = self._workspace.labelling

        def paint(_: object) -> Iterator[None]:
            labelling.press(key)
            pressed = time.monotonic()
            yield
            if time.monotonic() - pressed > _HELD:
                labelling.stop()

        return paint

    def _bind(self) -> None:
        """Bind the keys to what is active now, if labelling is on."""
        self._unbind()
        viewer = self._viewer()
        if viewer is None or not self._workspace.labelling.editing:
            return
        for provider in (viewer, viewer.layers.selection.active):
            if provider is None:
                continue
            keymap = provider.keymap
            for key, act in self._actions.items():
                place = coerce_keybinding(key)
                self._displaced.append((keymap, place, keymap.get(place, _ABSENT)))
                provider.bind_key(key, act, overwrite=True)

    def _unbind(self) -> None:
        for keymap, place, before in reversed(self._displaced):
            if before is _ABSENT:
                keymap.pop(place, None)
            else:
                keymap[place] = before
        self._displaced.clear()
