"""A configuration is read whole, or refused with the field's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cortex_decoder.decoder import CnnConfig, LinearConfig, RoiRnnConfig, Window
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.training.config import (
    SplitRule,
    Stage,
    TrainingConfig,
    as_toml,
    read_config,
)


@pytest.mark.parametrize(
    "config",
    [
        TrainingConfig(),
        TrainingConfig(decoder=CnnConfig(behaviors=("rest", "run", "groom, ä"))),
        TrainingConfig(
            decoder=RoiRnnConfig(window=Window(past=30, future=0)),
            split=SplitRule(validation=("m1", 'the "old" one'), test=3),
            stages=(Stage(kind="windows", schedule="cosine"), Stage(kind="windows", epochs=2)),
        ),
        TrainingConfig(decoder=LinearConfig(), statistics_seconds=0, class_weights="balanced"),
    ],
    ids=["usual", "three-behaviors", "named-mice", "linear"],
)
def test_a_printed_configuration_reads_back_as_itself(
    config: TrainingConfig, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(as_toml(config), encoding="utf-8")
    again = read_config(file)
    assert again.model_copy(update={"stages": again.usual_stages}) == config.model_copy(
        update={"stages": config.usual_stages}
    )


def test_json_is_read_as_well(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"decoder": {"architecture": "linear"}, "seed": 7}')
    assert read_config(file) == TrainingConfig(decoder=LinearConfig(), seed=7)


MIXING = """
[decoder]
architecture = "temporal-cnn"
mixtures = 3
[decoder.preprocessing]
areas = ["MOs left"]
scaling = "mean-sd"
beside_raw = true
[[stages]]
kind = "windows"
"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("speed = 3", "speed: there is no such setting"),
        ("[split]\nvalidaton = 1", "split.validaton: there is no such setting"),
        ("seed = -1", "seed: Input should be greater"),
        ('[decoder]\narchitecture = "transformer"', "decoder: "),
        ('[decoder]\narchitecture = "linear"\n[[stages]]\nkind = "frames"', "none of linear"),
        ('[[stages]]\nkind = "frames"', "trains no head"),
        ('[decoder]\narchitecture = "cnn"\n[[stages]]\nkind = "features"', "none of cnn"),
        ('encoder_from = "run-rest"\n[decoder]\narchitecture = "roi-rnn"', "about a CNN"),
        (MIXING, "mixtures are of whole recordings"),
        ("seed = ", "is not TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(TrainingError) as caught:
        read_config(file)
    assert sentence in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.toml cannot be read"):
        read_config(tmp_path / "gone.toml")
