"""Two colors in turns: when each was filmed is known, kept, and made good before correction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt

from napari_cortex_decoder.recording import (
    Recording,
    open_recording,
    preprocess,
    save_recording,
)
from napari_cortex_decoder.recording.preprocessing import (
    Bin,
    Crop,
    DeltaF,
    Hemodynamics,
    Resample,
)
from napari_cortex_decoder.simulation import Parameters, simulate_recording


def heartbeat(times: np.ndarray, frequency: float) -> np.ndarray:
    return np.asarray(np.sin(2 * np.pi * frequency * times))


def colors(n: int, rate: float, lag: float, frequency: float = 11.0, **others: Any) -> Recording:
    """Make a movie with activity and a heartbeat, and a reference with the heartbeat alone."""
    times = others.get("frame_times", np.arange(n) / rate)
    activity = 0.5 * np.random.default_rng(0).normal(size=n)
    frames = 5000 * (1 + 0.01 * (heartbeat(times, frequency) + activity))
    blood = 3000 * (1 + 0.02 * heartbeat(times + lag / rate, frequency))
    shape = np.ones((1, 3, 4))
    return Recording(
        movie=da.from_array(frames[:, None, None] * shape, chunks=(64, -1, -1)),
        reference=da.from_array(blood[:, None, None] * shape, chunks=(64, -1, -1)),
        reference_lag=lag,
        name="m",
        frame_rate=rate,
        **others,
    )


def heartbeat_left(corrected: Recording, frequency: float = 11.0) -> float:
    """Return how much of the heartbeat's SD is left, by regression on it and its quadrature."""
    times, rate = corrected.times, corrected.known_frame_rate()
    inside = (times > times[0] + 30 / rate) & (times < times[-1] - 30 / rate)
    phase = 2 * np.pi * frequency * times[inside]
    waves = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    values = np.asarray(corrected.movie[:, 1, 1].compute())[inside]
    weights, *_ = np.linalg.lstsq(waves, values - values.mean(), rcond=None)
    return float(np.linalg.norm(weights)) / 0.01


STEPS = [DeltaF(), Hemodynamics()]


@pytest.mark.parametrize(("rate", "lag"), [(30, 0.5), (30, -0.3), (25, 0.5)])
def test_a_heartbeat_between_two_colors_in_turns_is_taken_away(rate, lag):
    recording = colors(1000, rate, lag)
    assert heartbeat_left(preprocess(recording, STEPS)) < 0.1
    apart = recording.replace(reference_lag=0.0)
    assert heartbeat_left(preprocess(apart, STEPS)) > 0.3


def test_the_activity_is_left_as_it_was():
    recording = colors(1500, 30, 0.5)
    activity = 0.005 * np.random.default_rng(0).normal(size=1500)
    sections = butter(2, 0.1, "highpass", fs=30, output="sos")
    corrected = np.asarray(preprocess(recording, STEPS).movie[:, 0, 0].compute())[30:-30]
    kept = sosfiltfilt(sections, activity)[30:-30]
    assert np.corrcoef(corrected, kept)[0, 1] > 0.98
    assert np.polyfit(kept, corrected, 1)[0] == pytest.approx(1, abs=0.03)


def test_uneven_frame_times_count():
    rng = np.random.default_rng(3)
    times = (np.arange(1500) + rng.uniform(-0.04, 0.04, 1500)) / 30 + 7
    assert heartbeat_left(preprocess(colors(1500, 30, 0.5, frame_times=times), STEPS)) < 0.1


