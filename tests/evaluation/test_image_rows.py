"""Rows of image decoders: which mice learn, and what the bundled decoder is tested on."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnConfig, CnnRnnConfig, Decoder, load_decoder
from napari_cortex_decoder.evaluation import image_models, reproduce, write_report
from napari_cortex_decoder.simulation import simulate_cohort
from napari_cortex_decoder.training import Session, TrainingConfig


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zenodo")
    simulate_cohort(folder, mice=3, sessions=1, seconds=10, seed=1)
    return folder


def test_the_bundled_decoder_is_tested_once_on_each_mouse_and_said_to_be_untrained_here(
    data: Path, tmp_path: Path
) -> None:
    result = reproduce(data, tmp_path, rows=["bundled-cnn-gru", "bundled-cnn"], compute=CPU)
    for scores in result.scores.values():
        assert [score.test for score in scores] == ["1", "2", "3"]
        assert all(score.validation == "" for score in scores)
    assert result.simulated
    assert result.correlation is None
    report = write_report(result, tmp_path).read_text()
    assert "not trained on this cohort" in report
    assert not (tmp_path / "rois.csv").exists()


def test_each_model_learns_from_all_mice_but_its_two(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainingConfig] = []

    def train(
        config: TrainingConfig, sessions: tuple[Session, ...], out: Path, **_: object
    ) -> Decoder:
        """Stand in for hours of training."""
        assert {session.subject for session in sessions} == {"1", "2", "3"}
        assert sessions[0].load().recording.frame_rate == pytest.approx(30)
        asked.append(config)
        return load_decoder("run-rest")

    monkeypatch.setattr(image_models, "train", train)
    result = reproduce(data, tmp_path, rows=["cnn", "cnn-gru"], validations=1, compute=CPU)
    assert [len(scores) for scores in result.scores.values()] == [3, 3]
    for config, score in zip(
        asked, [s for row in result.scores.values() for s in row], strict=True
    ):
        assert config.split.validation == (score.validation,)
        assert config.split.test == (score.test,)
        assert config.decoder.preprocessing.scale == "movie-sd"
    assert [type(config.decoder) for config in asked] == [CnnConfig] * 3 + [CnnRnnConfig] * 3
    assert [[s.kind for s in config.stages] for config in asked[2:4]] == [
        ["frames"],
        ["frames", "windows"],
    ]
