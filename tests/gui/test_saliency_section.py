"""The section Saliency in a real window: asking, cancelling, bars, the layer, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Layer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QPushButton
from toys import SIZE, Linear, linear_decoder, quarters
from windows import N_FRAMES, child, loads

from napari_cortex_decoder.labels import Bout, Ethogram
from napari_cortex_decoder.labels.edits import Replace
from napari_cortex_decoder.saliency import encoding
from napari_cortex_decoder.widgets import saliency_jobs
from napari_cortex_decoder.widgets.choice_model import DecoderCard
from napari_cortex_decoder.widgets.importance_bars import ImportanceBars
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.saliency_layers import NAME
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
    monkeypatch.setattr(saliency_jobs, "load_decoder", loads(decoder))
    choose(workspace, DecoderCard("linear", "linear", decoder.config))
    workspace.choice.set_device("cpu")
    yield network


@pytest.fixture
def labelled(qtbot: QtBot, opened: Layer, workspace: Workspace) -> Ethogram:
    """The wave's phase at the lower right, where it is highest, as if it were a behaviour."""
    qtbot.waitUntil(lambda: workspace.atlas.obstacle is None, timeout=60_000)
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
    qtbot.waitUntil(lambda: not workspace.saliency.progress.running, timeout=60_000)


def test_the_button_says_what_is_missing(
    workspace: Workspace, dock: CortexDecoderWidget, opened: Layer, network: Linear
) -> None:
    model = workspace.saliency
    run = child(dock, QPushButton, "Explain")
    assert model.obstacle == "Place the atlas first." and not run.isEnabled()
    assert run.toolTip() == "Place the atlas first."
    model.choose(method="cutouts")
    assert model.obstacle == "Label some bouts first, or choose another span."
    model.choose(span="session")
    assert model.obstacle is None and run.isEnabled()
    model.choose(method="grad-cam", span="bouts")
    assert "frames in a row" in model.obstacle or "Label" in model.obstacle


def test_bars_verdict_and_layer_follow_a_run(
    qtbot: QtBot,
    viewer: Viewer,
    workspace: Workspace,
    dock: CortexDecoderWidget,
    network: Linear,
    labelled: Ethogram,
) -> None:
    model = workspace.saliency
    model.choose(method="areas", span="session", behavior="run")
    model.run()
    assert model.progress.running
    wait(qtbot, workspace)
    result = model.importance
    assert result is not None and result.ranked().iloc[0]["acronym"] == "B"
    layer = viewer.layers[NAME]
    assert layer.blending == "additive" and layer.data.shape == (SIZE, SIZE)
    low, high = layer.contrast_limits
    assert low == -high
    assert layer.data[24, 24] == pytest.approx(high) and layer.data[4, 4] == 0
    bars = dock.findChild(ImportanceBars)
    assert bars is not None
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
    workspace.saliency.choose(method="pairs", span="session")
    workspace.saliency.run()
    wait(qtbot, workspace)
    bars = dock.findChild(ImportanceBars)
    bars.resize(300, bars.height())
    scene = bars.view.mapViewToScene(QPointF(0, 0))
    qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=bars.mapFromScene(scene))
    first = workspace.saliency.importance.ranked().index[0]
    expected = workspace.saliency.importance.targets[first].members
    assert workspace.areas.selected == expected


def test_maps_of_a_frame_lie_over_the_frames_of_its_window(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, network: Linear, opened: Layer
) -> None:
    workspace.movie.seek(60)
    workspace.saliency.choose(method="integrated-gradients", span="frame")
    workspace.saliency.run()
    wait(qtbot, workspace)
    maps = workspace.saliency.maps
    assert maps is not None and maps.scored == (60, 61)
    layer = viewer.layers[NAME]
    first = float(layer.data_to_world([0, 0, 0])[0]) * workspace.movie.recording.frame_rate
    assert first == pytest.approx(57)  # three raw frames before
    assert layer.contrast_limits == [-maps.scale, maps.scale]
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
    workspace.saliency.choose(method="cutouts", span="session")
    workspace.saliency.run()
    qtbot.waitUntil(lambda: workspace.saliency.progress.stage == "cutouts", timeout=60_000)
    workspace.saliency.cancel()
    assert not workspace.saliency.progress.running
    assert workspace.saliency.message == "Stopped." and workspace.saliency.result is None
    assert NAME not in viewer.layers
    encoded = network.encoded
    qtbot.wait(400)
    assert network.encoded <= encoded + SIZE * SIZE  # at most the batch in progress


def test_results_are_exported_as_their_suffix_says(
    qtbot: QtBot,
    workspace: Workspace,
    network: Linear,
    labelled: Ethogram,
    tmp_path: Path,
) -> None:
    model = workspace.saliency
    model.choose(method="areas", span="session")
    model.run()
    wait(qtbot, workspace)
    for name in ("a.csv", "a.json", "a.png", "a.svg"):
        model.export(tmp_path / name)
        qtbot.waitUntil(lambda name=name: model.message == f"Saved {name}.", timeout=30_000)
    assert json.loads((tmp_path / "a.json").read_text())["behavior"] == "run"
    refused = []
    model.failed.connect(refused.append)
    model.export(tmp_path / "a.tif")
    qtbot.waitUntil(lambda: bool(refused), timeout=30_000)
    assert "written as .csv, .json, .png, .svg, .pdf" in str(refused[0])


def test_a_result_goes_with_its_movie(
    qtbot: QtBot, viewer: Viewer, workspace: Workspace, network: Linear, opened: Layer
) -> None:
    workspace.saliency.choose(method="occlusion", span="frame")
    workspace.movie.seek(N_FRAMES // 2)
    workspace.saliency.run()
    wait(qtbot, workspace)
    assert workspace.saliency.result is not None
    viewer.layers.remove(opened)
    assert workspace.saliency.result is None and NAME not in viewer.layers


def test_decoders_of_traces_say_that_they_cannot_be_explained_yet(
    workspace: Workspace, opened: Layer
) -> None:
    from napari_cortex_decoder.decoder.config import RoiRnnConfig

    choose(workspace, DecoderCard("areas", "areas", RoiRnnConfig()))
    assert "reads area traces" in workspace.saliency.obstacle
    assert workspace.saliency.behavior == "run"


def test_an_error_is_told_and_the_section_is_free_again(
    qtbot: QtBot, workspace: Workspace, network: Linear, labelled: Ethogram
) -> None:
    refused = []
    workspace.saliency.failed.connect(refused.append)
    take(workspace, tuple(bout for bout in labelled.bouts if bout.behavior == "rest"))
    workspace.saliency.choose(method="areas", span="session")
    workspace.saliency.run()
    qtbot.waitUntil(lambda: bool(refused), timeout=60_000)
    assert "an AUC needs the behavior and something else" in str(refused[0])
    assert workspace.saliency.obstacle is None
