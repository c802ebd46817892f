from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from threading import Event
from types import ModuleType

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from helpers.windows import N_FRAMES, child, visible_texts, wait_until_idle, waves
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Previews, Recording, preprocess
from napari_cortex_decoder.recording.preprocessing import (
    Bin,
    Crop,
    DeltaF,
    Detrend,
    FillGaps,
    Hemodynamics,
    Step,
)
from napari_cortex_decoder.sessions.preprocessed import looks_around
from napari_cortex_decoder.widgets.canvas.companion_layers import PREVIEW
from napari_cortex_decoder.widgets.dock.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.preprocessing import preprocessing_jobs
from napari_cortex_decoder.widgets.preprocessing.step_rows import TITLES, StepRow
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.workspace import Workspace


@pytest.fixture
def group(dock: CortexDecoderWidget) -> PreprocessingGroup:
    """The group, unfolded."""
    group = dock.findChild(PreprocessingGroup)
    group.set_expanded(True)
    return group


def row_of(group: PreprocessingGroup, name: str) -> StepRow:
    return group._rows[name]


def click(qtbot: QtBot, widget: QWidget, text: str, kind: type = QPushButton) -> None:
    part = child(widget, kind, text)
    assert part.isEnabled(), part.toolTip()
    part.click()


def wait_for_job(qtbot: QtBot, workspace: Workspace) -> Recording:
    qtbot.waitUntil(lambda: not workspace.preprocessing.progress.running)
    assert workspace.movie.recording is not None
    return workspace.movie.recording


def apply(qtbot: QtBot, workspace: Workspace, **steps: dict[str, object]) -> Recording:
    for name, settings in steps.items():
        workspace.preprocessing.switch(name.replace("_", "-"), True)
        workspace.preprocessing.set(name.replace("_", "-"), **settings)
    workspace.preprocessing.apply()
    return wait_for_job(qtbot, workspace)


def add_two_colors(viewer: Viewer, workspace: Workspace, recording: Recording) -> Recording:
    """Open the recording with a reference of larger pixels, which explains all of the movie."""
    reference = np.random.default_rng(3).integers(900, 1100, (N_FRAMES, 16, 16)).astype(np.uint16)
    movie = 3 * reference.repeat(2, axis=1).repeat(2, axis=2)
    both = recording.replace(
        movie=da.from_array(movie, chunks=(16, 32, 32)),
        reference=da.from_array(reference, chunks=(16, 16, 16)),
    )
    viewer.add_layer(Layer.create(*movie_layer(both, (500.0, 1500.0))))
    return both


def test_steps_are_rows_in_the_order_in_which_they_are_applied(group: PreprocessingGroup) -> None:
    shown = [box.text() for box in group.findChildren(QCheckBox) if box.text() in TITLES.values()]
    assert shown == list(TITLES.values())


def test_nothing_can_be_switched_on_without_a_recording(group: PreprocessingGroup) -> None:
    for title in TITLES.values():
        box = child(group, QCheckBox, title)
        assert not box.isEnabled() and "Open a recording" in box.toolTip()


def test_settings_show_while_their_step_is_on_and_only_those_that_matter(
    qtbot: QtBot, group: PreprocessingGroup, opened: Layer
) -> None:
    row = row_of(group, "delta-f")
    assert visible_texts(row, QLabel) == []
    click(qtbot, group, "ΔF/F", QCheckBox)
    assert visible_texts(row, QLabel) == ["baseline", "dark"]
    baseline = row.findChild(QComboBox)
    baseline.setCurrentIndex(baseline.findData("moving"))
    assert visible_texts(row, QLabel) == ["baseline", "percentile", "window", "dark"]


def test_apply_shows_and_decodes_the_preprocessed_recording_and_back_to_raw_undoes_it(
    qtbot: QtBot,
    group: PreprocessingGroup,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
) -> None:
    click(qtbot, group, "Bin", QCheckBox)
    click(qtbot, group, "ΔF/F", QCheckBox)
    click(qtbot, group, "Apply")
    shown = wait_for_job(qtbot, workspace)
    steps = (Bin(pixels=2), DeltaF())
    assert shown.steps == tuple(step.provenance() for step in steps)
    expected = preprocess(recording, steps).movie
    np.testing.assert_allclose(opened.data[40], expected[40])
    assert tuple(opened.scale) == pytest.approx((1 / 30, 0.6, 0.6))
    assert "16 × 16 px, 150 frames" in visible_texts(group.window(), QLabel)
    assert "Bin, ΔF/F" in visible_texts(group, QLabel)
    apply_again = child(group, QPushButton, "Apply")
    assert not apply_again.isEnabled() and "are applied" in apply_again.toolTip()

    click(qtbot, group, "Back to raw")
    assert wait_for_job(qtbot, workspace) is recording
    np.testing.assert_array_equal(opened.data[40], waves()[40])
    assert tuple(opened.scale) == pytest.approx((1 / 30, 0.3, 0.3))
    low, high = opened.contrast_limits
    assert low < np.median(waves()) < high
    assert not child(group, QPushButton, "Back to raw").isEnabled()


