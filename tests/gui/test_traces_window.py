"""Traces of areas in the window: painted on their atlas, decoded by their areas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog, QLabel, QLineEdit, QPushButton

from helpers.windows import answer, child, click, visible_texts, wait_until_idle
from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.atlas.traces import write_traces
from napari_cortex_decoder.labels import Paint
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.movie_question import MovieQuestion
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection
from napari_cortex_decoder.widgets.dock.saving_row import SavingRow
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.recording.layers import movie_layer
from napari_cortex_decoder.widgets.workspace import Workspace

LABELS = [area.label for area in load_atlas("dorsal-cortex").areas]
N_TIMES = 300


def values() -> np.ndarray:
    """ΔF/F around 0, each area a wave of its own phase."""
    t = np.arange(N_TIMES)[:, None] / 30
    return 0.02 * np.sin(2 * np.pi * t / 3 + np.arange(len(LABELS)) / 7)


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "m1.csv"
    write_traces(path, values(), LABELS, np.arange(N_TIMES) / 30)
    return path


@pytest.fixture
def shown(qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, traces: Path) -> Workspace:
    workspace.movie.open(traces)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    return workspace


def layer_of(viewer: Viewer, name: str) -> Layer:
    return next(layer for layer in viewer.layers if layer.name == name)


def test_traces_are_painted_under_the_outlines_of_their_atlas(
    viewer: Viewer, dock: CortexDecoderWidget, shown: Workspace
) -> None:
    picture = layer_of(viewer, "m1")
    low, high = picture.contrast_limits
    assert low == -high and high == pytest.approx(0.02, rel=0.05)
    assert picture.colormap.name == "signed traces"
    viewer.dims.set_current_step(0, 45)
    placed = shown.placing.registration
    assert placed is not None
    row, column = np.argwhere(placed.label_image(shown.movie.recording.shape) == 3)[0]
    assert np.asarray(picture.data[45])[row, column] == pytest.approx(values()[45, 2], rel=1e-5)
    names = [layer.name for layer in viewer.layers]
    assert names.index("Atlas outlines") > names.index("m1") and "Landmarks" not in names
    recording = dock.findChild(RecordingSection)
    assert any(f"traces of {len(LABELS)} areas" in s for s in visible_texts(recording, QLabel))


def test_there_is_nothing_to_place_and_the_section_says_so(
    dock: CortexDecoderWidget, shown: Workspace
) -> None:
    section = dock.findChild(AtlasSection)
    section.set_expanded(True)
    guess = child(section, QPushButton, "Guess")
    assert not guess.isEnabled() and "come on their atlas" in guess.toolTip()
    assert guess.toolTip() in visible_texts(section, QLabel)


def test_an_area_decoder_is_proposed_and_reads_them(
    qtbot: QtBot, viewer: Viewer, shown: Workspace, recording: Recording
) -> None:
    assert shown.choice.card is not None and shown.choice.card.name == "run-rest-areas"
    assert shown.decode.obstacle is None
    shown.decode.decode()
    wait_until_idle(qtbot, shown)
    probability = shown.decode.prediction.probability
    assert probability.shape == (N_TIMES, 2) and np.isfinite(probability[100:200]).all()
    images = next(card for card in shown.choice.cards if card.name == "run-rest")
    shown.choice.choose(images)
    assert "run-rest reads images" in (shown.decode.obstacle or "")
    assert shown.saliency.obstacle == shown.tuning.obstacle == shown.decode.obstacle
    shown.choice.choose(next(card for card in shown.choice.cards if card.name == "run-rest-areas"))
    viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))
    assert shown.choice.card.name == "run-rest-areas"  # somebody has chosen it


def test_the_next_movie_has_its_decoder_of_images_again(
    viewer: Viewer, shown: Workspace, recording: Recording
) -> None:
    viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))
    assert shown.choice.card is not None and shown.choice.card.name == "run-rest"
    assert shown.placing.registration is None and shown.decode.obstacle is None


def test_areas_and_labels_are_those_of_the_file(qtbot: QtBot, shown: Workspace) -> None:
    shown.areas.compute()
    qtbot.waitUntil(lambda: shown.areas.traces is not None)
    np.testing.assert_allclose(shown.areas.traces.values, values(), atol=1e-6)
    assert shown.labels.edit(Paint(start=20, stop=60, behavior="run"))
    shown.preprocessing.switch("mask", True)
    shown.preprocessing.set("mask", path=Path("mask.png"))
    assert "have no pixels for the step mask" in (shown.preprocessing.obstacle or "")


def test_traces_are_shown_again_when_the_movie_above_them_goes(
    viewer: Viewer, shown: Workspace, recording: Recording
) -> None:
    movie = viewer.add_layer(Layer.create(*movie_layer(recording, (500.0, 1500.0))))
    viewer.layers.remove(movie)
    assert shown.movie.recording is not None and shown.movie.recording.traces is not None
    assert shown.placing.registration is shown.movie.recording.registration


def test_save_as_writes_the_traces_and_not_their_picture(
    qtbot: QtBot, dock: CortexDecoderWidget, shown: Workspace, tmp_path: Path
) -> None:
    row = dock.findChild(SavingRow)
    child(row, QPushButton, "Save as…").click()
    dialog = row.findChild(QFileDialog)
    assert dialog.nameFilters() == ["NWB (*.nwb)", "Table (*.csv)"]
    dialog.fileSelected.emit(str(tmp_path / "saved.nwb"))
    dialog.close()
    qtbot.waitUntil(lambda: not shown.saving.progress.running)
    saved = open_recording(tmp_path / "saved.nwb")
    assert saved.areas == tuple(LABELS)
    np.testing.assert_allclose(saved.traces.compute(), values(), atol=1e-6)


@pytest.mark.parametrize("given", ["typed", "file"])
def test_traces_whose_areas_no_file_names_are_asked_for_them(
    qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace, tmp_path: Path, given: str
) -> None:
    np.save(tmp_path / "t.npy", np.random.default_rng(0).normal(size=(60, 2)))
    workspace.movie.open(tmp_path / "t.npy")
    question = dock.findChild(MovieQuestion)
    qtbot.waitUntil(question.isVisible)
    assert any("Which areas are they of" in text for text in visible_texts(question, QLabel))
    (names,) = (field for field in question.findChildren(QLineEdit) if field.isVisible())
    if given == "file":
        (tmp_path / "names.txt").write_text("MOs left\nMOs right\n")
        click(qtbot, question, "From file…")
        answer(question, tmp_path / "names.txt")
    else:
        names.setText("MOs left")
        click(qtbot, question, "Open so")
        qtbot.waitUntil(lambda: workspace.movie.opening == "" and question.isVisible())
        assert workspace.movie.recording is None, "one name for two traces"
        names.setText("MOs left, MOs right")
    click(qtbot, question, "Open so")
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    assert workspace.movie.recording.areas == ("MOs left", "MOs right")
    assert not question.isVisible()
