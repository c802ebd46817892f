"""Keys do the one thing they should, wherever the focus is, but in a text field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from app_model.backends.qt import QKeyBindingSequence
from napari import Viewer
from napari.layers import Layer
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QSlider,
    QToolButton,
    QTreeWidget,
    QWidget,
)

from helpers.windows import FRAME_RATE, bouts, child, click
from napari_cortex_decoder.widgets.cameras.camera_pane import CameraPane
from napari_cortex_decoder.widgets.canvas.key_acts import (
    ACTS,
    KINDS,
    AtlasKeys,
    LabelKeys,
    keys_of,
)
from napari_cortex_decoder.widgets.canvas.key_list import KeyList
from napari_cortex_decoder.widgets.dock.behaviors_table import BehaviorsTable
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

Key, Modifier = Qt.Key, Qt.KeyboardModifier
START = 60
"""Frame from which each key is pressed."""


@pytest.fixture
def camera(
    workspace: Workspace, opened: Layer, viewer: Viewer, tmp_path: Path, qtbot: QtBot
) -> CameraPane:
    from PIL import Image

    folder = tmp_path / "face"
    folder.mkdir()
    for number in range(3):
        Image.new("L", (32, 32), 50 * number).save(folder / f"{number}.png")
    workspace.cameras.add(folder)
    qtbot.waitUntil(lambda: workspace.cameras.unclear is not None)
    workspace.cameras.say_rate(30.0)
    qtbot.waitUntil(lambda: bool(workspace.cameras.cameras))
    return viewer.window.dock_widgets["Camera: face"]


@pytest.fixture
def places(
    viewer: Viewer, dock: CortexDecoderWidget, timeline: TimelineWidget, camera: QWidget,
    qtbot: QtBot,
) -> dict[str, QWidget]:  # fmt: skip
    """Where the focus may be, and what has it there."""
    labels = dock.findChild(LabelsSection)
    labels.set_expanded(True)
    qt_viewer = viewer.window._qt_viewer
    choice = next(box for box in dock.findChildren(QComboBox) if box.isVisible())
    qtbot.waitUntil(lambda: labels.findChild(BehaviorsTable).isVisible())
    return {
        "canvas": qt_viewer.canvas.native,
        "timeline": timeline._graphics,
        "button": child(dock, QPushButton, "Decode"),
        "list": labels.findChild(BehaviorsTable),
        "slider": next(iter(viewer.window._qt_viewer.controls.findChildren(QSlider))),
        "camera": camera,
        "combo box": choice,
        "layer list": qt_viewer.layers,
    }


@pytest.fixture
def press_at(viewer: Viewer, workspace: Workspace, qtbot: QtBot) -> Callable[..., int]:
    """Press a key as the window gets it from the desktop; return the frame that it leads to."""

    def press(widget: QWidget, key: Key, modifier: Modifier = Modifier.NoModifier) -> int:
        workspace.movie.seek(START)
        widget.setEnabled(True)
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.setFocus()
        window = widget.window()
        assert window.focusWidget() in (widget, widget.focusProxy())
        QTest.keyClick(window.windowHandle(), key, modifier)
        qtbot.wait(60)
        return workspace.movie.frame

    return press


PLACES = ("canvas", "timeline", "button", "list", "slider", "camera", "combo box", "layer list")


@pytest.mark.parametrize("place", PLACES)
def test_every_key_does_its_one_thing_from(
    place: str, places: dict[str, QWidget], press_at: Callable[..., int], workspace: Workspace,
    viewer: Viewer, opened: Layer, qtbot: QtBot,
) -> None:  # fmt: skip
    at, shift = places[place], Modifier.ShiftModifier
    placed, layers = workspace.placing.placing, [*viewer.layers]
    assert press_at(at, Key.Key_Right) == START + 1
    assert press_at(at, Key.Key_Left) == START - 1
    assert press_at(at, Key.Key_Right, shift) == START + FRAME_RATE
    assert press_at(at, Key.Key_Left, shift) == START - FRAME_RATE
    press_at(at, Key.Key_Space)
    assert workspace.playback.playing
    qtbot.waitUntil(lambda: workspace.movie.frame > START)
    press_at(at, Key.Key_Space)
    assert not workspace.playback.playing
    press_at(at, Key.Key_Question, shift)
    (keys,) = viewer.window._qt_window.findChildren(KeyList)
    keys.close()
    workspace.labelling.switch(True)
    for key in (Key.Key_2, Key.Key_2):
        press_at(at, key)
    assert bouts(workspace) == [(START, START + 1, "run")]
    press_at(at, Key.Key_Z, Modifier.ControlModifier)
    assert workspace.labels.ethogram is None
    assert workspace.placing.placing is placed and [*viewer.layers] == layers
    assert opened.mode == "pan_zoom" and not workspace.decode.progress.running


def test_all_keys_are_taken_for_what_they_do_from_all_places(
    places: dict[str, QWidget], workspace: Workspace, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    done: list[str] = []
    for name, act in ACTS.items():
        noted = replace(act, do=lambda work, name=name: done.append(name))
        monkeypatch.setitem(ACTS, name, noted)
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    workspace.atlas.place_upright()
    for kind in KINDS:
        workspace.placing.adjust(kind is AtlasKeys)
        workspace.labelling.switch(kind is LabelKeys)
        pressed = [
            (name, QKeyBindingSequence(key)[0])
            for name, act in ACTS.items() if act.kind is kind
            for key in keys_of(name)
        ]  # fmt: skip
        assert len(pressed) >= 6
        for place, widget in places.items():
            widget.setEnabled(True)
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.setFocus()
            held: set[Key] = set()
            for name, key in pressed:
                if key.key() in held:  # so soon after it would be one press
                    qtbot.wait(60)
                    held.clear()
                held.add(key.key())
                done.clear()
                window = widget.window().windowHandle()
                QTest.keyClick(window, key.key(), key.keyboardModifiers())
                assert done == [name], f"{place}: {key.toCombined():x}"
            qtbot.wait(60)


def test_a_text_field_keeps_its_keys(
    dock: CortexDecoderWidget, places: dict[str, QWidget], press_at: Callable[..., int],
    workspace: Workspace,
) -> None:  # fmt: skip
    workspace.labelling.switch(True)
    field = dock.findChild(LabelsSection).findChild(QLineEdit)
    for key in (Key.Key_2, Key.Key_Left, Key.Key_Space, Key.Key_Question):
        assert press_at(field, key) == START
    assert field.text() == " ?2"
    assert workspace.labels.ethogram is None and not workspace.playback.playing
    assert not dock.window().findChildren(KeyList)


def test_arrows_go_on_after_a_click_on_the_timeline(
    timeline: TimelineWidget, opened: Layer, workspace: Workspace, qtbot: QtBot
) -> None:
    qtbot.mouseClick(timeline._graphics.viewport(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.movie.frame > 0)
    frame = workspace.movie.frame
    QTest.keyClick(timeline.window().windowHandle(), Key.Key_Right)
    assert workspace.movie.frame == frame + 1


def send(widget: QWidget, kind: QEvent.Type, key: Key, *, repeat: bool = False) -> None:
    event = QKeyEvent(kind, key, Modifier.NoModifier, "", repeat)
    QApplication.sendEvent(widget, event)


def test_a_key_that_the_desktop_lets_go_and_presses_again_while_held_is_one_press(
    places: dict[str, QWidget], workspace: Workspace, qtbot: QtBot
) -> None:
    canvas, down, up = places["canvas"], QEvent.Type.KeyPress, QEvent.Type.KeyRelease
    send(canvas, down, Key.Key_Space)
    for _ in range(5):
        qtbot.wait(10)
        send(canvas, up, Key.Key_Space)
        send(canvas, down, Key.Key_Space)
    assert workspace.playback.playing
    send(canvas, up, Key.Key_Space)
    qtbot.wait(80)
    send(canvas, down, Key.Key_Space)
    assert not workspace.playback.playing
    send(canvas, up, Key.Key_Space)

    workspace.movie.seek(START)
    send(canvas, down, Key.Key_Right)
    for _ in range(5):
        send(canvas, down, Key.Key_Right, repeat=True)
    assert workspace.movie.frame == START + 6  # an arrow that is held goes on

    workspace.labelling.switch(True)
    send(canvas, down, Key.Key_2)
    began = workspace.labelling.stroke
    for _ in range(5):
        qtbot.wait(10)
        send(canvas, up, Key.Key_2)
        send(canvas, down, Key.Key_2)
    assert workspace.labelling.stroke is began is not None


def test_two_presses_that_a_busy_window_hears_of_at_once_are_two(
    places: dict[str, QWidget], workspace: Workspace
) -> None:
    class Stamped(QKeyEvent):
        def timestamp(self) -> int:
            return 1000 + 200 * moment

    for moment, kind in enumerate((QEvent.Type.KeyPress, QEvent.Type.KeyRelease) * 2):
        event = Stamped(kind, Key.Key_Space, Modifier.NoModifier)
        QApplication.sendEvent(places["canvas"], event)
        assert workspace.playback.playing is (moment < 2)


def test_a_release_that_got_lost_does_not_deafen_the_key(
    places: dict[str, QWidget], workspace: Workspace
) -> None:
    for plays in (True, False):
        send(places["canvas"], QEvent.Type.KeyPress, Key.Key_Space)
        assert workspace.playback.playing is plays


def test_the_atlas_moves_in_adjust_only_which_is_entered_and_left_on_purpose(
    places: dict[str, QWidget], press_at: Callable[..., int], workspace: Workspace,
    viewer: Viewer, dock: CortexDecoderWidget, qtbot: QtBot,
) -> None:  # fmt: skip
    from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection

    section = dock.findChild(AtlasSection)
    section.set_expanded(True)
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    workspace.atlas.guess()
    qtbot.waitUntil(lambda: workspace.placing.placing is not None)
    before = workspace.placing.placing
    active = viewer.layers.selection.active
    assert "Landmarks" not in viewer.layers
    for key in (Key.Key_Right, Key.Key_Up, Key.Key_Escape):
        press_at(places["canvas"], key)
    assert workspace.placing.placing is before

    qtbot.waitUntil(lambda: child(section, QPushButton, "Adjust").isEnabled())
    click(qtbot, section, "Adjust")
    assert "Landmarks" in viewer.layers
    assert press_at(places["timeline"], Key.Key_Right) == START
    moved = workspace.placing.placing
    assert moved is not before
    press_at(places["button"], Key.Key_Z, Modifier.ControlModifier)
    assert workspace.placing.placing is before
    press_at(places["canvas"], Key.Key_Escape)
    assert not workspace.placing.adjusting and "Landmarks" not in viewer.layers
    assert viewer.layers.selection.active is active and active.mode == "pan_zoom"
    assert press_at(places["canvas"], Key.Key_Right) == START + 1


def test_no_layer_can_be_dragged_away_while_digits_label(
    places: dict[str, QWidget], press_at: Callable[..., int], workspace: Workspace,
    viewer: Viewer, opened: Layer,
) -> None:  # fmt: skip
    viewer.layers.selection.active = opened
    opened.mode = "transform"  # as napari's own digit does, while nothing is labelled
    workspace.labelling.switch(True)
    assert opened.mode == "pan_zoom"
    press_at(places["canvas"], Key.Key_2)
    assert opened.mode == "pan_zoom"
    press_at(places["canvas"], Key.Key_2)
    assert bouts(workspace)
    workspace.labelling.switch(False)
    assert opened.mode == "pan_zoom"


@pytest.fixture
def other_key() -> Iterator[None]:
    """A user who plays by the key P, as napari's own settings keep it."""
    name = "napari-cortex-decoder:play"
    before = list(action_manager._shortcuts[name])
    action_manager.unbind_shortcut(name)
    action_manager.bind_shortcut(name, "P")
    yield
    action_manager.unbind_shortcut(name)
    for key in before:
        action_manager.bind_shortcut(name, key)


