"""Splits of a cohort: nothing tested is near what is learned from, and leaks are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.choices import PROTOCOLS, Protocol
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.cases import Case, Looked, read_cases
from napari_cortex_decoder.evaluation.splits import Fold, Part, Split, check_split, make_split
from napari_cortex_decoder.training import Session

RATE = 10.0


def looked(n: int, number: int, bout: int = 25, memory: float = 1.0) -> Looked:
    """Return a session of `n` frames in which rest and run follow each other."""
    return Looked(
        labels=(np.arange(n) // bout % 2).astype(np.int64),
        behaviors=("rest", "run"),
        mean=np.zeros(n),
        frame_rate=RATE,
        digest=str(number),
        memory=memory,
        atlas="",
        areas=(),
    )


def cohort(
    sessions: list[int], n: int = 1200, **options: float
) -> tuple[list[Case], dict[str, Looked]]:
    """Return a cohort: so many sessions of each mouse, a week apart."""
    cases = [
        Case(
            f"m{mouse}s{s}",
            f"m{mouse}",
            Session("", "", "", lambda: None),
            {"date": f"2024-05-{7 * s + 1:02}"},
        )  # type: ignore[arg-type]
        for mouse, count in enumerate(sessions)
        for s in range(count)
    ]
    return cases, {case.name: looked(n, i, **options) for i, case in enumerate(cases)}  # type: ignore[arg-type]


def split(protocol: Protocol, *given: object, **options: object) -> Split:
    """Split a cohort for a decoder that learns and sees a second to each side."""
    return make_split(protocol, *given, **{"window_seconds": 1.0, "learns": True, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(
    sessions=st.lists(st.integers(2, 3), min_size=3, max_size=5),
    n=st.integers(800, 3000),
    memory=st.floats(0, 30),
)
def test_what_is_tested_is_never_near_what_is_learned_from(
    protocol: Protocol, sessions: list[int], n: int, memory: float
) -> None:
    cases, known = cohort(sessions, n, memory=memory)
    made = split(protocol, cases, known, minutes=(0.2, 0.5))
    check_split(made, cases, known)
    for fold in made.folds:
        for test in fold.test:
            for part in (*fold.learn, *fold.decide, *fold.tune):
                if part.session == test.session:
                    apart = max(part.start - test.stop, test.start - part.stop)
                    assert apart >= round(made.gap_seconds * RATE)


def test_every_frame_is_tested_once_within_a_recording() -> None:
    cases, known = cohort([1], 1000)
    tested = np.zeros(1000, int)
    for fold in split("within", cases, known).folds:
        for part in fold.test:
            tested[part.start : part.stop] += 1
    assert (tested == 1).all()


def test_across_mice_each_is_tested_once_and_another_one_decides() -> None:
    cases, known = cohort([1, 2, 1])
    folds = split("across-mice", cases, known).folds
    assert [fold.name for fold in folds] == ["m0", "m1", "m2"]
    assert all({p.session[:2] for p in fold.decide} != {fold.name} for fold in folds)


def test_pairs_of_mice_are_all_ordered_pairs() -> None:
    assert len(split("mouse-pairs", *cohort([1, 1, 1, 1])).folds) == 12


def test_transfer_tests_the_same_frames_whatever_was_labelled() -> None:
    cases, known = cohort([1, 1, 1])
    folds = [
        f for f in split("transfer", cases, known, minutes=(0.2, 0.5)).folds if f.name[:2] == "m0"
    ]
    assert [fold.at for fold in folds] == [0, 0.2, 0.5]
    assert len({fold.test for fold in folds}) == 1
    assert [sum(p.stop - p.start for p in fold.tune) for fold in folds] == [0, 120, 300]


def test_minutes_that_no_first_session_has_are_left_out_and_said() -> None:
    made = split("transfer", *cohort([1, 1, 1]), minutes=(0.5, 60))
    assert {fold.at for fold in made.folds} == {0, 0.5}
    assert "60 min" in made.said[0]


def test_ageing_counts_days_and_compares_a_personal_decoder_with_one_of_all_others() -> None:
    cases, known = cohort([3, 2, 2])
    own = [f for f in split("ageing", cases, known).folds if f.test[0].session.startswith("m0")]
    assert [(fold.kind, fold.at) for fold in own] == [
        ("personal", 7), ("pooled", 7), ("personal", 14), ("pooled", 14)
    ]  # fmt: skip


def test_a_block_that_cannot_be_learned_without_is_left_out_and_said() -> None:
    cases, known = cohort([1, 1], 1000, bout=400)  # one bout of running in 1000 frames
    with pytest.raises(EvaluationError, match="never shows 'run'"):
        split("within", cases[:1], {cases[0].name: known[cases[0].name]})


def test_a_decoder_that_learns_nothing_is_tested_on_every_frame() -> None:
    cases, known = cohort([2, 1])
    made = split("across-mice", cases, known, learns=False)
    assert [fold.learn for fold in made.folds] == [(), ()]
    assert sum(p.stop for fold in made.folds for p in fold.test) == 3600


@pytest.mark.parametrize(
    ("protocol", "sessions", "said"),
    [
        ("across-mice", [1, 1], "testing across mice needs three"),
        ("transfer", [3], "1 mouse, and"),
        ("across-sessions", [1, 1, 1], "no mouse of the cohort has two sessions"),
    ],
)
def test_too_small_a_cohort_is_refused_with_what_it_needs(
    protocol: Protocol, sessions: list[int], said: str
) -> None:
    with pytest.raises(EvaluationError, match=said):
        split(protocol, *cohort(sessions))


def test_ageing_asks_for_dates() -> None:
    cases, known = cohort([2, 2, 2])
    cases[3] = Case(cases[3].name, cases[3].subject, cases[3].session, {})
    with pytest.raises(EvaluationError, match=r"'m1s1' has no date.*column 'date'"):
        split("ageing", cases, known)


def test_a_date_that_is_none_is_named() -> None:
    case = Case("m1", "m1", Session("", "", "", lambda: None), {"date": "last week"})  # type: ignore[arg-type,return-value]
    with pytest.raises(EvaluationError, match="'last week'; write it as 2024-05-31"):
        _ = case.date


def leaking(protocol: Protocol, known: dict[str, Looked], fold: Fold) -> Split:
    """Return a split of one fold, as somebody might write it."""
    digests = {name: one.digest for name, one in known.items()}
    return Split(protocol=protocol, gap_seconds=2.0, recordings=digests, folds=(fold,))


def part(session: str, start: int = 0, stop: int = 1200) -> Part:
    """Return a stretch of a session."""
    return Part(session=session, start=start, stop=stop)


def test_frames_split_at_random_are_refused() -> None:
    cases, known = cohort([1])
    rng = np.random.default_rng(0)
    tested = np.sort(rng.permutation(1200)[:300]).tolist()
    learned = sorted(set(range(1200)) - set(tested))
    fold = Fold(
        name="random",
        test=tuple(part("m0s0", i, i + 1) for i in tested),
        learn=tuple(part("m0s0", i, i + 1) for i in learned),
    )
    with pytest.raises(EvaluationError, match=r"leaks.*Frames split at random always leak"):
        check_split(leaking("within", known, fold), cases, known)


def test_windows_that_overlap_are_refused() -> None:
    cases, known = cohort([1])
    fold = Fold(name="f", test=(part("m0s0", 600, 1200),), learn=(part("m0s0", 0, 590),))
    with pytest.raises(EvaluationError, match=r"1\.0 s apart; leave 2\.0 s"):
        check_split(leaking("within", known, fold), cases, known)


def test_a_mouse_on_both_sides_is_refused_across_mice() -> None:
    cases, known = cohort([2, 1])
    fold = Fold(name="f", test=(part("m0s0"),), learn=(part("m0s1"), part("m1s0")))
    with pytest.raises(EvaluationError, match="mouse 'm0' is learned from and tested"):
        check_split(leaking("across-mice", known, fold), cases, known)


@pytest.mark.parametrize("side", ["learn", "decide"])
def test_one_recording_under_two_names_is_refused_on_both_sides(side: str) -> None:
    cases, known = cohort([1, 1])
    known["m1s0"] = known["m0s0"]
    fold = Fold(name="f", test=(part("m0s0"),), **{side: (part("m1s0"),)})
    with pytest.raises(EvaluationError, match="'m0s0' and 'm1s0' are the same recording"):
        check_split(leaking("across-mice", known, fold), cases, known)


def test_a_split_of_another_cohort_or_of_changed_files_is_refused() -> None:
    cases, known = cohort([1, 1])
    fold = Fold(name="f", test=(part("m0s0"),))
    made = leaking("across-mice", known, fold)
    with pytest.raises(EvaluationError, match="'m1s0', and the cohort has none"):
        check_split(made, cases[:1], {"m0s0": known["m0s0"]})
    with pytest.raises(EvaluationError, match="another recording than the one that was split"):
        check_split(made, cases, known | {"m0s0": looked(1200, 77)})


@pytest.mark.parametrize("stop", [0, 2000])
def test_a_stretch_that_is_none_is_refused(stop: int) -> None:
    cases, known = cohort([1])
    fold = Fold(name="f", test=(part("m0s0", 0, stop),))
    with pytest.raises(EvaluationError, match="is no stretch of a session"):
        check_split(leaking("within", known, fold), cases, known)


def test_other_columns_of_the_cohort_reach_the_sessions(
    tmp_path: Path, written: Callable[..., Path]
) -> None:
    cases = read_cases(written(tmp_path, mice=1, sessions=2), run_speed=0.5)
    assert [str(case.date) for case in cases] == ["2024-05-07", "2024-05-14"]
    assert {case.others["group"] for case in cases} == {"wild"}
