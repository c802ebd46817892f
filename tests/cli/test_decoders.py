"""Decoders on the command line: cards, published weights, area decoders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.decoder import (
    Calibration,
    MouseScore,
    Provenance,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.networks import build_network

Run = Callable[..., tuple[int, str, str]]

AREAS = ("MOs left", "MOs right", "SSp-ll left")


@pytest.fixture(scope="module")
def area_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = RoiRnnConfig(
        window=Window(past=3, future=0),
        preprocessing=TracePreprocessing(
            areas=AREAS,
            atlas="dorsal-cortex",
            statistics="running",
            warm_up_seconds=0.5,
            detrend_seconds=2,
        ),
        temperature=1.5,
        provenance=Provenance(
            simulated=True,
            summary="For a test.",
            trained_on="3 simulated mice",
            metrics={"AUC, mean": 0.91234},
            held_out=(MouseScore(subject="m7", metrics={"AUC": 0.875, "ECE": 0.05}),),
            calibration=Calibration(
                expected_error=0.0421, best_threshold=0.37, threshold_range=(0.1, 0.9)
            ),
            limits=("It has never seen a real mouse.",),
        ),
    )
    path = tmp_path_factory.mktemp("decoder") / "areas.safetensors"
    make_decoder(config, build_network(config), name="areas").save(path)
    return path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "m1.tif"
    frames = np.random.default_rng(1).integers(200, 900, (60, 64, 64), dtype=np.uint16)
    tifffile.imwrite(path, frames, photometric="minisblack")
    return path


@pytest.fixture
def registration(tmp_path: Path) -> Path:
    path = tmp_path / "m1.json"
    Registration.upright(load_atlas("dorsal-cortex"), 0.17, (32, 32)).save(path)
    return path


def test_the_whole_card_is_shown(run: Run, area_decoder: Path) -> None:
    code, said, _ = run("decoders", area_decoder)
    assert code == 0
    for part in (
        "For a test.",
        "rest | run, 30 Hz, roi-rnn",
        "3 areas of dorsal-cortex",
        "0.1 s before a frame to 0 s after it",
        "the first 0.5 s are only measured",
        "a mean over 2 s",
        "simulated mice: train or fine-tune",
        "Learned from: 3 simulated mice.",
        "AUC, mean: 0.912",
        "Held-out mouse m7: AUC 0.875, ECE 0.050",
        "expected error 0.042, best threshold 0.37 (0.10 to 0.90 in single mice)",
        "temperature of 1.5",
        "Limit: It has never seen a real mouse.",
    ):
        assert part in said
    card = json.loads(run("decoders", area_decoder, "--json")[1])
    assert card["provenance"]["held_out"][0]["subject"] == "m7"


def test_the_card_of_a_bundled_decoder_is_shown_by_its_name(run: Run) -> None:
    code, said, _ = run("decoders", "run-rest")
    assert code == 0
    assert "Held-out" in said or "AUC" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run-rest", "run-rest-causal", "run-rest-areas"])
def test_a_bundled_decoder_scores_on_an_unseen_mouse_what_its_card_says(
    run: Run, name: str
) -> None:
    code, said, _ = run("decoders", "score", name, "--mice", 1, "--device", "cpu", "--json")
    assert code == 0
    scored = json.loads(said)
    assert scored["simulated"] is True
    ((subject, metrics),) = scored["mice"].items()
    # the cards were made when labels were shifted by half the session only
    assert abs(metrics.pop("AUC, labels shifted in time") - 0.5) < 0.2
    card = {name: value for name, value in scored["card"][subject].items() if name in metrics}
    assert set(card) == {"AUC", "balanced accuracy"}
    assert metrics == pytest.approx(card, abs=2e-3)
    assert metrics["AUC"] > 0.85


@pytest.mark.parametrize(
    ("name", "mean", "worst"),
    [("run-rest", 0.93, 0.85), ("run-rest-causal", 0.90, 0.85), ("run-rest-areas", 0.95, 0.85)],
)
def test_cards_of_bundled_decoders_tell_of_six_unseen_mice_beside_a_null(
    run: Run, name: str, mean: float, worst: float
) -> None:
    card = json.loads(run("decoders", name, "--json")[1])["provenance"]
    assert card["simulated"] is True
    assert len(card["held_out"]) == 6
    assert card["metrics"]["AUC, mean over mice"] >= mean
    assert card["metrics"]["AUC, worst mouse"] >= worst
    null = card["metrics"]["AUC, labels shifted by half the session, mean over mice"]
    assert abs(null - 0.5) < 0.1
    learned = set(str(card["settings"]["split.validation"]).split(", "))
    assert not learned & {one["subject"] for one in card["held_out"]}
    assert "/" not in str(card["settings"]["encoder_from"])


def test_a_decoder_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    code, said, why = run("decoders", "no-such")
    assert (code, said) == (2, "")
    assert "there are: run-rest" in why
    code, _, why = run("decoders", "import", tmp_path / "none.h5", "--out", tmp_path / "d")
    assert code == 2
    assert "no such file" in why


def test_published_weights_become_a_decoder_file(
    run: Run, shared_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "published.safetensors"
    weights = shared_data / "ajioka2024" / "best_model_GRU.h5"
    code, said, _ = run("decoders", "import", weights, "--out", out, "--json")
    assert code == 0
    assert json.loads(said) == {"decoder": str(out), "sha256": load_decoder(out).hash}
    assert "50 areas of ajioka-50" in run("decoders", out)[1]


def test_an_area_decoder_reads_a_movie_on_which_the_atlas_lies(
    run: Run, movie: Path, registration: Path, area_decoder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["decode", movie, "--frame-rate", 30, "--decoder", area_decoder, "--out", out]
    code, _, why = run(*command)
    assert code == 2
    assert "3 areas" in why
    assert "--registration" in why
    assert len(why.strip().splitlines()) == 1

    code, _, said = run(*command, "--registration", registration)
    assert code == 0, said
    rows = (out / "m1.csv").read_text().splitlines()[1:]
    predicted = [number for number, row in enumerate(rows) if not row.endswith(",,,")]
    assert predicted == list(range(15 + 3, 60))  # the warm-up, and a window that looks back
    record = json.loads((out / "m1.json").read_text(encoding="utf-8"))
    assert record["settings"]["atlas"] == "dorsal-cortex"

    code, _, why = run(*command, "--registration", registration, "--registration", registration)
    assert code == 2
    assert "2 registrations for 1 movies" in why


def test_a_result_never_overwrites_the_registration_it_is_made_with(
    run: Run, movie: Path, registration: Path, area_decoder: Path, tmp_path: Path
) -> None:
    before = registration.read_bytes()
    command = ["decode", movie, "--frame-rate", 30, "--decoder", area_decoder, "--out", tmp_path]
    code, _, why = run(*command, "--registration", registration)
    assert code == 2
    assert "m1.json is one of the files that are read" in why
    assert registration.read_bytes() == before
