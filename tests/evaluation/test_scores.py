"""Scores and comparisons are those of the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation import ROWS, pairs
from napari_cortex_decoder.evaluation.protocol import Pair, chosen_rows
from napari_cortex_decoder.evaluation.scores import ModelScore, by_mouse, compare, score_model


def models(aucs: np.ndarray) -> list[ModelScore]:
    return [
        ModelScore(validation=pair.validation, test=pair.test, auc=auc, accuracy=0.5, threshold=0.5)
        for pair, auc in zip(pairs("12345"), aucs, strict=True)
    ]


def test_the_best_threshold_is_where_accuracy_is_highest() -> None:
    running = np.array([0, 0, 0, 1, 1, 1, 1])
    probability = np.array([0.1, 0.2, 0.7, 0.6, 0.8, 0.9, 0.95])
    score = score_model(probability, running, Pair("1", "2"))
    assert score.auc == pytest.approx(11 / 12)
    assert score.accuracy == pytest.approx(6 / 7)
    assert ((probability >= score.threshold) == running).mean() == pytest.approx(6 / 7)


def test_five_mice_make_twenty_pairs_and_each_is_tested_four_times() -> None:
    found = pairs("12345")
    assert len(found) == len(set(found)) == 20
    assert [sum(pair.test == mouse for pair in found) for mouse in "12345"] == [4] * 5
    with pytest.raises(EvaluationError, match="2 mice"):
        pairs("12")


def test_twenty_models_of_five_mice_say_more_than_five_mice_can() -> None:
    rng = np.random.default_rng(1)
    high, low = models(0.97 + 0.01 * rng.random(20)), models(0.7 + 0.01 * rng.random(20))
    same = models(0.97 + 0.01 * rng.random(20))
    tests = compare({"roi-gru": high, "motor": low, "limb": same}, "roi-gru")
    assert set(tests) == {"motor", "limb"}
    assert tests["motor"].models < 1e-6
    assert 0.008 < tests["motor"].mice < 0.05
    assert tests["limb"].models > 0.01
    assert compare({"motor": low}, "roi-gru") == {}


def test_the_mean_of_a_mouse_is_that_of_the_models_tested_on_it() -> None:
    aucs = np.array([int(pair.test) / 10 for pair in pairs("12345")])
    assert by_mouse(models(aucs)) == pytest.approx({str(i): i / 10 for i in range(1, 6)})


def test_rows_are_chosen_by_name_in_the_order_of_the_paper() -> None:
    assert list(chosen_rows(["motor", "roi-gru"])) == ["roi-gru", "motor"]
    assert "cnn" not in chosen_rows(["roi"])
    assert chosen_rows(["all"]) == ROWS
    with pytest.raises(EvaluationError, match="'mot'"):
        chosen_rows(["mot"])


def test_four_rois_and_the_other_46_are_all_of_them() -> None:
    few, many = ROWS["anterior-limb"].rois, ROWS["other-46"].rois
    assert few is not None
    assert many is not None
    assert sorted(few + many) == list(range(1, 51))
