"""The review queue leads to what is worth a look, the most doubtful first."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Bout, Ethogram, Source, review_queue

BEHAVIORS = ("rest", "run")
RUN = np.repeat([0.05, 0.6, 0.1, 0.98, np.nan], [10, 10, 10, 10, 5])
PROBABILITY = np.stack([1 - RUN, RUN], axis=1)
DECODED = np.repeat([0, 1, 0, 1, -1], [10, 10, 10, 10, 5])


def labels(*bouts: Bout) -> Ethogram:
    return Ethogram(BEHAVIORS, bouts, 45)


def test_predicted_bouts_come_the_least_certain_first() -> None:
    queue = review_queue(PROBABILITY, DECODED, BEHAVIORS)
    assert [(item.start, item.stop, item.predicted) for item in queue] == [
        (10, 20, "run"), (20, 30, "rest"), (0, 10, "rest"), (30, 40, "run"),
    ]  # fmt: skip
    assert all(item.labelled is None for item in queue)
    scores = [item.score for item in queue]
    assert scores == sorted(scores, reverse=True) and 0 < scores[-1] < scores[0] < 1


def test_what_a_person_has_seen_whole_is_not_asked_again() -> None:
    seen = labels(
        Bout(10, 20, "run", Source.VERIFIED), Bout(20, 25, "rest"),
        Bout(30, 40, "run", Source.MODEL),
    )  # fmt: skip
    queue = review_queue(PROBABILITY, DECODED, BEHAVIORS, seen)
    assert [item.start for item in queue] == [20, 0, 30]
    assert queue[2].labelled == "run"


def test_disagreements_come_the_surest_contradiction_first() -> None:
    known = labels(Bout(0, 20, "rest"), Bout(25, 45, "rest", Source.VERIFIED))
    queue = review_queue(PROBABILITY, DECODED, BEHAVIORS, known, order="disagreement")
    assert [(i.start, i.stop, i.predicted, i.labelled) for i in queue] == [
        (30, 40, "run", "rest"), (10, 20, "run", "rest"),
    ]  # fmt: skip
    assert queue[0].score == pytest.approx(0.96) and queue[1].score == pytest.approx(0.2)
    assert not review_queue(PROBABILITY, DECODED, BEHAVIORS, order="disagreement")


def test_a_behavior_that_the_decoder_does_not_know_contradicts_it() -> None:
    known = Ethogram(("groom", "run"), (Bout(0, 10, "groom"), Bout(10, 20, "run")), 45)
    (item,) = review_queue(PROBABILITY, DECODED, BEHAVIORS, known, order="disagreement")
    assert (item.start, item.stop, item.labelled) == (0, 10, "groom")


def test_the_most_doubtful_frame_is_where_the_queue_leads() -> None:
    run = np.repeat([0.9], 45)
    run[17] = 0.55
    queue = review_queue(np.stack([1 - run, run], 1), np.ones(45, int), BEHAVIORS)
    assert queue[0].frame == 17


def test_labels_of_another_recording_are_refused() -> None:
    with pytest.raises(LabelError, match="one recording"):
        review_queue(PROBABILITY, DECODED, BEHAVIORS, Ethogram(BEHAVIORS, (), 44))
