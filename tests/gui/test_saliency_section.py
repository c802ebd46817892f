"""The section Saliency in a real window: asking, cancelling, bars, the layer, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
import tifffile
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton

from helpers.toys import SIZE, Linear, linear_decoder, quarters
from helpers.windows import N_FRAMES, child, loads
from napari_cortex_decoder.decoder import make_decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.labels import Bout, Ethogram, write_labels
from napari_cortex_decoder.labels.edits import Replace
from napari_cortex_decoder.saliency import Question, answering
from napari_cortex_decoder.saliency.masking import encoding
from napari_cortex_decoder.widgets.canvas.saliency_layers import KEPT, NAME
from napari_cortex_decoder.widgets.decode.choice_model import DecoderCard
from napari_cortex_decoder.widgets.dock.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.saliency import saliency_model
from napari_cortex_decoder.widgets.saliency.importance_bars import ImportanceBars, bars_of
from napari_cortex_decoder.widgets.workspace import Workspace

LOWER_RIGHT = np.zeros((SIZE, SIZE))
LOWER_RIGHT[16:, 16:] = 0.01


def choose(workspace: Workspace, card: DecoderCard) -> None:
    workspace.choice.cards = (*workspace.choice.cards, card)
    workspace.choice.choose(card)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[Linear]:
    """A linear decoder is chosen; it is run as it is."""
    monkeypatch.setattr(encoding, "InferenceNetwork", lambda network: network)
    decoder, network = linear_decoder(LOWER_RIGHT)
    monkeypatch.setattr(saliency_model, "load_decoder", loads(decoder))
    choose(workspace, DecoderCard("linear", "linear", decoder.config))
    workspace.choice.device = "cpu"
    yield network


@pytest.fixture
def labelled(qtbot: QtBot, opened: Layer, workspace: Workspace) -> Ethogram:
    """The wave's phase at the lower right, where it is highest, as if it were a behaviour."""
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None)
    movie = workspace.movie.recording.movie.compute().astype(float)
    high = movie[:, 16:, 16:].mean(axis=(1, 2))
    ethogram = Ethogram.from_frames((high > np.median(high)).astype(int), ("rest", "run"))
    take(workspace, ethogram.bouts)
    workspace.placing.begin(quarters())
    return ethogram


def take(workspace: Workspace, bouts: tuple[Bout, ...]) -> None:
    """Label the whole recording."""
    assert workspace.labels.edit(Replace(start=0, stop=N_FRAMES, bouts=bouts))


def wait(qtbot: QtBot, workspace: Workspace) -> None:
    qtbot.waitUntil(lambda: not workspace.saliency.progress.running)


def test_the_button_says_what_is_missing(
    workspace: Workspace, dock: CortexDecoderWidget, opened: Layer, network: Linear
) -> None:
    model = workspace.saliency
    run = child(dock, QPushButton, "Explain")
    assert model.obstacle == "Place the atlas first." and not run.isEnabled()
    assert run.toolTip() == "Place the atlas first."
    model.change(method="cutouts")
    assert model.obstacle == "Label some bouts first, or choose other frames."
    model.change(span="session")
    assert model.obstacle is None and run.isEnabled()
    model.change(method="grad-cam", span="bouts")
    assert model.obstacle == "Label some bouts first, or choose other frames."
    model.change(span="range")
    assert "Mark where the frames begin and end" in model.obstacle
    workspace.movie.seek(40)
    child(dock, QPushButton, "Begin here").click()
    workspace.movie.seek(59)
    child(dock, QPushButton, "End here").click()
    assert model.marked == (40, 60) and model.obstacle is None
    workspace.movie.seek(80)  # after the end: that is to be marked anew
    child(dock, QPushButton, "Begin here").click()
    assert model.marked == (80, None) and model.obstacle is not None


def test_importance_is_counted_in_log_odds_where_one_chooses_them(
    qtbot: QtBot,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
) -> None:
    section = dock.findChild(SaliencySection)
    section.set_expanded(True)
    model = workspace.saliency
    (scores,) = (box for box in section.findChildren(QComboBox) if box.findData("log-odds") >= 0)
    model.change(method="areas", span="behavior")
    assert not scores.isVisible()  # within one behavior there is nothing but log-odds
    model.change(span="session")
    assert scores.isVisible() and scores.currentData() == "auc"
    scores.setFocus()
    qtbot.keyClick(scores, Qt.Key.Key_End)
    assert model.score == "log-odds"
    model.run()
    wait(qtbot, workspace)
    result = model.result.areas
    assert result.score == "log-odds" and result.ranked().iloc[0]["acronym"] == "B"
    assert "log-odds lost" in dock.findChild(ImportanceBars).bottom.labelString()
    assert bars_of(model.result)[0].alone is None  # too few bouts to learn anew
    for name in ("alone", "others"):
        result.table[[name, f"{name}_low", f"{name}_high"]] = 0.9, 0.8, 0.95
    bars = dock.findChild(ImportanceBars)
    bars.show_result(model.result)  # what areas carry stands beside what is used
    assert bars_of(model.result)[0].alone == bars_of(model.result)[0].others == (0.9, 0.8, 0.95)
    assert bars.bottom.labelString() and bars.grab().width() > 0
    assert "AUC" not in model.result.verdict


