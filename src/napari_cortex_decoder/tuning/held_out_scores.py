"""The result card of a fine-tune: how good probabilities are on what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.labels import UNKNOWN
from napari_cortex_decoder.scoring.auc import auc, aucs
from napari_cortex_decoder.scoring.bouts import bout_f1
from napari_cortex_decoder.scoring.calibration import Reliability, calibration_error
from napari_cortex_decoder.scoring.nulls import permuted_sessions, shifted_labels


@dataclass(frozen=True)
class HeldOutScores:
    """Scores on held-out frames."""

    frames: int  # how many
    auc: float  # of the second of two behaviors; of more, the mean of each against the others
    # of the most probable behavior, that is at .5 for two
    accuracy: float
    balanced_accuracy: float
    # mean over behaviors of the F1 of bouts, one counting as found at an intersection over union of
    # .5 or more
    bout_f1: float
    confusion: tuple[tuple[int, ...], ...]  # frames, row by row: what it was, by what was read
    calibration_error: float  # expected calibration error over ten bins
    reliability: tuple[Reliability, ...]  # the bins
    # AUC with labels shifted circularly in time: the mean, and the 95th percentile, of 39 shifts. A
    # null, which slow drifts can lift above .5
    shifted_auc: float
    shifted_auc_high: float
    permuted_auc: float | None  # AUC with the labels of another recording; None for one recording
    majority: float  # accuracy of always saying the commonest behavior
    # AUC of logistic regression on the mean of the frame; None where it was not measured
    global_mean_auc: float | None = None


def score(
    parts: Sequence[tuple[Floats, Ints]],
    recordings: Sequence[int],
    *,
    global_mean_auc: float | None = None,
) -> HeldOutScores:
    """Score held-out stretches: probabilities (n, k), NaN where there is none, and labels (n,).

    Labels are −1 where they are unknown; `recordings` says which one each stretch is of.
    """
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix

    k = parts[0][0].shape[1]
    known = [np.isfinite(p).all(axis=1) & (v != UNKNOWN) for p, v in parts]
    probability = np.concatenate([p[m] for (p, _), m in zip(parts, known, strict=True)])
    labels = np.concatenate([v[m] for (_, v), m in zip(parts, known, strict=True)])
    chosen = probability.argmax(axis=1)
    shifted = aucs(
        probability, shifted_labels([v[m] for (_, v), m in zip(parts, known, strict=True)])
    )
    sessions = []
    for number in sorted(set(recordings)):
        own = [part for part, r in zip(parts, recordings, strict=True) if r == number]
        sessions.append((np.concatenate([p for p, _ in own]), np.concatenate([v for _, v in own])))
    error, bins = calibration_error(probability, labels)
    return HeldOutScores(
        frames=len(labels),
        auc=_auc(probability, labels),
        accuracy=float((chosen == labels).mean()),
        balanced_accuracy=float(balanced_accuracy_score(labels, chosen)),
        bout_f1=bout_f1(parts, k),
        confusion=tuple(
            tuple(int(n) for n in row)
            for row in confusion_matrix(labels, chosen, labels=list(range(k)))
        ),
        calibration_error=error,
        reliability=bins,
        shifted_auc=float(np.mean(shifted)),
        shifted_auc_high=float(np.quantile(shifted, 0.95)),
        permuted_auc=permuted_sessions(sessions),
        majority=float(np.bincount(labels).max() / len(labels)),
        global_mean_auc=global_mean_auc,
    )


def _auc(probability: Floats, labels: Ints) -> float:
    found = auc(probability, labels)
    assert found is not None  # all behaviors are held out, or it was refused
    return found
