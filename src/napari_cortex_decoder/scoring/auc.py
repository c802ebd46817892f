"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints


def auc(scores: Floats, labels: Ints) -> float | None:
    """Return the AUC of the second of two behaviors, or the mean of each against the others.

    `scores`, shape (n, k), are probabilities, or anything that rises with them; `labels` has shape
    (n,). None where the labels show one behavior only.
    """
    (found,) = aucs(scores, labels[None])
    return None if np.isnan(found) else float(found)


def aucs(scores: Floats, labels: Ints) -> Floats:
    """Return the AUC of the same scores for several labels of them: they are ranked but once.

    `labels` has shape (m, n), the result (m,): NaN where labels show one behavior only.
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
        found: Floats = np.where(measured, each, 0).sum(axis=1) / measured.sum(axis=1)
    return found


def auc_of_logits(logits: Floats, labels: Ints) -> float | None:
    """Return the AUC of logits, shape (n, 1) for two behaviors; see `auc`."""
    two = logits.shape[1] == 1
    return auc(np.column_stack([-logits, logits]) if two else logits, labels)
