"""Probabilities are set right by what came true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import from_numpy
from torch.nn import functional

from napari_cortex_decoder.scoring.calibration import (
    cross_entropy,
    fit_calibration,
    fit_temperature,
)


def a_calibrated_mouse() -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels: a frame is a run as often as its probability says."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    return logits, (rng.random(20_000) < 1 / (1 + np.exp(-logits))).astype(int)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_on_the_logits(factor: float) -> None:
    logits, labels = a_calibrated_mouse()
    p = 1 / (1 + np.exp(-logits * factor))
    assert fit_temperature(np.stack([1 - p, p], axis=1), labels) == pytest.approx(factor, rel=0.1)


def test_scale_and_shift_undo_a_factor_and_an_offset() -> None:
    logits, labels = a_calibrated_mouse()
    scale, shift = fit_calibration(2 * logits[:, None] + 3, labels)
    assert scale == pytest.approx(0.5, rel=0.1)
    assert shift == pytest.approx([-1.5], abs=0.1)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_the_cross_entropy_is_that_of_torch(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(0, 5, (n, k)), rng.integers(0, max(k, 2), n)
    theirs = (
        functional.binary_cross_entropy_with_logits(
            from_numpy(logits[:, 0]), from_numpy(labels).double()
        )
        if k == 1
        else functional.cross_entropy(from_numpy(logits), from_numpy(labels))
    )
    assert cross_entropy(logits, labels) == pytest.approx(float(theirs))