def test_the_window_and_the_command_line_ask_the_same(
    qtbot: QtBot,
    workspace: Workspace,
    network: Linear,
    labelled: Ethogram,
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    asked: list[Question] = []

    def refuse(question: Question, *_: object) -> None:
        asked.append(question)
        raise DecoderError("for a test.")

    monkeypatch.setattr(answering, "answer", refuse)
    model, movie = workspace.saliency, workspace.movie.recording
    model.run()
    wait(qtbot, workspace)
    decoder = saliency_model.load_decoder("linear")
    monkeypatch.setattr("napari_cortex_decoder.decoder.load_decoder", lambda name: decoder)
    tifffile.imwrite(tmp_path / "m.tif", movie.movie.compute(), photometric="minisblack")
    write_labels(labelled, tmp_path / "l.csv", movie)
    quarters().save(tmp_path / "a.json")
    code, _, said = run(
        *("explain", tmp_path / "m.tif", "--registration", tmp_path / "a.json"),
        *("--labels", tmp_path / "l.csv", "--out", tmp_path, "--frame-rate", 30),
        *("--decoder", "linear", "--device", "cpu"),
    )
    assert code == 2 and "for a test." in said
    of_each = {"recording", "registration", "ethogram", "compute"}
    one, other = (
        {name: value for name, value in vars(question).items() if name not in of_each}
        for question in asked
    )
    assert one == other
    scored = [answering.scored_frames(question) for question in asked]
    np.testing.assert_array_equal(*scored)


def test_bars_verdict_and_layer_follow_a_run(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
) -> None:
    model = workspace.saliency
    model.change(method="areas", span="session", behavior="run")
    model.run()
    assert model.progress.running
    wait(qtbot, workspace)
    result = model.result.areas
    assert result is not None and result.ranked().iloc[0]["acronym"] == "B"
    layer = viewer.layers[NAME]
    assert layer.blending == "additive" and layer.data.shape == (SIZE, SIZE)
    low, high = layer.contrast_limits
    assert low == -high
    assert layer.data[24, 24] == pytest.approx(high) and layer.data[4, 4] == 0
    bars = dock.findChild(ImportanceBars)
    assert bars is not None
    assert "x0.001" not in bars.bottom.labelString()
    picked = result.ranked().index[0]
    bars.picked.emit(int(picked))
    assert workspace.areas.selected == result.targets[picked].members
    bars.hovered.emit(int(picked))
    assert workspace.areas.hovered == result.targets[picked].members[0]
    bars.hovered.emit(None)
    assert workspace.areas.hovered is None


def test_a_click_on_a_bar_selects_its_area(
    qtbot: QtBot,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
) -> None:
    workspace.saliency.change(method="pairs", span="session")
    workspace.saliency.run()
    wait(qtbot, workspace)
    bars = dock.findChild(ImportanceBars)
    bars.resize(300, bars.height())
    scene = bars.view.mapViewToScene(QPointF(0, 0))
    qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=bars.mapFromScene(scene))
    first = workspace.saliency.result.areas.ranked().index[0]
    expected = workspace.saliency.result.areas.targets[first].members
    assert workspace.areas.selected == expected


def test_maps_of_a_frame_lie_over_the_frames_of_its_window(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, network: Linear, opened: Layer
) -> None:
    workspace.movie.seek(60)
    workspace.saliency.change(method="integrated-gradients", span="frame")
    workspace.saliency.run()
    wait(qtbot, workspace)
    maps = workspace.saliency.result.maps
    assert maps is not None and maps.scored == (60, 61)
    layer = viewer.layers[NAME]
    first = float(layer.data_to_world([0, 0, 0])[0]) * workspace.movie.recording.frame_rate
    assert first == pytest.approx(57)  # three raw frames before
    assert layer.contrast_limits == [-maps.scale, maps.scale]
    assert layer.colorbar.visible
    np.testing.assert_allclose(layer.extent.world[:, 1:], opened.extent.world[:, 1:], atol=1e-6)


