from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QPushButton

from helpers.windows import N_FRAMES, child, visible_texts, waves
from napari_cortex_decoder.recording import (
    Recording,
    open_recording,
    save_recording,
    sidecar_folder,
    trace_at_frames,
)
from napari_cortex_decoder.sessions import open_session
from napari_cortex_decoder.sessions.behavior import file_added_last
from napari_cortex_decoder.widgets.dock.behavior_clock import BehaviorClockForm
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.number_question import NumberQuestion
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
    child(form, QPushButton, "Leave it").click()
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


@pytest.fixture
def on_disk(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path
) -> Recording:
    """A movie of 10 Hz whose first frame is at 12.5 s."""
    times = 12.5 + np.arange(40) / 10
    movie = Recording(movie=da.from_array(waves()[:40]), name="m", frame_times=times)
    workspace.movie.open(save_recording(movie, tmp_path / "m.zarr"))
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    return open_recording(tmp_path / "m.zarr")


def test_a_file_that_was_taken_wrongly_is_told_its_clock_anew(
    qtbot: QtBot,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    form: BehaviorClockForm,
    on_disk: Recording,
    tmp_path: Path,
) -> None:
    rows = "".join(f"{n / 10},{n}\n" for n in range(200))
    (tmp_path / "speed.csv").write_text(f"time,speed\n{rows}")
    workspace.movie.add_behavior(tmp_path / "speed.csv")
    wait_for(qtbot, workspace, "speed")
    assert any("'first-frame'" in said for said in workspace.movie.recording.warnings)
    assert trace_at_frames(workspace.movie.recording.behavior["speed"], on_disk)[0] == 125

    qtbot.waitUntil(lambda: (sidecar_folder(on_disk.path) / "behavior.safetensors").exists())
    child(dock, QPushButton, "Clock…").click()
    qtbot.waitUntil(form.isVisible)
    zero = form.findChildren(QComboBox)[1]
    assert zero.currentText() == "as in the file"
    zero.setCurrentText("first frame")
    child(form, QPushButton, "Add").click()
    qtbot.waitUntil(lambda: not form.isVisible())
    assert trace_at_frames(workspace.movie.recording.behavior["speed"], on_disk)[0] == 0
    assert not any("'first-frame'" in said for said in workspace.movie.recording.warnings)

    child(dock, QPushButton, "Clock…").click()  # what was said of it is known
    qtbot.waitUntil(form.isVisible)
    assert zero.currentText() == "first frame"
    child(form, QPushButton, "Leave it").click()
    assert not form.isVisible() and "speed" in workspace.movie.recording.behavior


def test_the_time_of_the_first_frame_is_told_and_kept(
    qtbot: QtBot,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    on_disk: Recording,
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "pupil.npy", np.arange(40.0))  # a value a frame
    rows = "".join(f"{n / 10},{n}\n" for n in range(400))
    (tmp_path / "speed.csv").write_text(f"time,speed\n{rows}")
    for name in ("pupil", "speed"):
        workspace.movie.add_behavior(next(tmp_path.glob(f"{name}.*")))
        wait_for(qtbot, workspace, name)
    assert "12.5 s" in visible_texts(dock, QLabel)
    (change,) = (
        each
        for each in dock.findChildren(QPushButton)
        if each.toolTip() == "Say the time of the first frame of this movie"
    )
    change.click()
    (question,) = (each for each in dock.findChildren(NumberQuestion) if each.isVisible())
    box = question.findChild(QDoubleSpinBox)
    assert box.value() == 12.5
    box.setValue(20.25)
    child(question, QPushButton, "Set").click()

    def is_right(recording: Recording) -> bool:
        np.testing.assert_allclose(recording.times, 20.25 + np.arange(40) / 10)
        pupil, speed = (
            trace_at_frames(recording.behavior[name], recording) for name in ("pupil", "speed")
        )
        np.testing.assert_array_equal(pupil, np.arange(40))
        np.testing.assert_allclose(speed, 202.5 + np.arange(40))
        return True

    assert is_right(workspace.movie.recording) and not question.isVisible()
    assert "20.25 s" in visible_texts(dock, QLabel)
    qtbot.waitUntil(lambda: open_session([on_disk.path]).times[0] == 20.25)
    assert is_right(open_session([on_disk.path]))
    assert file_added_last(on_disk.path)[0] == tmp_path / "pupil.npy"  # moved last, and still of it
