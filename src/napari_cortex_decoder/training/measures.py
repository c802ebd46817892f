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
    (found,) = aucs(scores, labels[None])
    return None if np.isnan(found) else float(found)


def aucs(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the AUC of the same scores for several labels of them: they are ranked but once.

    Parameters
    ----------
    scores
        As of `auc`.
    labels
        Shape (m, n).

    Returns
    -------
    numpy.ndarray
        Shape (m,); NaN where labels show one behavior only.
    """
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    k = scores.shape[1]
    columns = [1] if k == 2 else range(k)
    each = np.full((len(labels), k), np.nan)
    for column in columns:
        own = labels == column
        yes = own.sum(axis=1)
        both = (yes > 0) & (yes < labels.shape[1])
        yes, rank_sum = yes[both], own[both] @ ranks[:, column]
        each[both, column] = (rank_sum / yes - (yes + 1) / 2) / (labels.shape[1] - yes)
    measured = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.where(measured, each, 0).sum(axis=1) / measured.sum(axis=1)
    return found


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
