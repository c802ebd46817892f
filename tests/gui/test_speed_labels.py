from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QLabel, QPushButton

from helpers.windows import N_FRAMES, child, row_at, visible_texts
from napari_cortex_decoder.recording import BehaviorTrace, Recording, RunAndRest, run_and_rest
from napari_cortex_decoder.widgets.dock.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.colors import behavior_colors
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.timeline.timeline import TimelineWidget
from napari_cortex_decoder.widgets.workspace import Workspace

LABELLING = "Label run and rest by speed"


@pytest.fixture
def group(dock: CortexDecoderWidget) -> SpeedGroup:
    """The group, unfolded."""
    group = dock.findChild(SpeedGroup)
    group.set_expanded(True)
    return group


def frames_of(workspace: Workspace) -> np.ndarray:
    assert workspace.labels.ethogram is not None
    return workspace.labels.ethogram.frames()


def label_colors(timeline: TimelineWidget, times: list[float]) -> list[tuple[int, int, int]]:
    """The colours that the label row really shows at some times."""
    view = row_at(timeline, "label").view
    picture = timeline._graphics.grab().toImage()
    colors = []
    for time in times:
        place = timeline._graphics.mapFromScene(view.mapViewToScene(QPointF(time, 0.5)))
        pixel = picture.pixelColor(place)
        colors.append((pixel.red(), pixel.green(), pixel.blue()))
    return colors


def test_the_group_is_there_only_with_a_speed(
    viewer: Viewer, group: SpeedGroup, opened: Layer, recording: Recording
) -> None:
    assert group.isVisible()
    silent = recording.replace(behavior={})
    viewer.add_layer(Layer.create(*movie_layer(silent, (500.0, 1500.0))))
    assert not group.isVisible()


def test_nothing_is_labelled_before_it_is_asked_for(workspace: Workspace, opened: Layer) -> None:
    assert workspace.labels.ethogram is None


def test_thresholds_and_shortest_bout_are_seen_at_once_on_the_timeline(
    qtbot: QtBot,
    group: SpeedGroup,
    timeline: TimelineWidget,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
) -> None:
    child(group, QCheckBox, LABELLING).setChecked(True)
    speed = recording.behavior["speed"].values
    np.testing.assert_array_equal(frames_of(workspace), run_and_rest(speed, 30.0))
    run, rest, shortest = group.findChildren(QDoubleSpinBox)[-3:]
    run.setValue(6)
    assert rest.value() == 6
    rest.setValue(2)
    assert run.value() == 6
    expected = run_and_rest(speed, 30.0, RunAndRest(threshold=6, stop_threshold=2))
    np.testing.assert_array_equal(frames_of(workspace), expected)

    colors = behavior_colors(["rest", "run"])
    times = [0.3, 1.5, 3.1, 4.5]
    wanted = [colors[("rest", "run")[expected[round(30 * time)]]] for time in times]
    assert set(wanted) == set(colors.values())
    assert label_colors(timeline, times) == wanted

    shortest.setValue(10)
    longer = RunAndRest(threshold=6, stop_threshold=2, shortest_bout=10)
    assert (frames_of(workspace) == run_and_rest(speed, 30.0, longer)).all()
    child(group, QCheckBox, LABELLING).setChecked(False)
    assert workspace.labels.ethogram is None
    assert [row.title for row in timeline._rows] == ["speed"]


