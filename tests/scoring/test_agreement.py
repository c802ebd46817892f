from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.decoder.prediction import Prediction, as_stretches
from napari_cortex_decoder.labels import Ethogram, clean
from napari_cortex_decoder.labels.cleaning import proposed_cleaning
from napari_cortex_decoder.scoring.agreement import agreement, judging_labels


def test_what_agrees_is_told_beside_chance_and_the_frames_mean() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, 60), 20)
    run = np.clip(labels + rng.normal(0, 0.4, labels.size), 0, 1)
    found = agreement(
        np.stack([1 - run, run], 1), labels, -labels + rng.normal(0, 0.1, labels.size)
    )
    assert found is not None and found.auc is not None and found.shifted_auc is not None
    assert found.share > 0.8 and found.auc > 0.9 and abs(found.shifted_auc - 0.5) < 0.15
    assert found.mean_auc is not None and found.mean_auc > 0.9, "less light says as much as more"
    said = found.said(40.0, "labels")
    assert said.startswith("Agrees with the labels in ") and "of 40 s: AUC 0.9" in said
    assert "shifted in time" in said and "by the frame's mean" in said


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_only_frames_that_are_both_labelled_and_predicted_count(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, k, 200)
    probability = rng.dirichlet(np.ones(k), 200)
    probability[rng.random(200) < 0.3] = np.nan
    found = agreement(probability, labels)
    both = (labels >= 0) & np.isfinite(probability[:, 0])
    assert found is not None and found.frames == both.sum()
    assert found.share == pytest.approx((probability[both].argmax(1) == labels[both]).mean())
    assert found.mean_auc is None


def test_nothing_in_common_is_no_agreement_and_one_behavior_has_no_auc() -> None:
    probability = np.array([[0.2, 0.8], [np.nan, np.nan]])
    assert agreement(probability, np.array([-1, 1])) is None
    found = agreement(probability, np.array([1, 1]))
    assert found is not None and found.auc is None and "of one behavior" in found.said(1.0, "speed")


def test_frames_that_agree_in_bouts_that_do_not_are_said_to_fall_apart() -> None:
    labels = np.repeat([0, 1, 0, 1], 100)
    flickering = labels.astype(float)
    flickering[5::10] = 1 - flickering[5::10]
    found = agreement(np.stack([1 - flickering, flickering], 1), labels)
    assert found is not None and found.share == 0.9 and found.falls_apart
    assert "Bouts fall apart" in found.said(40.0, "labels")
    whole = agreement(np.stack([1 - labels, labels], 1).astype(float), labels)
    assert whole is not None and not whole.falls_apart
    cleaning = proposed_cleaning(Ethogram.from_frames(labels, ("rest", "run")), 10.0)
    assert (clean(np.stack([1 - flickering, flickering], 1), cleaning, 10.0) == labels).all()


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_frame_that_was_learned_from_is_no_label_to_judge_by(held_out: list[bool]) -> None:
    n, kept = len(held_out), np.array(held_out)
    read = Prediction(
        probability=np.full((n, 2), 0.5, np.float32), behaviors=("rest", "run"),
        times=np.arange(n) / 30, decoder="d", decoder_hash="0", device="cpu", warnings=(),
        settings={"held_out": as_stretches(kept)},
    )  # fmt: skip
    ethogram = Ethogram.from_frames(np.arange(n) % 2, ("rest", "run"))
    assert read.held_out is not None and (read.held_out == kept).all()
    assert ((judging_labels(read, ethogram) >= 0) == kept).all()
    elsewhere = replace(read, settings={"held_out": None})
    assert elsewhere.held_out is None and (judging_labels(elsewhere, ethogram) >= 0).all()
