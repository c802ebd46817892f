from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import Notification
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QPushButton,
)

from helpers.windows import N_FRAMES, child, visible_texts, waves
from napari_cortex_decoder.recording import Recording, open_recording, remember_metadata
from napari_cortex_decoder.widgets.dock.movie_question import MovieQuestion
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.parts.number_question import NumberQuestion
from napari_cortex_decoder.widgets.workspace import Workspace

QUESTION = "does not say how many frames a second"


def wait_for_movie(qtbot: QtBot, workspace: Workspace) -> Recording:
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    assert workspace.movie.recording is not None
    return workspace.movie.recording


def asks_for_rate(dock: CortexDecoderWidget) -> bool:
    return any(QUESTION in text for text in visible_texts(dock, QLabel))


def answer(qtbot: QtBot, dock: CortexDecoderWidget, value: float) -> float:
    """Answer the question that is shown; give what it had proposed."""
    (question,) = (each for each in dock.findChildren(NumberQuestion) if each.isVisible())
    box = question.findChild(QDoubleSpinBox)
    proposed = float(box.value())
    box.setValue(value)
    qtbot.mouseClick(child(question, QPushButton, "Set"), Qt.MouseButton.LeftButton)
    return proposed


def offer_change(qtbot: QtBot, dock: CortexDecoderWidget, what: str) -> None:
    """Press the button that offers to say something anew."""
    (button,) = (
        each
        for each in dock.findChildren(QPushButton)
        if each.toolTip() == f"Say the {what} of this movie"
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_an_empty_section_says_what_to_do(dock: CortexDecoderWidget) -> None:
    assert "Open a movie, or drop one on the window." in visible_texts(dock, QLabel)
    behavior = child(dock, QPushButton, "Add behavior…")
    assert not behavior.isEnabled() and "frame rate" in behavior.toolTip()


def test_an_open_recording_shows_its_facts_and_a_tick(
    dock: CortexDecoderWidget, opened: Layer
) -> None:
    shown = visible_texts(dock, QLabel)
    for fact in ("m1", "32 × 32 px, 150 frames", "30 Hz", "5.0 s", "300 µm", "speed", "✓"):
        assert fact in shown


def test_dropped_frames_and_an_uneven_clock_are_told_and_time_is_true(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path
) -> None:
    steps = np.where(np.arange(N_FRAMES + 4) % 2, 0.045, 0.055)
    times = np.delete(np.cumsum(steps) - steps[0], [20, 21, 90, 91])
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["movie"], file["frame_times"] = waves(), times
    workspace.movie.open(tmp_path / "m.h5")
    np.testing.assert_array_equal(wait_for_movie(qtbot, workspace).times, times)
    said = "\n".join(visible_texts(dock, QLabel))
    assert "⚠ 4 frames seem to be missing in 2 places, first after frame 19" in said
    assert "⚠ the frame rate is uneven" in said
    assert "7.7 s" in said  # by its frames alone it would be 7.5
    assert workspace.movie.clock is not None
    np.testing.assert_array_equal(workspace.movie.clock.times, times)


def test_a_movie_opens_in_the_background_as_a_layer_in_seconds_and_mm(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "ünï code.tif"
    info = {"axes": "TYX", "fps": 25.0, "unit": "um"}
    tifffile.imwrite(path, waves(), imagej=True, resolution=(1 / 70, 1 / 70), metadata=info)
    workspace.movie.open(path)
    assert workspace.movie.opening == "ünï code.tif"
    recording = wait_for_movie(qtbot, workspace)
    assert workspace.movie.opening == ""
    assert (recording.n_frames, recording.frame_rate) == (N_FRAMES, 25.0)
    (layer,) = viewer.layers
    assert tuple(layer.scale) == pytest.approx((0.04, 0.07, 0.07))
    np.testing.assert_array_equal(layer.data[10], waves()[10])


def test_a_missing_frame_rate_is_asked_for_once_and_remembered(
    qtbot: QtBot,
    viewer: Viewer,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    tiff_without_rate: Path,
) -> None:
    workspace.movie.open(tiff_without_rate)
    wait_for_movie(qtbot, workspace)
    assert asks_for_rate(dock)
    assert next(str(unit) for unit in viewer.layers[0].units) == "pixel"

    assert answer(qtbot, dock, 20) == 30
    assert not asks_for_rate(dock)
    assert workspace.movie.recording is not None and workspace.movie.recording.frame_rate == 20
    assert viewer.layers[0].scale[0] == pytest.approx(1 / 20)
    assert next(str(unit) for unit in viewer.layers[0].units) == "second"

    viewer.layers.clear()
    assert workspace.movie.recording is None
    kept = tiff_without_rate.with_name("no rate.tif.cortex")
    qtbot.waitUntil((kept / "recording.json").exists)
    workspace.movie.open(tiff_without_rate)
    assert wait_for_movie(qtbot, workspace).frame_rate == 20
    assert not asks_for_rate(dock)


def test_a_wrong_frame_rate_can_be_changed(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, opened: Layer
) -> None:
    offer_change(qtbot, dock, "frame rate")
    assert answer(qtbot, dock, 15) == 30
    assert workspace.movie.recording is not None and workspace.movie.recording.frame_rate == 15
    assert not any(each.isVisible() for each in dock.findChildren(NumberQuestion))
    assert "10.0 s" in visible_texts(dock, QLabel)


def test_an_unknown_pixel_size_is_said_once_and_the_atlas_compares_with_it(
    qtbot: QtBot,
    viewer: Viewer,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    tiff_without_rate: Path,
) -> None:
    remember_metadata(tiff_without_rate, frame_rate=30)
    workspace.movie.open(tiff_without_rate)
    assert wait_for_movie(qtbot, workspace).pixel_size is None
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    workspace.atlas.place_upright()
    outlines = workspace.placing.registration.outlines()
    workspace.preprocessing.switch("bin", True)
    workspace.preprocessing.apply()
    qtbot.waitUntil(lambda: workspace.movie.recording.shape == (16, 16))
    offer_change(qtbot, dock, "pixel")
    answer(qtbot, dock, 60)

    raw, shown = workspace.movie.raw, workspace.movie.recording
    assert (raw.pixel_size, shown.pixel_size) == (0.06, 0.12)
    assert "120 µm" in visible_texts(dock, QLabel)
    assert {str(unit) for layer in viewer.layers for unit in layer.units[-2:]} == {"millimeter"}
    assert viewer.layers[0].scale[-1] == pytest.approx(0.12)
    placed = workspace.placing.registration
    assert placed.pixel_size == pytest.approx(0.12)
    np.testing.assert_allclose(placed.outlines()[0], (outlines[0] - 0.5) / 2, atol=1e-9)
    assert any("the recording says 120.0 µm" in text for text in placed.warnings)

    offer_change(qtbot, dock, "pixel")
    assert answer(qtbot, dock, 1000 * 10.5 / 32) == 60  # what an upright placing of 32 px takes
    assert not workspace.placing.registration.warnings
    kept = tiff_without_rate.with_name("no rate.tif.cortex") / "recording.json"
    qtbot.waitUntil(lambda: "0.32" in kept.read_text())
    assert open_recording(tiff_without_rate).pixel_size == pytest.approx(0.328, abs=0.001)


def test_a_broken_movie_ends_in_one_sentence(
    qtbot: QtBot, workspace: Workspace, notifications: list[Notification], tmp_path: Path
) -> None:
    path = tmp_path / "broken.tif"
    path.write_text("this is no movie")
    workspace.movie.open(path)
    qtbot.waitUntil(lambda: bool(notifications))
    assert str(path) in notifications[0].message
    assert workspace.movie.opening == "" and workspace.movie.recording is None


def test_files_that_do_not_say_how_to_read_them_are_asked_about_once(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    movie, form = workspace.movie, dock.findChild(MovieQuestion)
    several, raw = tmp_path / "m.h5", tmp_path / "m.bin"
    with h5py.File(several, "w") as file:
        file["early"], file["late"] = waves(), waves() + 1
    waves().tofile(raw)

    movie.open(several)
    qtbot.waitUntil(form.isVisible)
    assert "2 arrays" in notifications[0].message and movie.opening == ""
    form.findChild(QComboBox).setCurrentText("late")
    qtbot.mouseClick(child(form, QPushButton, "Open so"), Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(wait_for_movie(qtbot, workspace).movie[3], waves()[3] + 1)
    assert not form.isVisible()
    np.testing.assert_array_equal(open_recording(several).movie[3], waves()[3] + 1)

    movie.open(raw)
    qtbot.waitUntil(form.isVisible)
    rows, columns = form.findChildren(QDoubleSpinBox)
    rows.setValue(31)
    columns.setValue(32)
    qtbot.mouseClick(child(form, QPushButton, "Open so"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "whole frames" in notifications[-1].message)
    assert form.isVisible() and movie.recording is not None and movie.recording.name == "m"
    rows.setValue(32)
    qtbot.mouseClick(child(form, QPushButton, "Open so"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: movie.recording.format == "raw")
    np.testing.assert_array_equal(movie.recording.movie, waves())
    assert not form.isVisible() and open_recording(raw).shape == (32, 32)

    (tmp_path / "other.bin").write_bytes(raw.read_bytes())
    movie.open(tmp_path / "other.bin")
    qtbot.waitUntil(form.isVisible)
    qtbot.mouseClick(child(form, QPushButton, "Leave it"), Qt.MouseButton.LeftButton)
    assert not form.isVisible() and movie.recording.format == "raw"


def test_behavior_of_the_papers_layout_becomes_a_trace_and_labels(
    qtbot: QtBot, workspace: Workspace, opened: Layer, tmp_path: Path
) -> None:
    labels = (np.arange(N_FRAMES) >= 60).astype(float)
    path = tmp_path / "m1_behavior.mat"
    scipy.io.savemat(path, {"runrest": labels[None], "speed_rs": 3 * labels[None]})
    workspace.movie.add_behavior(path)
    qtbot.waitUntil(lambda: workspace.labels.ethogram is not None)
    assert workspace.movie.recording is not None and workspace.labels.ethogram is not None
    np.testing.assert_array_equal(workspace.movie.recording.behavior["speed"].values, 3 * labels)
    assert workspace.labels.ethogram.behaviors == ("rest", "run")
    np.testing.assert_array_equal(workspace.labels.ethogram.frames(), labels)


def test_behavior_that_does_not_fit_ends_in_one_sentence(
    qtbot: QtBot,
    workspace: Workspace,
    opened: Layer,
    notifications: list[Notification],
    tmp_path: Path,
) -> None:
    path = tmp_path / "short.mat"
    scipy.io.savemat(path, {"speed_rs": np.ones((1, 17))})
    workspace.movie.add_behavior(path)
    qtbot.waitUntil(lambda: bool(notifications))
    assert "17" in notifications[0].message and str(path) in notifications[0].message


@pytest.mark.parametrize("place", ["dock", "canvas"])
def test_a_movie_can_be_dropped_on_dock_and_canvas(
    qtbot: QtBot,
    viewer: Viewer,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    tiff_without_rate: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    from napari.settings import get_settings

    # one of several readers of TIFF, as a user would have chosen when napari asked
    monkeypatch.setitem(get_settings().plugins.extension2reader, "*.tif", "napari-cortex-decoder")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tiff_without_rate))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, none)
    (dock if place == "dock" else viewer.window._qt_viewer).dropEvent(event)
    assert wait_for_movie(qtbot, workspace).path == tiff_without_rate


def test_open_asks_for_a_file_without_blocking(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tiff_without_rate: Path
) -> None:
    qtbot.mouseClick(child(dock, QPushButton, "Open…"), Qt.MouseButton.LeftButton)
    dialog = dock.findChild(QFileDialog)
    assert dialog.isVisible() and "*.tif" in dialog.nameFilters()[0]
    dialog.filesSelected.emit([str(tiff_without_rate)])
    dialog.close()
    assert wait_for_movie(qtbot, workspace).name == "no rate"


def test_movies_dropped_together_on_the_dock_may_be_one_session(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path
) -> None:
    files = [tmp_path / f"m_{number}.tif" for number in (10, 9)]
    for file, part in zip(files, (waves()[100:], waves()[:100]), strict=True):
        tifffile.imwrite(file, part, photometric="minisblack")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, none))
    assert workspace.sessions.asking == tuple(files) and workspace.movie.opening == ""
    workspace.sessions.answer(one=True)
    assert workspace.movie.opening == "2 files"
    np.testing.assert_array_equal(np.asarray(wait_for_movie(qtbot, workspace).movie), waves())
