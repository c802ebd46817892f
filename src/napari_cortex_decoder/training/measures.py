"""Measures of probabilities against labels: AUC and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability curve: what was said, what came true, in how many frames."""

    said: float
    came_true: float
    frames: int


def auc(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Give the AUC of the second of two behaviors, or the mean of each against the others.

    Parameters
    ----------
    scores
        Shape (n, k): probabilities, or anything that rises with them.
    labels
        Shape (n,): number of the behavior.

    Returns
    -------
    float or None
        None where the labels show one behavior only.
    """
    from sklearn.metrics import roc_auc_score

    k = scores.shape[1]
    each = [
        float(roc_auc_score(labels == column, scores[:, column]))
        for column in ([1] if k == 2 else range(k))
        if 0 < (labels == column).sum() < len(labels)
    ]
    return float(np.mean(each)) if each else None


def auc_of_logits(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Give the AUC of logits, shape (n, 1) for two behaviors; see `auc`."""
    two = logits.shape[1] == 1
    return auc(np.column_stack([-logits, logits]) if two else logits, labels)


def calibration_error(
    probability: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[float, tuple[Reliability, ...]]:
    """Give the expected calibration error over ten bins, and the bins.

    Of two behaviors it is that of the second; of more, that of the most probable one.

    Parameters
    ----------
    probability
        Shape (n, k), n at least 1.
    labels
        Shape (n,).
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