def test_keys_are_those_that_naparis_settings_say(
    other_key: None, places: dict[str, QWidget], press_at: Callable[..., int],
    workspace: Workspace, viewer: Viewer,
) -> None:  # fmt: skip
    press_at(places["timeline"], Key.Key_Space)
    assert not workspace.playback.playing
    press_at(places["timeline"], Key.Key_P)
    assert workspace.playback.playing
    workspace.playback.stop()
    workspace.keys_wanted.emit()
    (keys,) = viewer.window._qt_window.findChildren(KeyList)
    rows = keys.findChild(QTreeWidget)
    shown = {
        rows.topLevelItem(i).child(j).text(0): rows.topLevelItem(i).child(j).text(1)
        for i in range(rows.topLevelItemCount())
        for j in range(rows.topLevelItem(i).childCount())
    }
    assert shown["play at the true rate, or stop"] == "P" and shown["one frame on"] == "→"
    keys.close()
    assert "napari:hold_for_pan_zoom" in get_settings().shortcuts.shortcuts  # not taken away


def test_it_plays_at_the_speed_that_is_chosen_beside_the_slider(
    workspace: Workspace, opened: Layer, viewer: Viewer, qtbot: QtBot
) -> None:
    slider = viewer.window._qt_viewer.dims.slider_widgets[0]
    qtbot.waitUntil(lambda: slider.findChild(QToolButton, "cortex-decoder-speed") is not None)
    speed = slider.findChild(QToolButton, "cortex-decoder-speed")
    assert [action.text() for action in speed.menu().actions()] == [
        "×¼", "×½", "×1", "×2", "×4", "×8"
    ]  # fmt: skip
    next(a for a in speed.menu().actions() if a.text() == "×8").trigger()
    assert speed.text() == "×8"
    seen: list[int] = []
    workspace.movie.events.frame.connect(seen.append)
    with qtbot.waitSignal(workspace.playback.events.playing):
        qtbot.mouseClick(slider.play_button, Qt.MouseButton.LeftButton)
    assert slider.play_button.property("playing") == "True"
    qtbot.waitUntil(lambda: not workspace.playback.playing)
    assert seen == sorted(seen) and seen[-1] == 149 and len(seen) < 149  # what is late is left out
    assert slider.play_button.property("playing") == "False"


def test_time_goes_by_as_it_was_filmed_however_slow_the_window_is(
    workspace: Workspace, opened: Layer, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    from napari_cortex_decoder.widgets.recording import playback_model

    now = [100.0]
    monkeypatch.setattr(playback_model, "time", SimpleNamespace(monotonic=lambda: now[0]))
    workspace.movie.seek(0)
    workspace.playback.play()
    for elapsed, frame in ((0.5, 15), (0.51, 15), (2.0, 60)):
        now[0] = 100 + elapsed
        qtbot.waitUntil(lambda frame=frame: workspace.movie.frame == frame)
    workspace.movie.seek(30)  # by hand: it goes on from there
    now[0] += 1
    qtbot.waitUntil(lambda: workspace.movie.frame == 60)
    workspace.playback.loop(90, 105)
    seen = set()
    for _ in range(24):
        now[0] += 0.1
        qtbot.wait(40)
        seen.add(workspace.movie.frame)
    # with half a second around it
    assert seen <= set(range(75, 120)) and seen & set(range(75, 90)) and seen & set(range(105, 120))
    assert workspace.playback.playing
    workspace.playback.stop()