def test_the_threshold_is_a_line_on_the_speed_that_can_be_dragged(
    group: SpeedGroup, timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    assert row_at(timeline, "speed").shown is None
    workspace.speed.set_labelling(True)
    workspace.speed.set(threshold=4)
    lines = row_at(timeline, "speed").shown
    assert lines is not None
    assert lines._run.value() == 4 and not lines._rest.isVisible()
    workspace.speed.set(stop_threshold=1)
    assert lines._rest.value() == 1 and lines._rest.isVisible()
    lines._run.setValue(7)
    lines._run.sigDragged.emit(lines._run)
    assert workspace.speed.settings == RunAndRest(threshold=7, stop_threshold=1)
    lines._rest.setValue(8)
    lines._rest.sigDragged.emit(lines._rest)
    assert workspace.speed.settings.low == 7 and lines._rest.value() == 7
    lines._run.setValue(-3)
    lines._run.sigDragged.emit(lines._run)
    assert workspace.speed.settings.threshold == 0


def test_the_view_stays_where_it_was_while_thresholds_change(
    timeline: TimelineWidget, workspace: Workspace, opened: Layer
) -> None:
    workspace.speed.set_labelling(True)
    timeline._rows[0].view.setXRange(1, 2, padding=0)
    rows = timeline._rows
    workspace.speed.set(threshold=3)
    assert timeline._rows is rows
    assert timeline._rows[0].view.viewRange()[0] == pytest.approx([1, 2])


def test_measured_labels_come_back_and_another_recording_starts_with_its_own(
    viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    times = recording.behavior["speed"].times
    measured = BehaviorTrace("runrest", (np.arange(N_FRAMES) >= 60).astype(float), times)
    both = recording.replace(behavior={**recording.behavior, "runrest": measured})
    viewer.add_layer(Layer.create(*movie_layer(both, (500.0, 1500.0))))
    workspace.speed.set_labelling(True)
    assert (frames_of(workspace) != measured.values).any()
    workspace.speed.set_labelling(False)
    np.testing.assert_array_equal(frames_of(workspace), measured.values)
    workspace.speed.set_labelling(True)
    viewer.add_layer(Layer.create(*movie_layer(both.replace(name="m2"), (500.0, 1500.0))))
    assert not workspace.speed.labelling
    np.testing.assert_array_equal(frames_of(workspace), measured.values)


def test_labels_by_speed_stay_with_the_preprocessed_recording(
    qtbot: QtBot, workspace: Workspace, opened: Layer, recording: Recording
) -> None:
    workspace.speed.set_labelling(True)
    workspace.speed.set(threshold=4)
    whole = frames_of(workspace)
    workspace.preprocessing.switch("crop", True)
    workspace.preprocessing.set("crop", frames=(30, 90))
    workspace.preprocessing.apply()
    qtbot.waitUntil(lambda: not workspace.preprocessing.progress.running)
    np.testing.assert_array_equal(frames_of(workspace), whole[30:90])


VOLTS = np.full(N_FRAMES, 1.5)
VOLTS[60:90] = 1.75
COUNTS = np.cumsum(np.where(np.arange(N_FRAMES) // 30 == 2, 40, 0)) + 65_000


@pytest.mark.parametrize(
    ("values", "unit", "asked", "factor"),
    [
        (VOLTS, "V", "run is in volts. What is the treadmill's gain?", 40),
        (COUNTS % 65_536, "counts", "run counts the wheel's steps. How far does the animal go in "
         "one?", 0.00833),
    ],
    ids=["volts of a treadmill", "counts of an encoder that start over"],
)  # fmt: skip
def test_speed_is_made_of_what_a_treadmill_or_a_wheel_gives(
    viewer: Viewer,
    group: SpeedGroup,
    timeline: TimelineWidget,
    workspace: Workspace,
    recording: Recording,
    values: np.ndarray,
    unit: str,
    asked: str,
    factor: float,
) -> None:
    trace = BehaviorTrace("run", values, recording.behavior["speed"].times, unit)
    with_trace = recording.replace(behavior={"run": trace})
    viewer.add_layer(Layer.create(*movie_layer(with_trace, (500.0, 1500.0))))
    assert asked in visible_texts(group, QLabel)
    assert not child(group, QCheckBox, LABELLING).isVisible()
    box = group.findChildren(QDoubleSpinBox)[0]
    box.setValue(factor)
    child(group, QPushButton, "Make speed").click()
    assert [row.title for row in timeline._rows] == ["run", "speed"]
    child(group, QCheckBox, LABELLING).setChecked(True)
    ran = np.arange(N_FRAMES) // 30 == 2
    ran[59] = unit == "counts"  # the first step lies between this frame and the next
    np.testing.assert_array_equal(frames_of(workspace), ran)
    assert any(
        f"runs {ran.mean():.0%} of the time in 1 bout" in text
        for text in visible_texts(group, QLabel)
    )
