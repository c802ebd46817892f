"""Labelling in a real window: keys, mouse, undo, files, review."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Layer
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
)

from helpers.windows import (
    FRAME_RATE,
    N_FRAMES,
    ScriptedDecoder,
    bouts,
    child,
    color_at,
    drag,
    loads,
    place_of,
    play_to,
    press,
    probabilities,
    visible_texts,
    wait_until_idle,
    waves,
)
from napari_cortex_decoder.labels import Bout, LabelSession, Paint, Source, read_labels
from napari_cortex_decoder.widgets.decode import decode_job
from napari_cortex_decoder.widgets.dock.behaviors_table import BehaviorsTable
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.review_group import ReviewGroup
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.colors import behavior_colors
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

LABELLING = "Label with keys and mouse"
COLORS = behavior_colors(["rest", "run"])


@pytest.fixture
def section(dock: CortexDecoderWidget) -> LabelsSection:
    section = dock.findChild(LabelsSection)
    section.set_expanded(True)
    return section


@pytest.fixture
def labelling(viewer: Viewer, section: LabelsSection, opened: Layer) -> LabelsSection:
    """The section with a recording open at its start, labelling switched on by its box."""
    viewer.dims.set_current_step(0, 0)
    child(section, QCheckBox, LABELLING).setChecked(True)
    return section


@pytest.fixture
def movie_file(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, waves(), photometric="minisblack")
    return path


@pytest.fixture
def open_file(qtbot: QtBot, workspace: Workspace, movie_file: Path) -> Callable[[], None]:
    def open_it() -> None:
        workspace.movie.open(movie_file)
        qtbot.waitUntil(lambda: workspace.movie.recording is not None)
        workspace.movie.set_frame_rate(FRAME_RATE)

    return open_it


@pytest.fixture
def decoded(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    decoder_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Workspace:
    """A whole prediction: rest in frames 6–74, run in 75–143."""
    monkeypatch.setattr(decode_job, "load_decoder", loads(ScriptedDecoder()))
    workspace.choice.offer(str(decoder_file))
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)
    return workspace


def test_three_bouts_are_labelled_while_playing_two_undone_one_redone(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection
) -> None:
    viewer.dims.set_current_step(0, 10)
    for key, stop in ((Qt.Key.Key_1, 30), (Qt.Key.Key_2, 50), (Qt.Key.Key_1, 70)):
        press(qtbot, viewer, key)
        play_to(viewer, stop)
    press(qtbot, viewer, Qt.Key.Key_1)
    three = [(10, 30, "rest"), (30, 50, "run"), (50, 71, "rest")]
    assert bouts(workspace) == three
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press(qtbot, viewer, Qt.Key.Key_Z, control)
    press(qtbot, viewer, Qt.Key.Key_Z, control)
    assert bouts(workspace) == [(10, 31, "rest")]
    press(qtbot, viewer, Qt.Key.Key_Z, control | shift)
    assert bouts(workspace) == [(10, 30, "rest"), (30, 51, "run")]


def test_keys_reach_the_labels_from_the_timeline_too(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection,
    timeline: TimelineWidget,
) -> None:  # fmt: skip
    timeline._graphics.setFocus()
    qtbot.keyClick(timeline._graphics, Qt.Key.Key_2)
    qtbot.wait(60)
    play_to(viewer, 5)
    qtbot.keyClick(timeline._graphics, Qt.Key.Key_2)
    assert bouts(workspace) == [(0, 6, "run")]
    qtbot.keyClick(timeline._graphics, Qt.Key.Key_0)
    qtbot.wait(60)
    viewer.dims.set_current_step(0, 7)
    press(qtbot, viewer, Qt.Key.Key_0)
    assert bouts(workspace) == [(0, 5, "run")]


def test_a_key_that_is_held_paints_until_it_is_let_go(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection
) -> None:
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, Qt.Key.Key_2)
    play_to(viewer, 9)
    time.sleep(0.4)
    qtbot.keyRelease(canvas, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: workspace.labelling.stroke is None)
    play_to(viewer, 15)
    assert bouts(workspace) == [(0, 10, "run")]


def test_a_jump_of_the_slider_ends_a_bout_and_paints_nothing_in_between(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection
) -> None:
    press(qtbot, viewer, Qt.Key.Key_2)
    play_to(viewer, 4)
    viewer.dims.set_current_step(0, 120)
    assert workspace.labelling.stroke is None
    assert bouts(workspace) == [(0, 5, "run")]


def test_other_layers_tools_give_way_while_labelling_and_come_back(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection
) -> None:
    points = viewer.add_points(ndim=3)
    digit = coerce_keybinding("2")

    def mine(layer: object) -> None:
        raise AssertionError("the user's own key was pressed while labelling")

    image = viewer.layers[0]
    box = child(labelling, QCheckBox, LABELLING)
    box.setChecked(False)
    image.bind_key("2", mine)
    box.setChecked(True)
    mode = points.mode
    press(qtbot, viewer, Qt.Key.Key_2)
    press(qtbot, viewer, Qt.Key.Key_2)
    assert points.mode == mode and bouts(workspace) == [(0, 1, "run")]
    viewer.layers.selection.active = image
    assert digit not in points.keymap
    press(qtbot, viewer, Qt.Key.Key_0)
    box.setChecked(False)
    assert image.keymap[digit] is mine
    assert digit not in viewer.keymap and coerce_keybinding("Control-Z") not in viewer.keymap


def test_dragging_paints_erases_and_moves_borders_and_is_seen_before_it_is_let_go(
    qtbot: QtBot, workspace: Workspace, labelling: LabelsSection, timeline: TimelineWidget
) -> None:
    workspace.labelling.brush = "run"
    drag(qtbot, timeline, 30, 90)
    ((start, stop, behavior),) = bouts(workspace)
    assert (start, stop, behavior) == (pytest.approx(30, abs=1), pytest.approx(91, abs=1), "run")
    assert color_at(timeline, 2.0) == COLORS["run"]
    viewport = timeline._graphics.viewport()
    before = bouts(workspace)
    where = place_of(timeline, (stop - 0.5) / FRAME_RATE), place_of(timeline, 4.0)
    qtbot.mouseMove(viewport, where[0])
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=where[0])
    for share in (0.3, 0.6, 1.0):
        qtbot.wait(15)
        qtbot.mouseMove(viewport, where[0] + (where[1] - where[0]) * share)
    qtbot.waitUntil(lambda: workspace.labels.preview is not None)
    assert bouts(workspace) == before
    assert color_at(timeline, 3.5) == COLORS["run"]
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=where[1])
    assert bouts(workspace) == [(start, pytest.approx(120, abs=1), "run")]
    child(labelling, QPushButton, "Eraser").click()
    drag(qtbot, timeline, 50, 70)
    assert len(bouts(workspace)) == 2
    child(labelling, QPushButton, "Undo").click()
    assert len(bouts(workspace)) == 1


def test_without_labelling_a_drag_pans(
    qtbot: QtBot, workspace: Workspace, section: LabelsSection, opened: Layer,
    timeline: TimelineWidget,
) -> None:  # fmt: skip
    workspace.labels.edit(Paint(start=20, stop=60, behavior="run"))
    before = bouts(workspace)
    drag(qtbot, timeline, 30, 90)
    assert bouts(workspace) == before


def test_split_merge_flip_and_accept_at_the_slider(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection
) -> None:
    workspace.labels.edit(Paint(start=10, stop=40, behavior="run"))
    viewer.dims.set_current_step(0, 20)
    press(qtbot, viewer, Qt.Key.Key_S)
    assert bouts(workspace) == [(10, 20, "run"), (20, 40, "run")]
    press(qtbot, viewer, Qt.Key.Key_F)
    assert bouts(workspace) == [(10, 20, "run"), (20, 40, "rest")]
    press(qtbot, viewer, Qt.Key.Key_A)
    assert workspace.labels.ethogram.bouts[1].source == Source.VERIFIED
    viewer.dims.set_current_step(0, 12)
    press(qtbot, viewer, Qt.Key.Key_M)
    assert bouts(workspace) == [(10, 40, "run")]


def test_a_predicted_bout_is_accepted_or_flipped(
    qtbot: QtBot, viewer: Viewer, decoded: Workspace, labelling: LabelsSection
) -> None:
    viewer.dims.set_current_step(0, 30)
    press(qtbot, viewer, Qt.Key.Key_A)
    viewer.dims.set_current_step(0, 100)
    press(qtbot, viewer, Qt.Key.Key_F)
    assert decoded.labels.ethogram.bouts == (
        Bout(6, 75, "rest", Source.VERIFIED), Bout(75, 144, "rest", Source.PERSON),
    )  # fmt: skip


def test_the_queue_leads_to_the_least_certain_bout_and_marks_it(
    qtbot: QtBot, viewer: Viewer, decoded: Workspace, labelling: LabelsSection,
    timeline: TimelineWidget,
) -> None:  # fmt: skip
    group = labelling.findChild(ReviewGroup)
    group.set_expanded(True)
    press(qtbot, viewer, Qt.Key.Key_N)
    first = decoded.review.item
    assert first is not None
    assert any(f"frames {first.start}–{first.stop - 1}" in t for t in visible_texts(group, QLabel))
    assert timeline._marks.regions[0][0] == pytest.approx(first.start / FRAME_RATE, abs=0.02)
    left, right = timeline._rows[0].view.viewRange()[0]
    assert left < first.start / FRAME_RATE < first.stop / FRAME_RATE < right < N_FRAMES / FRAME_RATE
    assert decoded.playback.playing  # again and again, half a second around it
    start, stop = decoded.playback.stretch
    assert (
        start <= first.start < first.stop <= stop and stop - start <= 31 + first.stop - first.start
    )
    child(group, QPushButton, "Next (N)").click()
    second = decoded.review.item
    assert second is not None and second != first and second.score <= first.score
    press(qtbot, viewer, Qt.Key.Key_F)
    box = group.findChildren(QComboBox)[0]
    box.setCurrentIndex(1)
    box.activated.emit(1)
    press(qtbot, viewer, Qt.Key.Key_N)
    assert decoded.review.item.labelled != decoded.review.item.predicted


def test_cleaning_is_seen_live_on_the_timeline(
    decoded: Workspace, labelling: LabelsSection, timeline: TimelineWidget
) -> None:
    group = labelling.findChild(ReviewGroup)
    group.set_expanded(True)
    assert color_at(timeline, 3.0, "decoded") == COLORS["run"]
    begin, end = group.findChildren(QDoubleSpinBox)[:2]
    begin.setValue(0.8)
    assert end.value() == 0.8
    assert color_at(timeline, 3.0, "decoded") == COLORS["rest"]
    run = probabilities()[:, 1]
    np.testing.assert_array_equal(decoded.review.decoded == 1, np.nan_to_num(run) > 0.8)
    begin.setValue(0.5)
    assert color_at(timeline, 3.0, "decoded") == COLORS["run"]


def test_behaviors_are_added_renamed_moved_to_other_keys_and_removed(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, labelling: LabelsSection,
    notifications: list[Notification],
) -> None:  # fmt: skip
    labelling.findChild(QLineEdit).setText("groom")
    child(labelling, QPushButton, "Add").click()
    table = labelling.findChild(BehaviorsTable)
    assert [table.item(row, 1).text() for row in range(3)] == ["rest", "run", "groom"]
    press(qtbot, viewer, Qt.Key.Key_3)
    press(qtbot, viewer, Qt.Key.Key_3)
    assert bouts(workspace) == [(0, 1, "groom")]
    table.item(2, 0).setText("1")
    assert [table.item(row, 0).text() for row in range(3)] == ["", "2", "1"]
    table.item(2, 1).setText("wash")
    assert bouts(workspace) == [(0, 1, "wash")]
    table.item(2, 1).setText("run")  # taken
    assert table.item(2, 1).text() == "wash" and "repeat a name" in notifications[-1].message
    workspace.labelling.set_color("wash", (1, 2, 3))
    assert workspace.behavior_colors["wash"] == (1, 2, 3)
    table.selectRow(2)
    assert workspace.labelling.brush == "wash"
    child(labelling, QPushButton, "Remove").click()
    assert bouts(workspace) == [] and table.rowCount() == 2


BORIS = (
    "Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)\n"
    "o,No focal subject,run,STATE,1.000,2.000,1.0\n"
    "o,No focal subject,groom,STATE,3.000,3.500,0.5\n"
    "o,No focal subject,blink,POINT,4.000,4.000,NA\n"
)


def test_a_file_of_boris_is_imported_listed_and_undone(
    qtbot: QtBot, workspace: Workspace, labelling: LabelsSection, tmp_path: Path
) -> None:
    path = tmp_path / "boris.csv"
    path.write_text(BORIS)
    workspace.labels.edit(Paint(start=0, stop=5, behavior="rest"))
    workspace.labelling.read(path)
    qtbot.waitUntil(lambda: workspace.labelling.imported is not None)
    assert bouts(workspace) == [(30, 60, "run"), (90, 105, "groom")]
    told = visible_texts(labelling, QLabel)
    assert any("1 row did not match" in text and "blink, POINT" in text for text in told)
    workspace.labels.undo()
    assert bouts(workspace) == [(0, 5, "rest")]
    workspace.labels.redo()
    workspace.labelling.write(tmp_path / "out.nwb", "nwb")
    qtbot.waitUntil(lambda: workspace.labels.message.startswith("Saved"))
    again = read_labels(tmp_path / "out.nwb", workspace.movie.recording)
    assert again.bouts == workspace.labels.ethogram.bouts


def test_labels_come_back_with_the_recording_and_so_does_undo(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, section: LabelsSection, movie_file: Path,
    open_file: Callable[[], None],
) -> None:  # fmt: skip
    open_file()
    viewer.dims.set_current_step(0, 0)
    child(section, QCheckBox, LABELLING).setChecked(True)
    press(qtbot, viewer, Qt.Key.Key_2)
    play_to(viewer, 9)
    press(qtbot, viewer, Qt.Key.Key_2)
    journal = movie_file.with_name("m1.tif.cortex") / "labels.jsonl"
    assert '"behavior":"run"' in journal.read_text().splitlines()[-1]
    viewer.layers.clear()
    assert workspace.labels.ethogram is None
    open_file()
    assert bouts(workspace) == [(0, 10, "run")]
    workspace.labels.undo()
    assert workspace.labels.ethogram is None
    assert json.loads(journal.read_text().splitlines()[-1])["kind"] == "undo"


def test_a_second_viewer_is_told_and_can_only_look(
    qtbot: QtBot, workspace: Workspace, section: LabelsSection, movie_file: Path,
    open_file: Callable[[], None],
) -> None:  # fmt: skip
    folder = movie_file.with_name("m1.tif.cortex")
    other = LabelSession(N_FRAMES, "m1", folder)
    from napari_cortex_decoder.labels import Behavior, SetBehaviors

    other.edit(SetBehaviors(behaviors=(Behavior(name="run", key="1"),)))
    other.edit(Paint(start=3, stop=9, behavior="run"))
    open_file()
    assert bouts(workspace) == [(3, 9, "run")]
    box = child(section, QCheckBox, LABELLING)
    assert not box.isEnabled() and "another window" in box.toolTip()
    other.edit(Paint(start=20, stop=30, behavior="run"))
    again = child(section, QPushButton, "Look again")
    assert again.isVisible()
    again.click()
    assert bouts(workspace) == [(3, 9, "run"), (20, 30, "run")]
    other.close()
    again.click()
    assert box.isEnabled() and not again.isVisible()


def test_what_reviewing_and_fine_tuning_need_is_said_before_they_start(
    workspace: Workspace, labelling: LabelsSection
) -> None:
    reviewing = labelling.findChild(ReviewGroup)
    reviewing.set_expanded(True)
    following = child(reviewing, QPushButton, "Next (N)")
    assert not following.isEnabled() and "Decode the recording first" in following.toolTip()
    group = labelling.findChild(TuningGroup)
    group.set_expanded(True)
    workspace.choice.choose(next(c for c in workspace.choice.cards if c.name == "run-rest"))
    start = child(group, QPushButton, "Fine-tune")
    assert not start.isEnabled() and "nothing is labelled" in start.toolTip()
    workspace.labels.edit(Paint(start=0, stop=20, behavior="run"))
    assert "only 'run' is labelled" in start.toolTip()
