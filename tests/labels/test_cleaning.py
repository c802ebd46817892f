"""Probabilities become bouts as the settings say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from napari_cortex_decoder.bouts import stretches
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Cleaning, clean

NAN = np.nan


def pair(second: list[float] | np.ndarray) -> np.ndarray:
    second = np.asarray(second, dtype=float)
    return np.stack([1 - second, second], axis=1)


shares = hnp.arrays(float, st.integers(0, 80), elements=st.floats(0, 1) | st.just(NAN))


@given(shares)
def test_without_settings_the_most_probable_behavior_is_taken(second: np.ndarray) -> None:
    probability = pair(second)
    known = np.isfinite(second)
    states = clean(probability, Cleaning(), 30)
    assert (states[~known] == -1).all()
    # 1 − p may round onto p: a tie, which either may win
    clear = known & (np.abs(second - 0.5) > 1e-9)
    np.testing.assert_array_equal(states[clear], probability[clear].argmax(axis=1))


def test_hysteresis_begins_above_one_threshold_and_ends_below_the_other() -> None:
    settings = Cleaning(threshold=0.7, stop_threshold=0.3)
    states = clean(pair([0.5, 0.8, 0.5, 0.4, 0.2, 0.5, NAN, 0.5, 0.9]), settings, 30)
    assert states.tolist() == [0, 1, 1, 1, 0, 0, -1, 0, 1]


def test_of_more_behaviors_one_goes_on_until_another_is_clearly_more_probable() -> None:
    probability = np.array([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1], [0.2, 0.7, 0.1], [0.45, 0.5, 0.05]])
    settings = Cleaning(threshold=0.6, stop_threshold=0.4)
    assert clean(probability, Cleaning(), 30).tolist() == [0, 1, 1, 1]
    assert clean(probability, settings, 30).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("gap", "expected"), [(0.0, 0), (0.3, 0), (0.31, 1)])
def test_a_gap_is_filled_if_it_is_shorter(gap: float, expected: int) -> None:
    states = clean(pair([0.9, 0.9, 0.1, NAN, 0.1, 0.9]), Cleaning(longest_gap=gap), 10)
    assert states[[0, 1, 5]].tolist() == [1, 1, 1]
    assert states[[2, 4]].tolist() == [expected, expected]
    assert states[3] == (1 if expected else -1)


@pytest.mark.parametrize(("shortest", "expected"), [(0.0, 1), (0.2, 1), (0.21, 0)])
def test_a_short_bout_joins_those_around_it(shortest: float, expected: int) -> None:
    states = clean(pair([0.1] * 5 + [0.9] * 2 + [0.1] * 5), Cleaning(shortest_bout=shortest), 10)
    assert states.tolist() == [0] * 5 + [expected] * 2 + [0] * 5


def test_a_short_bout_between_two_others_goes_to_the_more_probable_one() -> None:
    probability = np.repeat([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.1, 0.1, 0.8]], [5, 2, 5], axis=0)
    states = clean(probability, Cleaning(shortest_bout=0.3), 10)
    assert states.tolist() == [0] * 5 + [2] * 7


@given(
    hnp.arrays(float, st.tuples(st.integers(1, 60), st.integers(2, 4)), elements=st.floats(0, 1)),
    st.integers(1, 9),
)
def test_no_short_bout_stays_but_at_the_ends(probability: np.ndarray, shortest: int) -> None:
    settings = Cleaning(shortest_bout=shortest / 10, longest_gap=0.2)
    states = clean(probability, settings, 10)
    _, lengths = stretches(states)
    assert states.size == len(probability)
    assert (lengths[1:-1] >= shortest).all()
    np.testing.assert_array_equal(clean(probability, settings, 10), states)


def test_an_hour_at_200_hz_is_cleaned_while_one_watches() -> None:
    noise = np.random.default_rng(0).random(720_000)
    states = clean(pair(noise), Cleaning(shortest_bout=0.1, longest_gap=0.05), 200)
    assert (stretches(states)[1][1:-1] >= 20).all()


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 1.1}, {"threshold": 0.4, "stop_threshold": 0.5}, {"shortest_bout": -1},
     {"longest_gap": float("inf")}, {"no_such": 1}],
)  # fmt: skip
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Cleaning(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("shape", "rate"), [((5,), 30), ((5, 1), 30), ((5, 2), 0), ((5, 2), NAN)])
def test_impossible_probabilities_are_refused(shape: tuple[int, ...], rate: float) -> None:
    with pytest.raises(LabelError):
        clean(np.zeros(shape), Cleaning(), rate)