def test_a_prediction_says_which_steps_it_was_made_after(
    qtbot: QtBot, workspace: Workspace, opened: Layer, decoder_file: Path, tmp_path: Path
) -> None:
    apply(qtbot, workspace, delta_f={})
    workspace.choice.offer(decoder_file)
    workspace.decode.decode()
    wait_until_idle(qtbot, workspace)
    workspace.decode.save(tmp_path / "m1.csv")
    record = json.loads((tmp_path / "m1.json").read_text(encoding="utf-8"))
    assert [step["name"] for step in record["settings"]["preprocessing"]] == ["delta-f"]


def test_a_crop_lies_where_its_pixels_were(
    qtbot: QtBot, workspace: Workspace, opened: Layer
) -> None:
    place_of_raw_pixel = opened.data_to_world((30, 12.5, 20.5))
    shown = apply(
        qtbot, workspace, crop={"rows": (8, 24), "columns": (4, 32), "frames": None}, bin={}
    )
    assert shown.shape == (8, 14)
    # raw rows 12 and 13 are row 2 of what is left, columns 20 and 21 are column 8
    np.testing.assert_allclose(opened.data_to_world((30, 2, 8)), place_of_raw_pixel)


def test_cropped_frames_take_slider_labels_and_speed_along(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer, recording: Recording
) -> None:
    workspace.movie.seek(120)
    shown = apply(qtbot, workspace, crop={"frames": (30, 90)})
    assert shown.n_frames == 60
    assert workspace.movie.frame < 60
    first = shown.behavior["speed"]
    at_zero = np.searchsorted(first.times, 0.0)
    assert first.values[at_zero] == recording.behavior["speed"].values[30]


def test_the_truth_of_a_simulated_mouse_follows_its_frames(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace
) -> None:
    from napari_cortex_decoder.simulation import simulate_recording

    mouse = simulate_recording(seed=1, subject=1, seconds=4.0, shape=(32, 32))
    viewer.add_layer(Layer.create(*movie_layer(mouse, (500.0, 1500.0))))
    shown = apply(qtbot, workspace, crop={"frames": (20, 80)}, bin={"pixels": 1, "frames": 3})
    assert shown.n_frames == 20 and workspace.labels.ethogram is not None
    np.testing.assert_array_equal(
        workspace.labels.ethogram.frames(), mouse.truth.ethogram.frames()[20:80:3]
    )


