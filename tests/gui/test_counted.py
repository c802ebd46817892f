"""How many clicks and keys lie between a file and what it was opened for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from pytestqt.qtbot import QtBot

from helpers.hands import Hands
from helpers.toys import SIZE, linear_decoder
from helpers.tuned_mice import blank_decoder, boris_file
from helpers.windows import loads
from napari_cortex_decoder.decoder.library import library_folder
from napari_cortex_decoder.recording import remember_metadata
from napari_cortex_decoder.saliency.masking import encoding
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.widgets.decode.choice_model import DecoderCard
from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection
from napari_cortex_decoder.widgets.dock.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.dock.tuning_group import TuningGroup
from napari_cortex_decoder.widgets.main_widget import CortexDecoderWidget
from napari_cortex_decoder.widgets.saliency import saliency_model
from napari_cortex_decoder.widgets.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def hands(qtbot: QtBot, dock: CortexDecoderWidget, workspace: Workspace) -> Hands:
    return Hands(qtbot, dock)


@pytest.fixture(scope="module")
def mouse() -> SimulatedRecording:
    return simulate_recording(seed=7, subject=7, seconds=30, shape=(64, 64))


@pytest.fixture
def movie(mouse: SimulatedRecording, tmp_path: Path) -> Path:
    path = tmp_path / "m7.tif"
    tifffile.imwrite(path, mouse.movie.compute(), photometric="minisblack")
    return path


@pytest.fixture
def opened_movie(
    movie: Path, mouse: SimulatedRecording, workspace: Workspace, qtbot: QtBot
) -> Path:
    """The movie is open with a small decoder, and BORIS has labelled it."""
    remember_metadata(movie, frame_rate=30.0)
    blank_decoder(mouse).save(movie.with_name("blank.safetensors"))
    workspace.choice.offer(movie.with_name("blank.safetensors"))
    workspace.movie.open(movie)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    return boris_file(movie.with_name("boris.csv"), mouse.truth.ethogram)


def test_a_tiff_of_ones_own_is_four_actions_from_its_first_decoded_frame(
    hands: Hands, movie: Path, workspace: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(movie.parent)
    hands.click(RecordingSection, "Open…")
    hands.choose(movie)
    qtbot.waitUntil(lambda: workspace.movie.recording is not None)
    hands.click(RecordingSection, "Set")
    hands.click(DecodeSection, "Decode")

    def decoded() -> bool:
        prediction = workspace.decode.prediction
        return prediction is not None and bool(np.isfinite(prediction.probability).any())

    qtbot.waitUntil(decoded)
    workspace.decode.cancel()
    assert len(hands.done) <= 4, hands.done


def test_labels_of_boris_are_seven_actions_from_a_kept_decoder(
    hands: Hands, opened_movie: Path, workspace: Workspace, qtbot: QtBot
) -> None:
    hands.unfold(LabelsSection)
    hands.click(LabelsSection, "Import…")
    hands.choose(opened_movie)
    qtbot.waitUntil(lambda: workspace.labelling.imported is not None)
    hands.unfold(TuningGroup)
    hands.click(TuningGroup, "Fine-tune")
    qtbot.waitUntil(lambda: workspace.tuning.result is not None)
    hands.click(TuningGroup, "Keep and decode again")
    qtbot.waitUntil(lambda: workspace.decode.complete)
    kept = [file.stem for file in library_folder().glob("*.safetensors")]
    assert workspace.decode.prediction.decoder in kept
    assert len(hands.done) <= 7, hands.done


def test_a_decoded_labelled_movie_is_seven_actions_from_a_figure_of_importance(
    hands: Hands, opened_movie: Path, workspace: Workspace, qtbot: QtBot, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    decoder, _ = linear_decoder(np.full((SIZE, SIZE), 0.01))  # a network would take minutes
    monkeypatch.setattr(encoding, "InferenceNetwork", lambda network: network)
    monkeypatch.setattr(saliency_model, "load_decoder", loads(decoder))
    card = DecoderCard("linear", "linear", decoder.config)
    workspace.choice.cards = (*workspace.choice.cards, card)
    workspace.choice.choose(card)
    workspace.labelling.read(opened_movie)
    qtbot.waitUntil(lambda: workspace.labelling.imported is not None)
    hands.unfold(AtlasSection)
    hands.click(AtlasSection, "Guess")
    qtbot.waitUntil(lambda: workspace.placing.registration is not None)
    hands.unfold(SaliencySection)
    hands.click(SaliencySection, "Explain")
    qtbot.waitUntil(lambda: workspace.saliency.result is not None)
    hands.click(SaliencySection, "Export…")
    hands.name("importance.pdf")
    figure = tmp_path / "importance.pdf"
    qtbot.waitUntil(figure.exists)
    assert figure.read_bytes().startswith(b"%PDF")
    assert len(hands.done) <= 7, hands.done
