"""Scores say what they are called, by mouse."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cortex_decoder.training.scoring import (
    Decoded,
    calibration,
    score_mice,
    summarize,
)


def decoded(subject: str, logits: np.ndarray, labels: np.ndarray, sessions: int = 1) -> Decoded:
    p = 1 / (1 + np.exp(-logits))
    session = np.arange(len(labels)) * sessions // len(labels)
    return Decoded(subject, np.stack([1 - p, p], axis=1), labels, session)


@pytest.fixture
def mouse() -> Decoded:
    """Well calibrated: a frame is a run as often as its probability says."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    return decoded("m", logits, (rng.random(20_000) < 1 / (1 + np.exp(-logits))).astype(int))


def test_an_honest_decoder_has_no_calibration_error_and_an_overconfident_one_has(
    mouse: Decoded,
) -> None:
    honest = calibration([mouse])
    assert honest is not None
    assert honest.expected_error < 0.01
    assert honest.best_threshold == pytest.approx(0.5, abs=0.1)
    assert honest.threshold_range is None  # one mouse does not scatter
    sure = np.log(mouse.probability[:, 1] / mouse.probability[:, 0]) * 5
    overconfident = calibration([decoded("m", sure, mouse.labels)])
    assert overconfident is not None
    assert overconfident.expected_error > 0.05


def test_scores_are_those_of_each_mouse_and_the_summary_names_the_worst() -> None:
    labels = np.tile([0, 0, 1, 1], 50)
    good = decoded("good", labels * 4.0 - 2, labels)
    bad = decoded("bad", np.where(np.arange(200) % 2, 1.0, -1.0), labels)
    still = decoded("still", np.zeros(200), np.zeros(200, int))
    scores = score_mice([good, bad, still])
    assert [score.subject for score in scores] == ["good", "bad", "still"]
    assert scores[0].metrics["AUC"] == scores[0].metrics["balanced accuracy"] == 1
    assert scores[1].metrics["AUC"] == 0.5
    assert scores[2].metrics == {}  # it never runs: there is nothing to tell apart
    summary = summarize(scores)
    assert summary["AUC, mean over mice"] == 0.75
    assert summary["AUC, worst mouse"] == 0.5


def test_more_than_two_behaviors_are_scored_each_against_the_others() -> None:
    labels = np.arange(300) % 3
    mouse = Decoded("m", np.eye(3)[labels], labels, np.zeros(300, int))
    (score,) = score_mice([mouse])
    assert score.metrics["AUC"] == 1
    measured = calibration([mouse])
    assert measured is not None
    assert measured.best_threshold is None
