"""What a frame sees of a trace that has more samples than the movie has frames."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    coverage_warnings,
    speed_from_counts,
    speed_in_cm,
    trace_at_frames,
)
from napari_cortex_decoder.recording.behavior.speed import is_running_count

MOVIE = Recording(
    movie=da.zeros((30, 2, 2)), name="m", frame_rate=10.0, frame_times=5 + np.arange(30) / 10
)
TIMES = 5 + np.arange(3000) / 1000


def at_frames(name: str, values: np.ndarray, unit: str = "", times: np.ndarray = TIMES):
    trace = BehaviorTrace(name, np.asarray(values, float), times, unit)
    return trace_at_frames(trace, MOVIE), " ".join(coverage_warnings(trace, MOVIE))


@pytest.mark.parametrize("name", ["speed", "ticks", "wheel encoder", "Running velocity"])
def test_whole_numbers_that_measure_motion_are_averaged(name):
    values = np.where((TIMES >= 6) & (TIMES < 7), np.arange(3000) % 5 == 2, 0)
    seen, _ = at_frames(name, values)
    np.testing.assert_allclose(seen[10:20], 0.2)
    np.testing.assert_array_equal(np.r_[seen[:10], seen[20:]], 0)
    seen, _ = at_frames("x", 3 * values, unit="mm/s")
    np.testing.assert_allclose(seen[10:20], 0.6)


def test_a_speed_is_averaged_however_little_faster_its_samples_are():
    times = 5 + np.arange(75) / 25
    seen, _ = at_frames("speed", np.arange(75) % 2, times=times)
    assert set(np.round(seen, 3)) <= {0.333, 0.5, 0.667}


@given(st.lists(st.integers(0, 2), min_size=4, max_size=12), st.integers(120, 900))
def test_a_state_is_what_most_of_a_frame_is(states, length):
    values = np.repeat(states[: 3000 // length], length)
    values = np.pad(values, (0, 3000 - values.size), mode="edge")
    seen, said = at_frames("stimulus", values)
    most = [np.bincount(part, minlength=3).argmax() for part in values.reshape(30, 100)]
    ties = [np.sort(np.bincount(part, minlength=3))[-2:] for part in values.reshape(30, 100)]
    clear = np.array([low < high for low, high in ties])
    assert set(seen) <= {0.0, 1.0, 2.0}
    np.testing.assert_array_equal(seen[clear], np.array(most)[clear])
    assert not said


@given(st.lists(st.integers(0, 29), min_size=1, max_size=8, unique=True), st.integers(1, 40))
def test_events_shorter_than_a_frame_do_not_vanish_and_are_told(frames, length):
    values = np.zeros(3000)
    for frame in frames:
        values[100 * frame + 30 : 100 * frame + 30 + length] = 1
    seen, said = at_frames("lick", values)
    np.testing.assert_array_equal(np.flatnonzero(seen), sorted(frames))
    assert f"{len(frames)} events" in said


@pytest.mark.parametrize(("size", "step"), [(256, 3), (65536, 700), (360, -11), (4096, 150)])
def test_a_counter_that_starts_over_is_told_and_becomes_a_steady_speed(size, step):
    counts = (step * np.arange(3000)) % size
    trace = BehaviorTrace("encoder", counts.astype(float), TIMES)
    assert "start over" in " ".join(coverage_warnings(trace, MOVIE))
    speed = speed_from_counts(trace, cm_per_count=0.01)
    np.testing.assert_allclose(speed.values, step * 0.01 * 1000, rtol=1e-6)
    assert (speed.unit, speed.times.size) == ("cm/s", 2999)


@pytest.mark.parametrize(
    ("name", "values", "unit", "counts"),
    [
        ("x", [3.5, 4.5, 5.5], "ticks", True),
        ("wheel", np.arange(3000) * 7 % 256, "", True),
        ("angle", np.arange(3000) % 360 + 0.5, "deg", True),
        ("encoder", [0, 1, 3, 2], "", True),
        ("speed", [0, 1, 3, 2], "", False),
        ("encoder", [0, 1, 3, 2], "ticks/s", False),
        ("pupil", np.sin(np.arange(300)), "deg", False),
    ],
)
def test_what_a_wheel_counts_is_told_from_what_is_measured(name, values, unit, counts):
    trace = BehaviorTrace(name, np.asarray(values, float), np.arange(len(values)) / 100, unit)
    assert is_running_count(trace) == counts


def test_counts_that_make_no_speed_are_refused():
    trace = BehaviorTrace("encoder", np.arange(10.0), TIMES[:10])
    with pytest.raises(RecordingError, match="cannot become speed"):
        speed_from_counts(trace, cm_per_count=0.0)
    with pytest.raises(RecordingError, match="no two steps"):
        speed_from_counts(BehaviorTrace("e", np.ones(2), TIMES[:2]), cm_per_count=1.0)


@pytest.mark.parametrize(
    ("unit", "factor"), [("m/s", 100), ("mm/s", 0.1), ("cm s-1", 1), ("cm/sec", 1), ("", 1)]
)
def test_a_speed_meets_its_threshold_in_cm(unit, factor):
    trace = BehaviorTrace("speed", np.array([0.0, 2.0]), TIMES[:2], unit)
    np.testing.assert_allclose(speed_in_cm(trace), [0, 2 * factor])


@pytest.mark.parametrize("unit", ["V", "ticks/s", "rad/s"])
def test_what_is_no_speed_meets_no_threshold(unit):
    with pytest.raises(RecordingError, match="cm/s"):
        speed_in_cm(BehaviorTrace("speed", np.array([0.0, 2.0]), TIMES[:2], unit))
