from __future__ import annotations

import csv
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from napari_cortex_decoder.decoder import Prediction
from napari_cortex_decoder.errors import DecoderError


@pytest.fixture
def prediction() -> Prediction:
    return Prediction(
        probability=np.array(
            [[np.nan, np.nan], [0.75, 0.25], [1 / 3, 2 / 3], [0.5, 0.5], [np.nan, np.nan]],
            dtype=np.float32,
        ),
        behaviors=("rest", "run"),
        times=np.arange(5) / 30,
        decoder="run-rest",
        decoder_hash="ab" * 32,
        device="cpu",
        warnings=("m1 has 1 frames a second, …",),
        settings={"any_rate": True, "batch_size": 16, "frame_rate": 30.0},
    )


def test_labels_are_the_most_probable_behavior_and_unknown_at_the_edges(
    prediction: Prediction,
) -> None:
    assert prediction.labels().tolist() == [-1, 0, 1, 0, -1]


def test_the_table_has_a_row_a_frame_and_empty_cells_where_no_window_fits(
    prediction: Prediction, tmp_path: Path
) -> None:
    prediction.to_csv(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == (
        "frame,time_s,p_rest,p_run,behavior\n"
        "0,0.000000,,,\n"
        "1,0.033333,0.75,0.25,rest\n"
        "2,0.066667,0.333333343,0.666666687,run\n"
        "3,0.100000,0.5,0.5,rest\n"
        "4,0.133333,,,\n"
    )


def test_the_table_gives_every_probability_back_exactly(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(scale=20, size=(500, 3))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    prediction = Prediction(
        probability, ("a", "b, c", 'd"'), np.arange(500) / 7, "d", "", "cpu", (), {}
    )
    prediction.to_csv(tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "time_s", "p_a", "p_b, c", 'p_d"', "behavior"]
    read = np.array([[float(cell) for cell in row[2:5]] for row in rows[1:]], np.float32)
    np.testing.assert_array_equal(read, probability)


def test_the_record_says_what_made_the_prediction(prediction: Prediction, tmp_path: Path) -> None:
    prediction.to_json(tmp_path / "p.json")
    record = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert record["decoder"] == {"name": "run-rest", "sha256": "ab" * 32}
    assert record["behaviors"] == ["rest", "run"]
    assert (record["frames"], record["frames_predicted"]) == (5, 3)
    assert record["device"] == "cpu"
    assert record["settings"] == {"any_rate": True, "batch_size": 16, "frame_rate": 30.0}
    assert record["warnings"] == ["m1 has 1 frames a second, …"]
    assert record["software"]["torch"] == version("torch")
    assert record["software"]["napari-cortex-decoder"] == version("napari-cortex-decoder")


def test_a_table_that_cannot_be_finished_leaves_the_old_one(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction.to_csv(tmp_path / "p.csv")
    before = (tmp_path / "p.csv").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DecoderError, match="cannot be written: the disk is full"):
        prediction.to_csv(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
