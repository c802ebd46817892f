"""Simulated mice look to statistics as real ones do (METHOD: Ajioka et al. 2024 and others).

Bounds are wide enough for any three mice; ``benchmarks/simulation.py`` has the close figures.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from napari_cortex_decoder.simulation import Parameters, SimulatedRecording, simulate_recording
from napari_cortex_decoder.simulation.noise import band_noise
from napari_cortex_decoder.simulation.seeds import generator

small = partial(simulate_recording, seed=5, seconds=60, shape=(32, 32))

Changes = list[dict[tuple[str, str], NDArray[np.floating]]]


def running(mouse: SimulatedRecording) -> NDArray[np.floating]:
    return mouse.truth.ethogram.frames().astype(float)


def test_areas_change_by_about_one_percent_together(area_changes: Changes) -> None:
    for changes in area_changes:
        traces = np.stack(list(changes.values()))
        assert 0.5e-2 < traces.std(axis=1).mean() < 1.4e-2
        variance = np.sort(np.linalg.eigvalsh(np.cov(traces)))[::-1] / np.cov(traces).trace()
        assert 0.65 < variance[0] < 0.95
        assert variance[:3].sum() > 0.85
        r = np.corrcoef(traces)[np.triu_indices(len(traces), 1)]
        assert 0.6 < r.mean() < 0.95


def test_running_shows_most_in_secondary_motor_cortex_and_less_in_limb_areas(
    mice: list[SimulatedRecording], area_changes: Changes
) -> None:
    def r(name: str) -> float:
        return float(
            np.mean(
                [
                    np.corrcoef(trace, running(mouse))[0, 1]
                    for mouse, changes in zip(mice, area_changes, strict=True)
                    for (acronym, _), trace in changes.items()
                    if acronym == name
                ]
            )
        )

    assert 0.2 < r("MOs") < 0.65
    assert r("MOs") > r("SSp-ll") > 0
    assert r("MOs") > r("VISp")
    assert r("MOs") > r("AUDs")


def read_off(mice: list[SimulatedRecording], names: tuple[str, ...]) -> float:
    """AUC of a linear decoder on some areas, ± 0.5 s, in mice that it did not learn from."""
    x, y = [], []
    for mouse in mice:
        areas = mouse.truth.registration.atlas.areas
        traces = mouse.truth.area_traces[:, [a.acronym in names for a in areas]]
        traces = (traces - traces.mean(axis=0)) / traces.std(axis=0)
        windows = sliding_window_view(traces, 31, axis=0)[::5, :, ::5]
        x.append(windows.reshape(len(windows), -1))
        y.append(running(mouse)[15:-15:5])
    learn = len(mice) - 4
    model = LogisticRegression(C=0.1, max_iter=300)
    model.fit(np.concatenate(x[:learn]), np.concatenate(y[:learn]))
    return float(
        np.mean(
            [
                roc_auc_score(truth, model.decision_function(test))
                for test, truth in zip(x[learn:], y[learn:], strict=True)
            ]
        )
    )


def test_a_decoder_reads_running_best_off_limb_areas_then_motor_then_visual_ones() -> None:
    mice = [small(subject=n) for n in range(40, 54)]
    limb = read_off(mice, ("SSp-ul", "SSp-ll"))
    motor = read_off(mice, ("MOs", "MOp"))
    assert limb > 0.88
    assert limb > motor + 0.02
    assert 0.70 < motor < 0.95
    assert 0.55 < read_off(mice, ("VISp",)) < motor
    without = Parameters(precise_amplitude=0.0)
    mice = [small(subject=n, parameters=without) for n in range(40, 54)]
    assert read_off(mice, ("SSp-ul", "SSp-ll")) < 0.7


def test_cortex_is_bright_the_surround_dark_and_a_few_pixels_saturate(
    mice: list[SimulatedRecording],
) -> None:
    for mouse in mice:
        frame = mouse.movie[0].compute()
        labels = mouse.truth.registration.label_image(mouse.shape)
        motor = [i + 1 for i, a in enumerate(mouse.truth.registration.atlas.areas)
                 if a.acronym in ("MOp", "SSp-ul", "SSp-ll", "RSPagl")]  # fmt: skip
        assert 4_000 < np.median(frame[np.isin(labels, motor)]) < 16_000
        assert 100 < frame.min() < 1_500
        assert 0 < (frame == 65_535).mean() < 0.005


def test_the_heart_beats_at_ten_to_twelve_hertz() -> None:
    quiet = Parameters(precise_amplitude=0.0, common=0.0, regional=0.0, specific=0.0)
    mouse = simulate_recording(seed=1, subject=9, seconds=40, shape=(48, 48), parameters=quiet)
    trace = mouse.movie[:, 16:32, 12:36].mean(axis=(1, 2)).compute()
    trace = trace / trace.mean() - 1
    power = np.abs(np.fft.rfft(trace)) ** 2
    frequency = np.fft.rfftfreq(trace.size, 1 / 30)
    fast = frequency > 6
    assert 9 < frequency[fast][power[fast].argmax()] < 13.5
    beat = np.sqrt(2 * power[fast & (frequency < 14)].sum()) / trace.size
    assert 0.10e-2 < beat < 0.30e-2


def test_shot_noise_follows_brightness_and_the_size_of_a_pixel() -> None:
    """Variance of the difference of two neighbouring frames is twice the noise of one."""
    noise = {}
    for size in (64, 256):
        mouse = simulate_recording(seed=1, subject=2, seconds=2, shape=(size, size))
        movie = mouse.movie.compute().astype(float)
        offset = mouse.truth.subject.dark_offset
        center = np.s_[:, size // 3 : size // 2, size // 3 : size // 2]
        light = movie[center].mean() - offset
        difference = np.diff(movie[center], axis=0)
        difference -= difference.mean(axis=(1, 2), keepdims=True)
        noise[size] = difference.var() / 2 / light
    # counts a photo-electron: a sixteenth of the area bins a sixteenth of the electrons
    assert 8 < noise[256] / noise[64] < 20


def test_a_bleaching_lamp_and_nothing_else_dims_the_movie() -> None:
    still = Parameters(
        precise_amplitude=0.0, common=0.0, regional=0.0, specific=0.0,
        onset_profile=(0.0,) * 7, sustained=0.0, hemodynamic=(0.0, 0.0),
        bleached=(10.0, 10.0), bleach_time=(20.0, 20.0),
    )  # fmt: skip
    mouse = simulate_recording(seed=1, seconds=60, frame_rate=10, shape=(32, 32), parameters=still)
    trace = (
        mouse.movie[:, 10:20, 8:24].mean(axis=(1, 2)).compute() - mouse.truth.subject.dark_offset
    )
    kept = trace[-50:].mean() / trace[:5].mean()
    assert 0.83 < kept < 0.97  # bleaching by 10 % differs over cortex


def test_noise_has_the_power_that_was_asked_for_in_each_band() -> None:
    bands, shares = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0), (0.33, 0.33, 0.14, 0.10, 0.10)
    noise = band_noise(generator("test"), 30_000, 20, 30.0, bands, shares)
    frequency = np.fft.rfftfreq(30_000, 1 / 30)
    power = (np.abs(np.fft.rfft(noise, axis=0)) ** 2).mean(axis=1)
    inside = [(frequency >= a) & (frequency < b) for a, b in pairwise(bands)]
    found = np.array([power[i].sum() for i in inside]) / power.sum()
    np.testing.assert_allclose(found, shares, atol=0.05)
    assert abs(noise.std() - 1) < 0.1


def test_a_slow_camera_misses_the_fast_bands() -> None:
    bands, shares = (0.01, 0.1, 5.0), (0.5, 0.5)
    fast, slow = (
        band_noise(generator("test"), 4_000, 50, rate, bands, shares).std() for rate in (30, 1)
    )
    assert 0.95 < fast < 1.05
    assert 0.7 < slow < 0.95
