"""What drifts, and long bouts that detrending hides, are told by what was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.decoder.config import (
    CnnRnnConfig,
    LinearConfig,
    Preprocessing,
    RoiRnnConfig,
    TemporalCnnConfig,
    TracePreprocessing,
)
from napari_cortex_decoder.decoder.drift import drift_warnings

RATE = 10.0
DECODERS = [
    CnnRnnConfig(),
    LinearConfig(preprocessing=TracePreprocessing(detrend_seconds=None)),
    TemporalCnnConfig(),
]
DETRENDING = [
    RoiRnnConfig(),
    CnnRnnConfig(preprocessing=Preprocessing(scale="centered-sd", detrend_seconds=33.0)),
]


def said(seconds: float, cycle: float, drift: float = 0.0, noise: float = 0.5) -> Any:
    """Return probabilities of bouts of half a cycle, a slow wave in their log-odds, and times."""
    rng = np.random.default_rng(1)
    times = np.arange(round(seconds * RATE)) / RATE
    odds = np.where(times % cycle < cycle / 2, 2.0, -2.0) + noise * rng.normal(size=len(times))
    odds += drift * np.sin(2 * np.pi * times / 500)
    run = 1 / (1 + np.exp(-odds))
    return np.column_stack([1 - run, run]).astype(np.float32), times


def warned(config: Any, *what: Any, steps: Any = ()) -> str:
    return " ".join(drift_warnings(*what, config, steps))


@pytest.mark.parametrize("config", DECODERS, ids=lambda c: c.architecture)
def test_a_prediction_that_drifts_is_told_whatever_made_it(config: Any) -> None:
    assert "slow drift may pass for behavior" in warned(config, *said(500, 20, drift=3.0))
    assert "step detrend" in warned(config, *said(500, 20, drift=3.0))
    assert warned(config, *said(500, 20)) == ""
    assert warned(config, *said(100, 20, drift=3.0)) == ""  # a minute shows no drift


@pytest.mark.parametrize("config", DETRENDING, ids=lambda c: c.architecture)
def test_long_bouts_that_detrending_hides_are_told_by_what_it_leaves_of_them(config: Any) -> None:
    other = "run-rest-cortex" if isinstance(config, RoiRnnConfig) else "run-rest"
    assert f"does not detrend, such as '{other}'" in warned(config, *said(300, 100, noise=3.0))
    assert warned(config, *said(300, 20)) == ""


def test_a_movie_that_was_detrended_counts_as_such() -> None:
    steps = [{"name": "detrend", "window": 40}]
    assert warned(DECODERS[0], *said(500, 20, drift=1.0, noise=0.2), steps=steps) == ""
    for config in (DECODERS[0], DETRENDING[0]):
        assert "without the step detrend" in warned(config, *said(300, 100, noise=3.0), steps=steps)


@given(st.integers(0, 3000), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_any_prediction_can_be_asked(n: int, value: float) -> None:
    flat = np.full((n, 2), [1 - value, value], np.float32)
    assert warned(DECODERS[0], flat, np.arange(n) / RATE) == ""
    flat[: n // 2] = np.nan
    drift_warnings(flat, np.arange(n) / RATE, DECODERS[0], ())
