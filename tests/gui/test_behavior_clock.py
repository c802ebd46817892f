from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QPushButton

from helpers.windows import N_FRAMES, child
from napari_cortex_decoder.widgets.dock.behavior_clock import BehaviorClockForm
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def form(dock: CortexDecoderWidget) -> BehaviorClockForm:
    return dock.findChild(BehaviorClockForm)


def refuse(qtbot: QtBot, workspace: Workspace, path: Path) -> None:
    workspace.movie.add_behavior(path)
    qtbot.waitUntil(lambda: workspace.movie.refused is not None)


def wait_for(qtbot: QtBot, workspace: Workspace, name: str) -> None:
    recording = workspace.movie
    qtbot.waitUntil(
        lambda: recording.recording is not None and name in recording.recording.behavior
    )


def test_of_several_lists_of_frame_times_one_is_chosen(
    qtbot: QtBot,
    workspace: Workspace,
    form: BehaviorClockForm,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    assert not form.isVisible()
    frames = np.arange(N_FRAMES) / 29.0 + 0.4
    path = tmp_path / "sync.npz"
    times = np.arange(900) / 100
    np.savez(
        path, frame_times_green=frames, frame_times_blue=frames + 0.01,
        wheel_v=np.sin(times), wheel_t0=0.0, wheel_dt=0.01,
    )  # fmt: skip
    refuse(qtbot, workspace, path)
    assert "name one as frame_times" in notifications[0].message
    assert form.isVisible()
    lists = form.findChild(QComboBox)
    assert [lists.itemText(i) for i in range(lists.count())] == [
        "frame_times_green",
        "frame_times_blue",
    ]
    lists.setCurrentText("frame_times_blue")
    child(form, QPushButton, "Add").click()
    wait_for(qtbot, workspace, "wheel")
    assert workspace.movie.recording is not None
    np.testing.assert_allclose(workspace.movie.recording.times, frames + 0.01)
    assert not form.isVisible()


def test_a_trace_without_times_gets_its_rate_and_offset(
    qtbot: QtBot, workspace: Workspace, form: BehaviorClockForm, opened: Layer, tmp_path: Path
) -> None:
    path = tmp_path / "pupil.npy"
    np.save(path, np.arange(70, dtype=float))
    refuse(qtbot, workspace, path)
    assert not form.findChild(QComboBox).isVisible()
    rate, offset = form.findChildren(QDoubleSpinBox)
    rate.setValue(10)
    offset.setValue(-1)
    child(form, QPushButton, "Add").click()
    wait_for(qtbot, workspace, "pupil")
    assert workspace.movie.recording is not None
    trace = workspace.movie.recording.behavior["pupil"]
    np.testing.assert_allclose(trace.times[[0, 1]], [-1, -0.9])


def test_a_refused_file_can_be_left_out(
    qtbot: QtBot, workspace: Workspace, form: BehaviorClockForm, opened: Layer, tmp_path: Path
) -> None:
    path = tmp_path / "pupil.npy"
    np.save(path, np.arange(70, dtype=float))
    refuse(qtbot, workspace, path)
    child(form, QPushButton, "Leave out").click()
    assert not form.isVisible() and workspace.movie.refused is None


def test_nothing_is_asked_about_a_file_that_cannot_be_read(
    qtbot: QtBot,
    workspace: Workspace,
    form: BehaviorClockForm,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    path = tmp_path / "broken.npz"
    path.write_text("nothing of the kind")
    workspace.movie.add_behavior(path)
    qtbot.waitUntil(lambda: bool(notifications))
    qtbot.wait(300)
    assert not form.isVisible()