def test_cancel_works_and_leaves_nothing(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    network: Linear,
    labelled: Ethogram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    slow = network.encode

    def encode(images):  # type: ignore[no-untyped-def]
        time.sleep(0.05)
        return slow(images)

    monkeypatch.setattr(network, "encode", encode)
    workspace.saliency.change(method="cutouts", span="session")
    workspace.saliency.run()
    qtbot.waitUntil(lambda: workspace.saliency.progress.stage == "cutouts")
    workspace.saliency.cancel()
    assert not workspace.saliency.progress.running
    assert workspace.saliency.message == "Stopped." and workspace.saliency.result is None
    assert NAME not in viewer.layers
    encoded = network.encoded
    qtbot.wait(400)
    assert network.encoded <= encoded + SIZE * SIZE  # at most the batch in progress


def test_bars_come_area_by_area_and_cancel_keeps_those_that_are_there(
    qtbot: QtBot,
    dock: CortexDecoderWidget,
    workspace: Workspace,
    network: Linear,
    labelled: Ethogram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    quick = network.encode

    def encode(images):  # type: ignore[no-untyped-def]
        time.sleep(0.4)
        return quick(images)

    monkeypatch.setattr(network, "encode", encode)
    model = workspace.saliency
    model.change(method="areas", span="session")
    model.run()
    qtbot.waitUntil(lambda: len(model.found) == 2)
    bars = dock.findChild(ImportanceBars)
    assert bars is not None and len(bars.left._tickLevels[0]) == 2 and model.result is None
    model.cancel()
    wait(qtbot, workspace)
    found = model.result.areas
    assert found is not None and "Stopped when" in model.message
    measured = found.table["importance"].notna()
    assert 2 <= measured.sum() < 4 and (found.table["frames"] > 0).equals(measured)
    assert found.verdict.kind != "holds"


def test_results_are_exported_as_their_suffix_says(
    qtbot: QtBot,
    workspace: Workspace,
    network: Linear,
    labelled: Ethogram,
    tmp_path: Path,
) -> None:
    model = workspace.saliency
    model.change(method="areas", span="session")
    model.run()
    wait(qtbot, workspace)
    for name in ("a.csv", "a.json", "a.png", "a.nwb"):
        model.export(tmp_path / name)
        qtbot.waitUntil(lambda name=name: model.message == f"Saved {name}.")
    assert json.loads((tmp_path / "a.json").read_text())["behavior"] == "run"
    assert "AUC lost" in json.loads((tmp_path / "a.json").read_text())["legend"]
    refused = []
    model.failed.connect(refused.append)
    model.export(tmp_path / "a.tif")
    qtbot.waitUntil(lambda: bool(refused))
    assert "written as .csv, .json, .png, .svg, .pdf, .nwb" in str(refused[0])


def test_a_result_goes_with_its_movie(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, network: Linear, opened: Layer
) -> None:
    workspace.saliency.change(method="occlusion", span="frame")
    workspace.movie.seek(N_FRAMES // 2)
    workspace.saliency.run()
    wait(qtbot, workspace)
    assert workspace.saliency.result is not None
    viewer.layers.remove(opened)
    assert workspace.saliency.result is None and NAME not in viewer.layers


def test_the_onset_average_has_an_axis_of_its_own(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    network: Linear,
    opened: Layer,
    tmp_path: Path,
) -> None:
    take(workspace, (Bout(0, 60, "rest"), Bout(60, 150, "run")))
    model = workspace.saliency
    workspace.movie.seek(20)
    model.change(method="occlusion", span="onsets")
    assert model.obstacle is None
    model.run()
    wait(qtbot, workspace)
    onsets = model.result.onsets
    assert onsets is not None and onsets.onsets.tolist() == [60] and len(onsets.lags) == 91
    layer = viewer.layers[NAME]
    assert layer.data.shape == (91, 1, SIZE, SIZE) and viewer.dims.ndim == 4
    assert viewer.dims.axis_labels[0] == "+0.00 s from onset"
    # the movie goes on below, and the average shows in every frame
    assert workspace.movie.frame == 20
    for frame in (0, 75, 149):
        workspace.movie.seek(frame)
        assert workspace.movie.frame == frame
        viewer.dims.set_point(0, 1.0)
        at_1_s = int(np.flatnonzero(onsets.lags == 30)[0])
        np.testing.assert_array_equal(layer._slice.image.raw, onsets.maps[at_1_s])
    model.export(tmp_path / "onsets.png")
    qtbot.waitUntil(lambda: model.message == "Saved onsets.png.")
    # maps of a frame again: the axis goes
    model.change(span="frame")
    workspace.movie.seek(60)
    model.run()
    wait(qtbot, workspace)
    assert viewer.dims.ndim == 3 and workspace.movie.frame == 60
    model.export(tmp_path / "frame.mp4")
    qtbot.waitUntil(lambda: model.message == "Saved frame.mp4.")


def test_a_result_is_kept_beside_the_next(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
) -> None:
    model = workspace.saliency
    model.change(method="areas", span="session", behavior="run")
    model.run()
    wait(qtbot, workspace)
    first = model.result
    child(dock, QPushButton, "Keep").click()
    assert model.kept is first
    model.change(behavior="rest")
    model.run()
    wait(qtbot, workspace)
    assert model.result is not first and model.kept is first
    said = " ".join(label.text() for label in dock.findChildren(QLabel))
    assert "kept: run, read by linear" in said
    assert KEPT in viewer.layers and not viewer.layers[KEPT].visible
    diamonds = [
        item
        for item in dock.findChild(ImportanceBars).view.addedItems
        if isinstance(item, pg.ScatterPlotItem)
    ]
    (drawn,) = diamonds
    values = {bar.name: bar.value for bar in bars_of(first)}
    expected = [values[bar.name] for bar in bars_of(model.result)]
    np.testing.assert_allclose(drawn.getData()[0], expected)
    model.keep()  # this one instead
    assert model.kept is model.result
    child(dock, QPushButton, "Forget").click()
    assert model.kept is None and KEPT not in viewer.layers


def test_a_map_is_checked_on_demand(
    qtbot: QtBot,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_cortex_decoder.saliency import Verdict

    model = workspace.saliency
    assert "no map" in model.check_obstacle
    workspace.movie.seek(60)
    model.change(method="occlusion", span="frame")
    model.run()
    wait(qtbot, workspace)
    assert model.result.verdict.startswith("an illustration")
    asked = []

    class Controls:
        verdict = Verdict("weak", "for a test.")

    def checked(*arguments: object, **options: object) -> Controls:
        asked.append((arguments[2], arguments[3]))
        return Controls()

    monkeypatch.setattr(answering, "check_maps", checked)
    maps = model.result.maps
    model.keep()
    child(dock, QPushButton, "Check").click()
    save = child(dock.findChild(SaliencySection), QPushButton, "Export…")
    assert not save.isEnabled()
    wait(qtbot, workspace)
    assert model.kept is model.result and save.isEnabled()
    assert asked == [(maps, workspace.labels.ethogram)]
    assert model.result.maps is maps and model.result.verdict == "weak: for a test."


def test_decoders_of_traces_are_explained_by_area_and_by_lag(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    labelled: Ethogram,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import torch

    from napari_cortex_decoder.decoder.config import LinearConfig, TracePreprocessing, Window
    from napari_cortex_decoder.decoder.networks import build_network

    preprocessing = TracePreprocessing(areas=("A left", "B right"), detrend_seconds=None)
    config = LinearConfig(window=Window(past=3, future=3), preprocessing=preprocessing)
    network = build_network(config)
    with torch.no_grad():
        network.linear_out.weight[:, 0::2] = 0.0  # A says nothing
    decoder = make_decoder(config, network, name="areas", hash="0" * 64)
    monkeypatch.setattr(saliency_model, "load_decoder", loads(decoder))
    choose(workspace, DecoderCard("areas", "areas", config))
    model = workspace.saliency
    assert model.method == "areas" and model.behavior == "run"
    model.change(span="session")
    model.run()
    wait(qtbot, workspace)
    worth = model.result.areas.table.set_index(["acronym", "side"])["importance"]
    assert worth["A", "left"] == 0 and worth["B", "right"] != 0
    model.change(method="grad-cam")
    assert "cannot be asked for this" in model.obstacle
    model.change(method="lags-integrated-gradients")
    model.change(span="session")
    model.run()
    wait(qtbot, workspace)
    lags = model.result.lags
    assert list(lags.table["area"]) == ["B right", "A left"] and lags.amount[:, 0].max() == 0
    bars = dock.findChild(ImportanceBars)
    bars.picked.emit(1)
    areas = workspace.placing.registration.atlas.areas
    assert [areas[i].label for i in workspace.areas.selected] == ["B right"]
    picture = viewer.layers[NAME].data
    assert picture[4, 4] == 0 and picture[24, 24] != 0
    model.export(tmp_path / "lags.csv")
    qtbot.waitUntil(lambda: model.message == "Saved lags.csv.")
    model.export(tmp_path / "lags.png")
    qtbot.waitUntil(lambda: model.message == "Saved lags.png.")
    assert (tmp_path / "lags.csv").read_text().startswith("area,lag,amount,signed\nA left,-3,0,0")


def test_an_error_is_told_and_the_section_is_free_again(
    qtbot: QtBot, workspace: Workspace, network: Linear, labelled: Ethogram
) -> None:
    refused = []
    workspace.saliency.failed.connect(refused.append)
    take(workspace, tuple(bout for bout in labelled.bouts if bout.behavior == "rest"))
    workspace.saliency.change(method="areas", span="session")
    workspace.saliency.run()
    qtbot.waitUntil(lambda: bool(refused))
    assert "an AUC needs the behavior and something else" in str(refused[0])
    assert workspace.saliency.obstacle is None
