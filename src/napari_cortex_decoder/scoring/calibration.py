"""How far probabilities are what they say, and the scale and shift of logits that make them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cortex_decoder.arrays import Bools, Floats, Ints

N_BINS = 10

_PULL = 2.0  # pseudo-frames that hold scale at 1 and shift at 0
_MOST_SCALE = 5.0
_SUREST = 1e-6


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability curve: what was said, what came true, in how many frames."""

    said: float
    came_true: float
    frames: int


def calibration_error(probability: Floats, labels: Ints) -> tuple[float, tuple[Reliability, ...]]:
    """Return the expected calibration error over ten bins, and the bins.

    Of two behaviors it is that of the second; of more, that of the most probable one. `probability`
    has shape (n, k), n at least 1, and `labels` shape (n,).
    """
    if probability.shape[1] == 2:
        said, right = probability[:, 1], labels == 1
    else:
        said, right = probability.max(axis=1), probability.argmax(axis=1) == labels
    place = np.minimum((said * N_BINS).astype(int), N_BINS - 1)
    bins = tuple(
        Reliability(float(said[place == b].mean()), float(right[place == b].mean()), int(n))
        for b in range(N_BINS)
        if (n := (place == b).sum())
    )
    off = sum(abs(one.said - one.came_true) * one.frames for one in bins)
    return off / len(labels), bins


def best_threshold(probability: Floats, labels: Ints) -> float:
    """Return the threshold of the best balanced accuracy (Youden's), 0 to 1.

    `probability`, shape (n,), is of the second of two behaviors; `labels` has both.
    """
    from sklearn.metrics import roc_curve

    false_alarms, hits, thresholds = roc_curve(labels, probability)
    return float(np.clip(thresholds[np.argmax(hits - false_alarms)], 0, 1))


def cross_entropy(logits: Floats, labels: Ints) -> float:
    """Return the mean cross-entropy of logits, shape (n, 1) for two behaviors, else (n, k)."""
    if logits.shape[1] == 1:
        sign = np.where(labels == 1, 1.0, -1.0)
        return float(np.logaddexp(0, -sign * logits[:, 0]).mean())
    of_label = logits[np.arange(len(logits)), labels]
    return float((np.logaddexp.reduce(logits, axis=1) - of_label).mean())


def fit_temperature(probability: Floats, labels: Ints) -> float:
    """Return the temperature (Guo et al. 2017) at which probabilities of 1 are likeliest.

    Between 0.05 and 20, rounded to three digits; `probability`, shape (n, k), is of mice that
    decide, never of those that test.
    """
    from scipy.optimize import minimize_scalar

    logits = np.log(np.clip(probability, _SUREST, 1 - _SUREST))
    found = minimize_scalar(
        lambda log_temperature: cross_entropy(logits / np.exp(log_temperature), labels),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(f"{np.exp(found.x):.3g}")


def fit_calibration(logits: Floats, labels: Ints) -> tuple[float, Floats]:
    """Return the scale and shift of logits at which the labels are likeliest (Platt 1999).

    The scale is one over the temperature; the shift, shape (n_logits,), is added to scaled logits.
    """
    from scipy.optimize import minimize

    n, k = logits.shape

    def loss(parameters: Floats) -> float:
        moved = logits * np.exp(parameters[0]) + parameters[1:]
        pulled: float = _PULL / n * (parameters**2).sum()
        return cross_entropy(moved, labels) + pulled

    bounds = [(-np.log(_MOST_SCALE), np.log(_MOST_SCALE)), *[(-10.0, 10.0)] * k]
    found = minimize(loss, np.zeros(k + 1), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(found[0])), found[1:]


def calibrated_loss(logits: Floats, labels: Ints, learning: Bools, deciding: Bools) -> float:
    """Fit scale and shift to some frames; return the cross-entropy of others."""
    scale, shift = fit_calibration(logits[learning], labels[learning])
    return cross_entropy(logits[deciding] * scale + shift, labels[deciding])
