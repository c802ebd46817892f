"""Kinds of noise: as strong as each other, and each of its own kind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch
from scipy.stats import skew

from napari_cortex_decoder.simulation.noise import KINDS
from napari_cortex_decoder.simulation.seeds import generator

NUMBERS = {"pink": 1.0, "autoregressive": 1.0, "oscillators": 0.5, "bursts": 4.0}
RATE = 10.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [12_000, 1])
def test_noise_of_each_kind_has_its_shape_and_a_long_one_an_sd_of_one(kind: str, n: int) -> None:
    noise = KINDS[kind](generator("test"), n, 30, RATE, NUMBERS[kind])
    assert noise.shape == (n, 30) and np.isfinite(noise).all()
    if n > 1:
        assert np.sqrt((noise**2).mean()) == pytest.approx(1, abs=0.12)


def test_power_falls_as_the_exponent_of_pink_noise_says() -> None:
    for exponent in (0.5, 1.5):
        noise = KINDS["pink"](generator("test"), 20_000, 10, RATE, exponent)
        hertz, power = welch(noise, RATE, nperseg=2000, axis=0)
        inside = (hertz > 0.05) & (hertz < 3)
        slope, _ = np.polyfit(np.log(hertz[inside]), np.log(power[inside].mean(axis=1)), 1)
        assert -slope == pytest.approx(exponent, abs=0.15)


def test_oscillators_have_most_power_about_their_frequency() -> None:
    noise = KINDS["oscillators"](generator("test"), 20_000, 20, RATE, 0.5)
    hertz, power = welch(noise, RATE, nperseg=2000, axis=0)
    near = (hertz > 0.5 / 4) & (hertz < 0.5 * 4)
    assert power[near].sum() / power.sum() > 0.8


def test_autoregressive_noise_forgets_later_the_longer_it_is_told_to_remember() -> None:
    lagged = []
    for tau in (0.3, 5.0):
        noise = KINDS["autoregressive"](generator("test"), 20_000, 10, RATE, tau)
        lagged.append((noise[10:] * noise[:-10]).mean())
    assert lagged[0] < 0.4 < 0.7 < lagged[1]


def test_bursts_rise_and_do_not_fall() -> None:
    assert skew(KINDS["bursts"](generator("test"), 20_000, 10, RATE, 4.0), axis=None) > 0.8
