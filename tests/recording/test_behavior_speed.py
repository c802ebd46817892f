"""Run and rest from speed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    RunAndRest,
    run_and_rest,
    speed_from_voltage,
)

speeds = st.lists(
    st.one_of(st.floats(-20, 20), st.just(float("nan")), st.sampled_from([0.5, 0.3])), max_size=80
).map(lambda values: np.array(values, dtype=float))


def reference(speed: np.ndarray, high: float, low: float) -> list[int]:
    """Walk the frames one by one."""
    states, state = [], 0
    for value in np.abs(speed):
        if np.isnan(value):
            states.append(-1)
            state = 0
            continue
        if value > high:
            state = 1
        elif value < low or (low == high):
            state = 0
        states.append(state)
    return states


@given(speeds, st.floats(0, 5), st.floats(0, 1))
def test_hysteresis_equals_a_walk_from_frame_to_frame(speed, high, fraction):
    low = high * fraction
    states = run_and_rest(speed, 30.0, RunAndRest(threshold=high, stop_threshold=low))
    assert states.tolist() == reference(speed, high, low)


@given(speeds, st.floats(0, 2))
def test_a_higher_threshold_never_makes_more_frames_run(speed, threshold):
    lower = run_and_rest(speed, 30.0, RunAndRest(threshold=threshold))
    higher = run_and_rest(speed, 30.0, RunAndRest(threshold=threshold + 1))
    assert not ((higher == 1) & (lower != 1)).any()


def bouts(states: np.ndarray) -> list[tuple[int, int, int]]:
    borders = np.flatnonzero(np.diff(states)) + 1
    edges = [0, *borders.tolist(), states.size]
    return [(a, b, int(states[a])) for a, b in itertools.pairwise(edges) if b > a]


@given(speeds, st.integers(1, 12))
def test_no_bout_between_two_others_stays_shorter_than_asked(speed, shortest):
    states = run_and_rest(speed, 10.0, RunAndRest(shortest_bout=shortest / 10))
    found = bouts(states)
    for before, (start, stop, state), after in zip(found, found[1:], found[2:], strict=False):
        if -1 not in (before[2], state, after[2]):
            assert stop - start >= shortest
    np.testing.assert_array_equal(states == -1, np.isnan(speed))


@given(speeds, st.integers(1, 12))
def test_joining_changes_nothing_where_every_bout_is_long_enough(speed, shortest):
    plain = run_and_rest(speed, 10.0)
    if all(stop - start >= shortest for start, stop, _ in bouts(plain)):
        joined = run_and_rest(speed, 10.0, RunAndRest(shortest_bout=shortest / 10))
        np.testing.assert_array_equal(joined, plain)


def test_the_shortest_bout_joins_first():
    pattern = [0] * 9 + [1] * 2 + [0] * 1 + [1] * 4 + [0] * 9
    speed = np.array(pattern, float)
    states = run_and_rest(speed, 10.0, RunAndRest(shortest_bout=0.5))
    # the gap of one frame closes before the run of two is too short: one run of seven remains
    np.testing.assert_array_equal(states, [0] * 9 + [1] * 7 + [0] * 9)


def test_many_flickers_are_joined_in_a_moment():
    speed = np.tile([0.0, 1.0], 100_000)
    states = run_and_rest(speed, 30.0, RunAndRest(shortest_bout=1.0))
    assert len(bouts(states)) < 5


def test_running_backwards_is_running():
    assert run_and_rest([-3.0], 30.0).tolist() == [1]


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": -1.0},
        {"threshold": 0.5, "stop_threshold": 0.6},
        {"shortest_bout": float("nan")},
        {"threshold": float("inf")},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(RecordingError):
        RunAndRest(**settings)


def test_treadmill_volts_become_speed_around_standstill():
    volts = BehaviorTrace("run", np.array([1.5, 1.5, 1.5, 1.7, 1.4]), np.arange(5.0), "V")
    speed = speed_from_voltage(volts, gain=50.0)
    np.testing.assert_allclose(speed.values, [0, 0, 0, 10, 5])
    assert (speed.name, speed.unit) == ("speed", "cm/s")
    with pytest.raises(RecordingError, match="gain of 0"):
        speed_from_voltage(volts, gain=0.0)
