"""What each key does, in one list: napari's own settings of shortcuts show it and may change it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from app_model.types import KeyCode, KeyMod
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapProvider, coerce_keybinding

from napari_cortex_decoder.labels.behaviors import KEYS
from napari_cortex_decoder.widgets.workspace import Workspace

_HELD = 0.35  # s; a key that is pressed longer paints until it is let go
_STEP, _TURN, _ZOOM = 0.05, 0.5, 1.01  # mm, degrees, factor of one press of a key
_COARSE = 5  # times as much with Shift


class Keys(KeymapProvider):
    """Keys of one kind of work on one workspace; napari keeps for each kind which they are."""

    title = ""
    during = ""  # what of the workspace must be so, too

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace

    @property
    def active(self) -> bool:
        """Whether they work now."""
        so = not self.during or attrgetter(self.during)(self.workspace)
        return so and self.workspace.movie.recording is not None


class FrameKeys(Keys):
    """Keys that move through the recording."""

    title = "Anywhere but in a text field"


class LabelKeys(Keys):
    """Keys that label."""

    title, during = "While labels are edited", "labelling.editing"


class AtlasKeys(Keys):
    """Keys that move the atlas."""

    title, during = "While the atlas is adjusted", "placing.adjusting"


KINDS = (AtlasKeys, LabelKeys, FrameKeys)
"""Of two that have the same key, the first that is active gets it."""


@dataclass(frozen=True)
class Act:
    """What some keys do."""

    kind: type[Keys]  # when they do it
    title: str  # what, in words
    keys: tuple[int, ...]  # which, unless the user has chosen others
    # called with the workspace when a key goes down; if it is a generator, it goes on when the key
    # comes up
    do: Callable[[Workspace], Any]
    repeats: bool = False  # whether a key that is held does it again and again


def _painting(key: str) -> Callable[[Workspace], Iterator[None]]:
    def paint(workspace: Workspace) -> Iterator[None]:
        workspace.labelling.press(key)
        pressed = time.monotonic()
        yield
        if time.monotonic() - pressed > _HELD:
            workspace.labelling.stop()

    return paint


def _nudging(title: str, key: int, **amounts: float) -> Iterator[tuple[str, Act]]:
    """Return an act that moves the atlas, and the one that moves it further."""
    name = title.replace(" ", "_")
    far = {
        what: amount**_COARSE if what == "zoom" else amount * _COARSE
        for what, amount in amounts.items()
    }
    for suffix, much, by, mod in (("", "", amounts, 0), ("_far", " far", far, KeyMod.Shift)):

        def nudge(workspace: Workspace, by: dict[str, float] = by) -> None:
            workspace.placing.nudge(**by)

        yield f"{name}{suffix}", Act(AtlasKeys, f"{title}{much}", (mod | key,), nudge, True)


_CTRL, _SHIFT, _ALT = KeyMod.CtrlCmd, KeyMod.Shift, KeyMod.Alt
_LEFT, _RIGHT = KeyCode.LeftArrow, KeyCode.RightArrow
_UP, _DOWN = KeyCode.UpArrow, KeyCode.DownArrow

ACTS: dict[str, Act] = {
    "play": Act(
        FrameKeys, "play at the true rate, or stop", (KeyCode.Space,),
        lambda work: work.playback.toggle(),
    ),
    "frame_back": Act(
        FrameKeys, "one frame back", (_LEFT,), lambda work: work.playback.step(-1), True
    ),
    "frame_on": Act(
        FrameKeys, "one frame on", (_RIGHT,), lambda work: work.playback.step(1), True
    ),
    "second_back": Act(
        FrameKeys, "one second back", (_SHIFT | _LEFT,), lambda work: work.playback.jump(-1), True
    ),
    "second_on": Act(
        FrameKeys, "one second on", (_SHIFT | _RIGHT,), lambda work: work.playback.jump(1), True
    ),
    "list_keys": Act(
        FrameKeys, "this list", (_SHIFT | KeyCode.Slash,), lambda work: work.keys_wanted.emit()
    ),
    **{
        f"label_{key}": Act(
            LabelKeys, f"begin or end a bout of the behavior on {key}",
            (getattr(KeyCode, f"Digit{key}"),), _painting(key),
        )
        for key in KEYS
    },
    "label_nothing": Act(
        LabelKeys, "begin or end a stretch that is unknown", (KeyCode.Digit0,), _painting("0")
    ),
    "split": Act(
        LabelKeys, "split the bout here", (KeyCode.KeyS,), lambda work: work.labelling.split()
    ),
    "merge": Act(
        LabelKeys, "merge the bout with the next", (KeyCode.KeyM,),
        lambda work: work.labelling.merge(),
    ),
    "accept": Act(
        LabelKeys, "what is predicted here is right", (KeyCode.KeyA,),
        lambda work: work.review.accept(),
    ),
    "flip": Act(
        LabelKeys, "it is the other behavior", (KeyCode.KeyF,), lambda work: work.review.flip()
    ),
    "verify_ahead": Act(
        LabelKeys, "right up to the next uncertain bout", (KeyCode.KeyV,),
        lambda work: work.review.verify_ahead(),
    ),
    "review_next": Act(
        LabelKeys, "next to review", (KeyCode.KeyN,), lambda work: work.review.next()
    ),
    "undo_label": Act(
        LabelKeys, "undo", (_CTRL | KeyCode.KeyZ,), lambda work: work.labels.undo()
    ),
    "redo_label": Act(
        LabelKeys, "redo", (_CTRL | _SHIFT | KeyCode.KeyZ, _CTRL | KeyCode.KeyY),
        lambda work: work.labels.redo(),
    ),
    **dict(_nudging("shift left", _LEFT, right=-_STEP)),
    **dict(_nudging("shift right", _RIGHT, right=_STEP)),
    **dict(_nudging("shift up", _UP, down=-_STEP)),
    **dict(_nudging("shift down", _DOWN, down=_STEP)),
    **dict(_nudging("turn left", _ALT | _LEFT, degrees=-_TURN)),
    **dict(_nudging("turn right", _ALT | _RIGHT, degrees=_TURN)),
    **dict(_nudging("make larger", _ALT | _UP, zoom=_ZOOM)),
    **dict(_nudging("make smaller", _ALT | _DOWN, zoom=1 / _ZOOM)),
    "undo_placing": Act(
        AtlasKeys, "undo", (_CTRL | KeyCode.KeyZ,), lambda work: work.placing.undo()
    ),
    "redo_placing": Act(
        AtlasKeys, "redo", (_CTRL | _SHIFT | KeyCode.KeyZ,), lambda work: work.placing.redo()
    ),
    "leave_adjust": Act(
        AtlasKeys, "leave Adjust", (KeyCode.Escape,), lambda work: work.placing.adjust(False)
    ),
}  # fmt: skip
"""Whatever a key of ours does, by its name in napari's settings."""


def keys_of(name: str) -> list[Any]:
    """Return napari's key bindings that do one of `ACTS` now."""
    keymap = ACTS[name].kind.class_keymap
    return [key for key, bound in keymap.items() if bound.__name__ == name]


def _register() -> None:
    """Let napari know of all that keys do, and which keys its user has chosen for it."""
    chosen = get_settings().shortcuts.shortcuts
    for name, act in ACTS.items():

        def command(keys: Any, do: Callable[[Workspace], Any] = act.do) -> Any:
            return do(keys.workspace)

        command.__name__ = name
        told = f"Cortex Decoder: {act.title}"
        full = f"napari-cortex-decoder:{name}"
        action_manager.register_action(full, command, told, act.kind, act.repeats)
        for key in chosen.get(full, map(coerce_keybinding, act.keys)):
            action_manager.bind_shortcut(full, key)


_register()