def test_where_nobody_knows_when_the_reference_was_filmed_that_is_told_and_can_be_said():
    recording = colors(1200, 30, 0.5).replace(reference_lag=None)
    assert any("lag=0.5" in said for said in preprocess(recording, STEPS).warnings)
    told = preprocess(recording, [DeltaF(), Hemodynamics(lag=0.5)])
    assert not any("lag" in said for said in told.warnings)
    assert heartbeat_left(told) < 0.1


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from([Crop(frames=(10, 350)), Bin(pixels=1, frames=2), Resample(frame_rate=45)]),
        max_size=3,
        unique_by=type,
    )
)
def test_steps_keep_when_the_reference_was_filmed(steps):
    times = np.arange(1000) / 60
    ramp = da.from_array(np.repeat(times, 4).reshape(-1, 2, 2), chunks=(64, -1, -1))
    recording = Recording(
        movie=ramp, reference=ramp + 0.5 / 60, reference_lag=0.5, frame_rate=60.0, name="m"
    )
    out = preprocess(recording, steps)
    movie, reference = (
        np.asarray(m[:, 0, 0].compute())[60:-60] for m in (out.movie, out.reference)
    )
    apart = (out.reference_times - out.times)[60:-60]
    np.testing.assert_allclose(reference - movie, apart, atol=2e-3)


def test_a_camera_that_took_turns_says_so(tmp_path: Path):
    path = tmp_path / "m.tif"
    frames = np.random.default_rng(0).integers(0, 900, (40, 8, 8)).astype(np.uint16)
    tifffile.imwrite(path, frames, photometric="minisblack")
    recording = open_recording(path, channels=2, frame_rate=30)
    assert recording.reference_lag == 0.5
    np.testing.assert_allclose(recording.reference_times, (np.arange(20) + 0.5) / 30)
    assert open_recording(path, frame_rate=60).reference_lag is None


@pytest.mark.parametrize("suffix", [".nwb", ".zarr", ".tif"])
@pytest.mark.parametrize("lag", [0.0, 0.5, 0.3])
@pytest.mark.parametrize("start", [None, 12.5])
def test_saved_and_opened_again_both_colors_have_their_times(
    tmp_path: Path, suffix: str, lag: float, start: float | None
):
    times = None if start is None else start + np.cumsum(np.full(50, 1 / 30))
    recording = colors(50, 30, lag, **({} if times is None else {"frame_times": times}))
    opened = open_recording(save_recording(recording, tmp_path / f"m{suffix}"))
    np.testing.assert_allclose(opened.times, recording.times, atol=1e-6)
    np.testing.assert_allclose(opened.reference_times, recording.reference_times, atol=1e-6)
    np.testing.assert_allclose(opened.reference, recording.reference, rtol=1e-6)


def test_a_second_file_is_later_by_what_the_frame_times_say():
    times = 3 + np.arange(60) / 30
    first, second = colors(60, 30, 0.0, frame_times=times), colors(60, 30, 0.0)
    assert first.with_reference(second).reference_lag is None
    later = second.replace(frame_times=times + 0.4 / 30)
    assert first.with_reference(later).reference_lag == pytest.approx(0.4)
    elsewhere = second.replace(frame_times=times + 50)
    assert first.with_reference(elsewhere).reference_lag is None


def test_a_simulated_mouse_filmed_in_turns_lives_on_between_the_colors():
    still = Parameters(hemodynamic=(1e-3, 1e-3), respiration=(1e-3, 1e-3), heart_wander=0.0)
    mouse = simulate_recording(
        seed=1, seconds=25, shape=(32, 32), alternating=True, life_steps=4, parameters=still
    )
    assert mouse.reference_lag == 0.5
    at_once = simulate_recording(
        seed=1, seconds=25, shape=(32, 32), reference=True, life_steps=4, parameters=still
    )
    assert at_once.reference_lag == 0.0
    cortex = mouse.truth.registration.label_image((32, 32)) > 0

    def beating(recording: Recording) -> float:
        """Return the SD of the heartbeat in the mean of cortex, % ΔF/F."""
        course = recording.movie[:, :, :].compute()[:, cortex].mean(axis=1)
        sections = butter(3, (9, 13), "bandpass", fs=30, output="sos")
        return 100 * float(np.std(sosfiltfilt(sections, course)[60:-60]))

    binned = [DeltaF(dark=mouse.truth.subject.dark_offset)]
    before = beating(preprocess(mouse, binned))
    after = beating(preprocess(mouse, [*binned, Hemodynamics()]))
    apart = mouse.replace(reference_lag=0.0)
    assert before > 0.08
    assert after < 0.35 * before
    assert beating(preprocess(apart, [*binned, Hemodynamics()])) > 2 * after
