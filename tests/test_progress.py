"""Progress is told and estimated one way everywhere, and cancelled one way."""

from __future__ import annotations

import pytest

from napari_cortex_decoder import progress
from napari_cortex_decoder.progress import Estimate, Progress, renamed


class Clock:
    """Stands in for the module that tells the time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def after(clock: Clock, seconds: float, estimate: Estimate, event: Progress) -> float | None:
    clock.now += seconds
    return estimate.of(event).seconds_left


def test_the_time_left_is_what_the_rest_takes_at_the_pace_so_far(clock: Clock) -> None:
    estimate = Estimate()
    assert after(clock, 0, estimate, Progress("decoding", 0, 400)) is None
    assert after(clock, 10, estimate, Progress("decoding", 100, 400)) == pytest.approx(30)
    assert after(clock, 10, estimate, Progress("decoding", 400, 400)) == 0


def test_what_an_earlier_process_had_done_says_nothing_of_the_pace(clock: Clock) -> None:
    estimate = Estimate()
    assert after(clock, 0, estimate, Progress("fitting", 300, 400)) is None
    assert after(clock, 10, estimate, Progress("fitting", 310, 400)) == pytest.approx(90)


def test_each_stage_has_a_pace_of_its_own_and_none_at_first(clock: Clock) -> None:
    estimate = Estimate()
    estimate.of(Progress("reading", 0, 4))
    assert after(clock, 100, estimate, Progress("reading", 1, 4)) == pytest.approx(300)
    assert after(clock, 1, estimate, Progress("scoring", 0, 4)) is None
    assert after(clock, 0.1, estimate, Progress("scoring", 1, 4)) is None  # too early to say
    assert after(clock, 0.9, estimate, Progress("scoring", 2, 4)) == pytest.approx(1)


def test_progress_reads_as_a_line() -> None:
    assert str(Progress("decoding", 1, 4, seconds_left=61)) == "Decoding  25 %,  1 min 01 s left"
    assert str(Progress("loading the decoder")) == "Loading the decoder"
    assert not Progress().running and str(Progress()) == ""


def test_a_part_of_some_work_is_told_by_another_name_and_else_unchanged() -> None:
    told: list[Progress] = []
    report = renamed(told.append, lambda stage: f"{stage}, onset 2 of 3")
    report(Progress("occlusion", 3, 9, "smaller batches", {"loss": 1.0}))
    assert told == [
        Progress("occlusion, onset 2 of 3", 3, 9, "smaller batches", {"loss": 1.0}),
    ]
