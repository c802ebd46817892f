"""Traces on another clock than the movie's: what each frame sees, and what is said."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    coverage_warnings,
    read_behavior,
    trace_at_frames,
)

times_of_frames = st.lists(st.floats(0.02, 0.5), min_size=1, max_size=60).map(
    lambda steps: np.concatenate([[0.0], np.cumsum(steps)])
)


def movie(frame_times: np.ndarray) -> Recording:
    return Recording(
        movie=da.zeros((frame_times.size, 2, 2)), name="m", frame_rate=10.0, frame_times=frame_times
    )


@given(times_of_frames, st.floats(-0.5, 0.5), st.floats(0.4, 3.0))
def test_a_straight_line_stays_one_wherever_the_samples_lie(frame_times, phase, stretch):
    recording = movie(frame_times)
    end = frame_times[-1]
    interval = max(np.median(np.diff(frame_times)) * stretch, 0.01)
    times = np.arange(phase, end + 2 * interval, interval)
    if times.size < 2:
        return
    seen = trace_at_frames(BehaviorTrace("speed", 0.1 + 3 * times, times), recording)
    known = ~np.isnan(seen)
    inside = (frame_times >= times[0]) & (frame_times <= times[-1])
    assert known[inside].all()
    # a frame sees the line at its own time, or its mean over the frame
    slack = 3 * (interval + np.median(np.diff(frame_times)))
    assert (np.abs(seen - (0.1 + 3 * frame_times))[known] <= slack + 1e-9).all()


@given(times_of_frames, st.integers(0, 40), st.integers(1, 40))
def test_no_frame_outside_the_trace_ever_gets_a_value(frame_times, first, length):
    recording = movie(frame_times)
    first = min(first, frame_times.size - 1)
    stop = min(first + length, frame_times.size)
    times = frame_times[first:stop]
    trace = BehaviorTrace("speed", np.arange(times.size) + 0.5, times)
    seen = trace_at_frames(trace, recording)
    np.testing.assert_array_equal(seen[first:stop], trace.values)
    reach = np.median(np.diff(times)) / 2 if times.size > 1 else 0
    beyond = (frame_times < times[0] - reach * 1.001) | (frame_times > times[-1] + reach * 1.001)
    assert np.isnan(seen[beyond]).all()
    assert bool(coverage_warnings(trace, recording)) == bool(np.isnan(seen).any()) or (
        abs(times.size - frame_times.size) == 1
    )


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=50), st.floats(0.2, 4))
def test_labels_are_never_blurred_into_fractions(labels, ratio):
    recording = movie(np.arange(20) / 10)
    times = np.arange(len(labels)) / (10 * ratio)
    seen = trace_at_frames(BehaviorTrace("run", np.array(labels), times), recording)
    assert set(seen[~np.isnan(seen)]) <= {0.0, 1.0}


def test_a_faster_trace_is_averaged_over_each_frame():
    recording = movie(np.arange(5) / 10)
    times = np.arange(500) / 1000
    values = np.random.default_rng(0).random(500)
    seen = trace_at_frames(BehaviorTrace("speed", values, times), recording)
    np.testing.assert_allclose(seen, values.reshape(5, 100).mean(axis=1))


def test_a_gap_in_a_trace_is_not_bridged():
    recording = movie(np.arange(50) / 10)
    times = np.concatenate([np.arange(20), np.arange(35, 50)]) / 10
    seen = trace_at_frames(BehaviorTrace("speed", times * 1.1, times), recording)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(seen)), np.arange(20, 35))


def test_a_dropped_frame_does_not_shift_what_comes_after_it():
    frame_times = np.delete(np.arange(50) / 10, 20)
    times = np.arange(500) / 100
    speed = np.where(times < 2.5, 0.25, 7.75)
    seen = trace_at_frames(BehaviorTrace("speed", speed, times), movie(frame_times))
    np.testing.assert_array_equal(seen > 1, frame_times >= 2.5 - 1e-9)


def test_a_trace_that_ends_early_is_said_and_left_unknown(tmp_path):
    recording = movie(np.arange(100) / 10)
    trace = BehaviorTrace("speed", np.ones(80), np.arange(80) / 10)
    (said,) = coverage_warnings(trace, recording)
    assert "no value in 20 of 100 frames" in said
    assert "frame 80 at 8.000 s" in said


def test_one_sample_too_many_at_the_movies_rate_is_said():
    recording = movie(np.arange(100) / 10)
    trace = BehaviorTrace("speed", np.ones(101), np.arange(101) / 10)
    (said,) = coverage_warnings(trace, recording)
    assert "101 samples at the movie's own rate for 100 frames, one more" in said


def test_reading_warns_where_a_trace_does_not_cover_the_movie(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("time,speed\n0,1.5\n0.5,1.5\n1,1.5\n")
    with pytest.warns(UserWarning, match=r"b\.csv: 'speed' has no value"):
        read_behavior(path, movie(np.arange(50) / 10))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_behavior(path, movie(np.arange(10) / 10))