def test_steps_that_look_around_are_computed_once_and_kept_beside_the_file(
    qtbot: QtBot,
    group: PreprocessingGroup,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    path = tmp_path / "m2.tif"
    tifffile.imwrite(path, waves(), imagej=True, metadata={"axes": "TYX", "fps": 30.0})
    workspace.movie.open(path)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    raw = workspace.movie.raw
    assert raw is not None
    click(qtbot, group, "Detrend", QCheckBox)
    box = next(box for box in group.findChildren(QCheckBox) if "on disk" in box.text())
    assert box.isChecked() and not box.isEnabled() and "computed once" in box.toolTip()
    click(qtbot, group, "Apply")
    shown = wait_for_job(qtbot, workspace)
    (kept,) = (tmp_path / "m2.tif.cortex" / "preprocessed").iterdir()
    assert kept.suffix == ".zarr"
    assert shown.path == path
    np.testing.assert_allclose(shown.movie, preprocess(raw, [Detrend()]).movie, atol=1e-3)


def test_a_recording_without_file_keeps_its_frames_only_as_long_as_the_window(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shown = apply(qtbot, workspace, detrend={"window": 1.0})
    assert shown.path is None
    np.testing.assert_allclose(
        shown.movie, preprocess(recording, [Detrend(window=1.0)]).movie, atol=1e-3
    )
    assert list(tmp_path.rglob("*.zarr"))
    workspace.preprocessing.close()
    assert not list(tmp_path.iterdir())


def test_a_cancelled_job_leaves_everything_as_it_was(
    qtbot: QtBot,
    group: PreprocessingGroup,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, ended = Event(), Event()

    def endless(raw: Recording, steps: object, progress: object) -> Recording:
        try:
            while not go_on.wait(0.02):
                progress(Progress("motion", 1, 10))  # type: ignore[operator]
            return raw
        finally:
            ended.set()

    monkeypatch.setattr(preprocessing_jobs, "preprocess", endless)
    click(qtbot, group, "Motion correction", QCheckBox)
    click(qtbot, group, "Apply")
    qtbot.waitUntil(lambda: workspace.preprocessing.progress.stage == "motion")
    assert any(text.startswith("Motion  10 %") for text in visible_texts(group, QLabel))
    assert not child(group, QPushButton, "Apply").isEnabled()
    click(qtbot, group, "Cancel")
    assert "Cancelled." in visible_texts(group, QLabel)
    assert ended.wait(2), "the thread goes on after Cancel"
    assert workspace.movie.recording is recording


def test_a_step_that_fails_is_told_in_one_sentence_and_the_movie_stays(
    qtbot: QtBot,
    group: PreprocessingGroup,
    workspace: Workspace,
    opened: Layer,
    recording: Recording,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    mask = tmp_path / "mask.npy"
    np.save(mask, np.ones((5, 7), np.uint8))
    click(qtbot, group, "Mask", QCheckBox)
    assert "Choose a mask" in child(group, QPushButton, "Apply").toolTip()
    row_of(group, "mask").findChild(QLineEdit).setText(str(mask))
    click(qtbot, group, "Apply")
    qtbot.waitUntil(lambda: bool(notifications))
    assert "(5, 7)" in notifications[0].message
    assert workspace.movie.recording is recording


def test_the_preview_follows_slider_and_settings_and_lies_on_the_movie(
    qtbot: QtBot, viewer: Viewer, group: PreprocessingGroup, workspace: Workspace, opened: Layer
) -> None:
    look = child(group, QPushButton, "Preview")
    assert not look.isEnabled() and "Switch on a step" in look.toolTip()
    workspace.preprocessing.switch("crop", True)
    workspace.preprocessing.set("crop", rows=(8, 24))
    workspace.preprocessing.switch("bin", True)
    workspace.movie.seek(50)
    look.click()
    binned = waves()[:, 8:24].reshape(N_FRAMES, 8, 2, 16, 2).mean(axis=(2, 4))

    def shows(frame: int) -> bool:
        return PREVIEW in viewer.layers and np.allclose(viewer.layers[PREVIEW].data, binned[frame])

    qtbot.waitUntil(lambda: shows(50))
    layer = viewer.layers[PREVIEW]
    np.testing.assert_allclose(
        layer.data_to_world((2, 8)), opened.data_to_world((0, 12.5, 16.5))[1:]
    )
    assert viewer.layers.selection.active is not layer
    workspace.movie.seek(60)
    qtbot.waitUntil(lambda: shows(60))
    workspace.preprocessing.set("bin", pixels=4)
    qtbot.waitUntil(lambda: viewer.layers[PREVIEW].data.shape == (4, 8))
    look.click()
    assert PREVIEW not in viewer.layers


def test_of_many_previews_asked_for_while_one_is_computed_only_the_last_follows(
    qtbot: QtBot, workspace: Workspace, opened: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    first, go_on = Event(), Event()

    def slow(previews: Previews, steps: object, frame: int) -> np.ndarray:
        computed.append(frame)
        first.set()
        go_on.wait(5)
        return np.full((4, 4), frame)

    monkeypatch.setattr(Previews, "frame", slow)
    shown: list[int] = []
    workspace.preview.previewed.connect(
        lambda preview: shown.append(int(preview.image[0, 0])) if preview else None
    )
    workspace.preprocessing.switch("bin", True)
    workspace.movie.seek(10)
    workspace.preview.switch(True)
    assert first.wait(5)
    for frame in range(11, 40):
        workspace.movie.seek(frame)
    go_on.set()
    qtbot.waitUntil(lambda: bool(shown))
    assert computed == [10, 39] and shown == [39]


def test_a_frame_that_the_steps_drop_has_no_preview_and_the_group_says_why(
    qtbot: QtBot, group: PreprocessingGroup, workspace: Workspace, opened: Layer
) -> None:
    workspace.preprocessing.switch("crop", True)
    workspace.preprocessing.set("crop", frames=(0, 20))
    workspace.movie.seek(100)
    workspace.preview.switch(True)
    qtbot.waitUntil(lambda: "dropped" in workspace.preview.problem)
    assert any("dropped" in text for text in visible_texts(group, QLabel))
    workspace.preview.switch(False)


def test_hemodynamic_correction_needs_a_reference_and_says_how_to_come_by_one(
    qtbot: QtBot,
    viewer: Viewer,
    group: PreprocessingGroup,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    colors = np.stack([waves(), waves() // 2], axis=1).reshape(2 * N_FRAMES, 32, 32)
    path = tmp_path / "turns.tif"
    tifffile.imwrite(path, colors, imagej=True, metadata={"axes": "TYX", "fps": 60.0})
    workspace.movie.open(path)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    box = child(group, QCheckBox, "Hemodynamic correction")
    assert not box.isEnabled()
    assert any("no reference movie" in text for text in visible_texts(group, QLabel))
    click(qtbot, group, "Split colors")
    both = wait_for_job(qtbot, workspace)
    assert both.frame_rate == pytest.approx(30) and both.reference is not None
    np.testing.assert_array_equal(viewer.layers["turns"].data[7], colors[14])
    assert box.isEnabled()


def test_a_reference_from_another_file_is_taken_or_refused(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    for name, frames in (("small", waves()[:, ::2, ::2]), ("short", waves(90))):
        tifffile.imwrite(tmp_path / f"{name}.tif", frames, photometric="minisblack")
    workspace.preprocessing.add_reference(tmp_path / "short.tif")
    qtbot.waitUntil(lambda: bool(notifications))
    assert "the reference has shape (90, 32, 32)" in notifications[0].message
    workspace.preprocessing.add_reference(tmp_path / "small.tif")
    shown = wait_for_job(qtbot, workspace)
    assert shown.reference is not None
    np.testing.assert_array_equal(shown.reference, waves()[:, ::2, ::2])
    assert "speed" in shown.behavior


def test_the_reference_is_a_hidden_layer_on_the_movie_that_comes_and_goes_with_it(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    add_two_colors(viewer, workspace, recording)
    name = "m1 (reference)"
    qtbot.waitUntil(lambda: name in viewer.layers)
    layer = viewer.layers[name]
    assert not layer.visible
    assert viewer.layers.index(name) < viewer.layers.index("m1")
    movie = viewer.layers["m1"]
    np.testing.assert_allclose(layer.data_to_world((9, 3, 5)), movie.data_to_world((9, 6.5, 10.5)))
    layer.visible = True
    apply(qtbot, workspace, bin={})
    qtbot.waitUntil(lambda: viewer.layers[name].data.shape == (N_FRAMES, 16, 16))
    assert viewer.layers[name].visible
    viewer.layers.remove("m1")
    assert name not in viewer.layers


def test_correction_takes_away_what_the_reference_explains(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, recording: Recording
) -> None:
    add_two_colors(viewer, workspace, recording)
    shown = apply(qtbot, workspace, delta_f={}, hemodynamics={"highpass": None, "lowpass": None})
    assert np.abs(shown.movie.compute()).max() < 1e-4
    qtbot.waitUntil(lambda: "m1 (reference)" in viewer.layers)


def test_behavior_that_is_added_later_belongs_to_the_raw_recording_too(
    qtbot: QtBot, workspace: Workspace, opened: Layer, tmp_path: Path
) -> None:
    apply(qtbot, workspace, crop={"frames": (30, 90)})
    path = tmp_path / "pupil.npy"
    np.save(path, np.arange(N_FRAMES, dtype=float))
    workspace.movie.add_behavior(path)
    qtbot.waitUntil(
        lambda: (
            workspace.movie.recording is not None and "pupil" in workspace.movie.recording.behavior
        )
    )
    assert workspace.movie.recording is not None and workspace.movie.raw is not None
    cropped = workspace.movie.recording.behavior["pupil"]
    assert cropped.values[np.searchsorted(cropped.times, 0.0)] == 30
    assert workspace.movie.raw.behavior["pupil"].values.size == N_FRAMES
    assert workspace.movie.recording.n_frames == 60


def test_another_clock_is_taken_unless_a_step_was_computed_for_the_old_one(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    notifications: list[Notification],
) -> None:
    apply(qtbot, workspace, bin={"pixels": 1, "frames": 3})
    workspace.movie.set_frame_rate(60)
    assert workspace.movie.recording is not None and workspace.movie.raw is not None
    assert workspace.movie.recording.frame_rate == pytest.approx(20)
    assert workspace.movie.raw.frame_rate == 60
    apply(qtbot, workspace, detrend={"window": 0.5})
    workspace.movie.set_frame_rate(30)
    assert "another clock" in notifications[-1].message
    assert workspace.movie.raw.frame_rate == 60


def test_another_movie_starts_raw_with_the_same_steps_at_hand(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, opened: Layer, recording: Recording
) -> None:
    apply(qtbot, workspace, bin={})
    other = recording.replace(movie=recording.movie + 1, name="m2")
    layer = viewer.add_layer(Layer.create(*movie_layer(other, (500.0, 1500.0))))
    assert workspace.movie.recording is other and workspace.movie.raw is other
    assert workspace.preprocessing.chosen == (Bin(),)
    assert workspace.preprocessing.applied == ()
    viewer.layers.remove(layer)
    assert workspace.movie.raw is recording
    assert workspace.preprocessing.applied == (Bin(),)


def test_a_crop_is_entered_within_the_movie_and_forgotten_with_its_size(
    qtbot: QtBot, viewer: Viewer, group: PreprocessingGroup, workspace: Workspace, opened: Layer,
    recording: Recording,
) -> None:  # fmt: skip
    click(qtbot, group, "Crop", QCheckBox)
    first, stop = (box.native for box in row_of(group, "crop")._form["frames"])
    stop.setValue(999)
    assert stop.value() == N_FRAMES
    first.setValue(40)
    stop.setValue(90)
    assert workspace.preprocessing.chosen == (Crop(frames=(40, 90)),)
    stop.setValue(30)
    assert "a first one to a later one" in child(group, QPushButton, "Apply").toolTip()
    other = recording.replace(movie=da.from_array(waves(60), chunks=(16, 32, 32)), name="m2")
    viewer.add_layer(Layer.create(*movie_layer(other, (500.0, 1500.0))))
    assert workspace.preprocessing.chosen == ()
    assert workspace.preprocessing.drafts["crop"].settings["frames"] is None


def test_nothing_is_computed_on_the_thread_of_the_window(
    qtbot: QtBot, workspace: Workspace, opened: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, threading.Thread] = {}

    def watch(owner: ModuleType | type, name: str) -> None:
        real = getattr(owner, name)

        def watched(*args: object, **settings: object) -> object:
            seen[name] = threading.current_thread()
            return real(*args, **settings)

        monkeypatch.setattr(owner, name, watched)

    for name in ("preprocess", "cached", "layer_of"):
        watch(preprocessing_jobs, name)
    watch(Previews, "frame")
    workspace.preprocessing.switch("detrend", True)
    workspace.preview.switch(True)
    qtbot.waitUntil(lambda: "frame" in seen)
    workspace.preprocessing.apply()
    wait_for_job(qtbot, workspace)
    assert set(seen) == {"preprocess", "cached", "layer_of", "frame"}
    assert threading.main_thread() not in seen.values()


@pytest.mark.parametrize(
    ("step", "looks"),
    [
        (DeltaF(), False),
        (DeltaF(baseline="percentile"), False),
        (DeltaF(baseline="moving"), True),
        (Hemodynamics(), True),
        (Hemodynamics(highpass=None), True),
        (Hemodynamics(highpass=None, lowpass=None), False),
        (Detrend(), True),
        (FillGaps(), False),
    ],
    ids=repr,
)
def test_only_steps_that_look_around_in_time_have_their_frames_kept(
    step: Step, looks: bool
) -> None:
    assert looks_around(step) == looks


def test_the_lag_of_the_reference_is_typed_or_left_to_the_file(
    qtbot: QtBot, group: PreprocessingGroup, workspace: Workspace, recording: Recording,
    viewer: Viewer,
) -> None:  # fmt: skip
    two = recording.replace(reference=recording.movie, reference_lag=0.5)
    viewer.add_layer(Layer.create(*movie_layer(two, (500.0, 1500.0))))
    click(qtbot, group, TITLES["hemodynamics"], QCheckBox)
    row = row_of(group, "hemodynamics")
    (lag,) = (
        box for box in row.findChildren(QDoubleSpinBox)
        if box.isVisible() and box.specialValueText() and box.maximum() < 1
    )  # fmt: skip
    assert lag.value() == lag.minimum(), "what the file says"
    for value in (0.25, lag.minimum()):
        lag.setValue(value)
        expected = None if value == lag.minimum() else value
        assert workspace.preprocessing.drafts["hemodynamics"].settings["lag"] == expected
