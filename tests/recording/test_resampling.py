"""Resampling in time: what both rates can show comes through, what the new one cannot is gone."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.recording.preprocessing import (
    Bin,
    Crop,
    Previews,
    Resample,
    Step,
    frame_origins,
    preprocess,
)
from napari_cortex_decoder.simulation import simulate_recording

RATES = (10.0, 15.0, 20.0, 25.0, 29.97, 40.0, 50.0, 100.0)


def recording_of(values: np.ndarray, rate: float | None, **others: Any) -> Recording:
    """Make a movie of 2 × 3 pixels that all show the same values over time."""
    frames = np.repeat(values, 6).reshape(-1, 2, 3)
    movie = da.from_array(frames, chunks=(32, -1, -1))
    return Recording(movie=movie, name="m", frame_rate=rate, **others)


def shown(recording: Recording) -> np.ndarray:
    """Return the values over time of one pixel."""
    return np.asarray(recording.movie[:, 1, 2].compute())


def far_from_ends(times: np.ndarray, seconds: float) -> np.ndarray:
    return (times > times[0] + seconds) & (times < times[-1] - seconds)


def wobbling(n: int, rate: float, wobble: float, seed: int) -> np.ndarray:
    """Return frame times that are off an even rate by a share of an interval."""
    off = np.random.default_rng(seed).uniform(-wobble, wobble, n)
    return (np.arange(n) + off) / rate + 3


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.02, 0.85), phase=st.floats(0, 6), wobble=st.sampled_from([0, 0.05]))
def test_a_sine_that_both_rates_can_show_comes_through(rate, share, phase, wobble):
    times = wobbling(round(12 * rate), rate, wobble, seed=1)
    omega = 2 * np.pi * share * min(rate, 30) / 2
    recording = recording_of(900 + 100 * np.sin(omega * times + phase), rate, frame_times=times)
    out = preprocess(recording, [Resample(frame_rate=30)])
    inside = far_from_ends(out.times, 26 / min(rate, 30))
    expected = 900 + 100 * np.sin(omega * out.times + phase)
    np.testing.assert_allclose(shown(out)[inside], expected[inside], atol=1.5)


@pytest.mark.parametrize("rate", [40.0, 50.0, 100.0])
@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.03, 0.9), wobble=st.sampled_from([0, 0.02]))
def test_a_sine_above_what_the_new_rate_can_show_is_gone(rate, share, wobble):
    times = wobbling(round(12 * rate), rate, wobble, seed=2)
    frequency = 15 + share * (rate / 2 - 15)
    recording = recording_of(np.sin(2 * np.pi * frequency * times), rate, frame_times=times)
    out = preprocess(recording, [Resample(frame_rate=30)])
    assert np.abs(shown(out)[far_from_ends(out.times, 0.9)]).max() < 0.03


@settings(max_examples=40, deadline=None)
@given(
    rate=st.floats(2, 200),
    to=st.floats(5, 100),
    n=st.integers(2, 300),
    level=st.sampled_from([-3.5, 0.0, 1.0, 65_535.0]),
    wobble=st.sampled_from([0, 0.2]),
)
def test_a_constant_stays_and_the_frames_fill_the_time_that_was_filmed(rate, to, n, level, wobble):
    assume(rate <= 40 * to)
    times = wobbling(n, rate, wobble, seed=n) if wobble else None
    recording = recording_of(np.full(n, level), rate, frame_times=times)
    out = preprocess(recording, [Resample(frame_rate=to)])
    np.testing.assert_allclose(shown(out), level, rtol=1e-6)
    assert out.frame_rate == to
    assert out.times[0] == recording.times[0]
    np.testing.assert_allclose(np.diff(out.times), 1 / to)
    end = recording.times[-1] + np.median(np.diff(recording.times))
    assert out.times[-1] < end <= out.times[-1] + 1 / to + 1e-5 / to


@pytest.mark.parametrize(("rate", "n"), [(10, 600), (25, 1500), (50, 3000), (100, 6000)])
def test_a_minute_has_the_frames_of_a_minute(rate, n):
    out = preprocess(recording_of(np.zeros(n), rate), [Resample(frame_rate=30)])
    assert out.n_frames == 1800
    assert out.frame_times is None  # a rate says it all
    np.testing.assert_allclose(out.times, np.arange(1800) / 30)


def test_a_movie_that_has_the_rate_is_left_as_it_is():
    recording = recording_of(np.arange(90, dtype=np.uint16), 30)
    assert preprocess(recording, [Resample(frame_rate=30)]).movie is recording.movie


def test_lost_frames_are_not_made_up():
    n, lost = 300, slice(100, 150)
    times = np.delete(np.arange(n) / 25, lost)
    recording = recording_of(np.sin(2 * np.pi * 2 * times), 25, frame_times=times)
    out = preprocess(recording, [Resample(frame_rate=30)])
    gap = (out.times >= times[99] + 1 / 25) & (out.times < times[100])
    assert not gap.any()
    assert np.diff(out.times).max() > 2
    assert any("not made up" in warning for warning in out.warnings)
    inside = far_from_ends(out.times, 1) & (np.abs(out.times - 5) > 2)
    np.testing.assert_allclose(
        shown(out)[inside], np.sin(2 * np.pi * 2 * out.times)[inside], atol=0.01
    )


def test_one_lost_frame_does_not_shift_what_comes_after():
    times = np.delete(np.arange(300) / 30, 150)
    recording = recording_of(np.sin(2 * np.pi * 3 * times), 30, frame_times=times)
    out = preprocess(recording, [Resample(frame_rate=30)])
    np.testing.assert_allclose(out.times, times)
    inside = far_from_ends(times, 1)
    np.testing.assert_allclose(shown(out)[inside], shown(recording)[inside], atol=0.01)


def test_traces_and_labels_stay_on_the_clock():
    speed = np.linspace(0, 5, 200)
    trace = BehaviorTrace("speed", speed, np.arange(200) / 20, "cm/s")
    recording = recording_of(np.zeros(100), 10, behavior={"speed": trace})
    out = preprocess(recording, [Resample(frame_rate=25)])
    assert out.behavior["speed"] is trace
    labels = Ethogram.from_frames(np.repeat([0, 1, -1, 1], 25), ("rest", "run"))
    carried = labels.of_frames(frame_origins(recording, [Resample(frame_rate=25)]))
    at = np.minimum((out.times * 10 + 1e-9).astype(int), 99)
    np.testing.assert_array_equal(carried.frames(), labels.frames()[at])


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(
            [
                Crop(frames=(3, 50)),
                Crop(rows=(0, 1)),
                Bin(pixels=1, frames=3),
                Resample(frame_rate=30),
                Resample(frame_rate=7),
            ]
        ),
        max_size=3,
    )
)
def test_each_frame_after_some_steps_says_which_one_it_shows(steps: list[Step]):
    times = wobbling(120, 20, 0.1, seed=5)
    recording = recording_of(np.arange(120.0), 20, frame_times=times)
    try:
        out = preprocess(recording, steps)
    except RecordingError:  # cropped twice, or to less than is binned
        return
    origins = frame_origins(recording, steps)
    assert len(origins) == out.n_frames
    # at each step, a frame shows what began within the frame that it is made of
    latest, made = 1 / 20, recording
    for step in steps:
        latest += 1.3 / made.known_frame_rate()
        made = preprocess(made, [step])
    behind = out.times - times[origins]
    assert (behind > -1e-5).all()
    assert (behind < latest).all()


def test_the_truth_of_a_simulated_mouse_follows_its_frames():
    mouse = simulate_recording(seed=2, seconds=6, frame_rate=50, shape=(32, 32))
    out = preprocess(mouse, [Crop(frames=(50, 250)), Resample(frame_rate=30)])
    truth = out.truth  # type: ignore[attr-defined]
    at = 50 + (np.arange(out.n_frames) * 50 / 30 + 1e-9).astype(int)
    np.testing.assert_array_equal(truth.ethogram.frames(), mouse.truth.ethogram.frames()[at])
    np.testing.assert_array_equal(truth.speed, mouse.truth.speed[at])


def test_frames_do_not_depend_on_which_are_asked_for():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 4000, (400, 5, 6)).astype(np.uint16)
    movie = da.from_array(frames, chunks=(37, -1, -1))
    recording = Recording(movie=movie, name="m", frame_rate=50.0)
    out = preprocess(recording, [Resample(frame_rate=30)])
    whole = out.movie.compute()
    for some in (slice(200, 201), slice(3, 90), slice(None, None, 7)):
        np.testing.assert_allclose(out.movie[some].compute(), whole[some], atol=0.01)  # counts
    again = pickle.loads(pickle.dumps(out.movie))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(again.compute(), whole)


def test_memory_does_not_grow_with_the_movie():
    def peak(n_frames: int) -> int:
        movie = da.zeros((n_frames, 64, 64), np.uint16, chunks=(50, -1, -1))
        recording = Recording(movie=movie, name="m", frame_rate=50.0)
        out = preprocess(recording, [Resample(frame_rate=30)]).movie
        out[:70].compute(scheduler="synchronous")
        tracemalloc.start()
        for start in range(0, out.shape[0], 64):
            out[start : start + 64].compute(scheduler="synchronous")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(3000) < 1.5 * peak(750)


def test_a_preview_shows_the_moment_under_the_slider():
    recording = recording_of(np.sin(np.arange(200) / 7), 20)
    out = preprocess(recording, [Resample(frame_rate=30)])
    previews = Previews(recording)
    for frame in (0, 78, 198):
        at = int(np.argmin(np.abs(out.times - frame / 20)))
        np.testing.assert_allclose(
            previews.frame([Resample(frame_rate=30)], frame)[0, 0], shown(out)[at], atol=1e-3
        )


def test_what_cannot_be_resampled_is_refused_in_a_sentence():
    with pytest.raises(FrameRateError, match="frame rate"):
        preprocess(recording_of(np.zeros(10), None), [Resample()])
    with pytest.raises(RecordingError, match="bin"):
        preprocess(recording_of(np.zeros(10), 5000), [Resample(frame_rate=30)])
    with pytest.raises(RecordingError, match="one frame"):
        preprocess(recording_of(np.zeros(10), 30), [Crop(frames=(2, 3)), Resample()])
    values = np.zeros(100)
    values[40] = np.nan
    with pytest.raises(RecordingError, match="frame 40"):
        preprocess(recording_of(values, 25), [Resample()]).movie.compute()
