"""The result card of a fine-tune: how good probabilities are on what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.labels import UNKNOWN
from napari_cortex_decoder.labels.cleaning import runs_of
from napari_cortex_decoder.training.measures import Reliability, auc, aucs, calibration_error

_OVERLAP = 0.5  # intersection over union from which on a bout is found
_SHIFTS = np.linspace(0.1, 0.9, 17)  # of the circular-shift null, as shares of a stretch


@dataclass(frozen=True)
class HeldOutScores:
    """Scores on held-out frames.

    Attributes
    ----------
    frames
        How many.
    auc
        Of the second of two behaviors; of more, the mean of each against the others.
    accuracy, balanced_accuracy
        Of the most probable behavior, that is at .5 for two.
    bout_f1
        Mean over behaviors of the F1 of bouts, one counting as found at an intersection over union
        of .5 or more.
    confusion
        Frames, row by row: what it was, by what was read.
    calibration_error
        Expected calibration error over ten bins.
    reliability
        The bins.
    shifted_auc, shifted_auc_high
        AUC with labels shifted circularly in time: the mean, and the 95th percentile, of 17
        shifts. A null, which slow drifts can lift above .5.
    permuted_auc
        AUC with the labels of another recording; None for one recording.
    majority
        Accuracy of always saying the commonest behavior.
    global_mean_auc
        AUC of logistic regression on the mean of the frame; None where it was not measured.
    """

    frames: int
    auc: float
    accuracy: float
    balanced_accuracy: float
    bout_f1: float
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    reliability: tuple[Reliability, ...]
    shifted_auc: float
    shifted_auc_high: float
    permuted_auc: float | None
    majority: float
    global_mean_auc: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return asdict(self)


def score(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
    recordings: Sequence[int],
    *,
    global_mean_auc: float | None = None,
) -> HeldOutScores:
    """Score held-out stretches.

    Parameters
    ----------
    parts
        By stretch: probabilities (n, k), NaN where there is none, and labels (n,), −1 unknown.
    recordings
        Which recording each stretch is of.
    global_mean_auc
        See `HeldOutScores`.
    """
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix

    k = parts[0][0].shape[1]
    known = [np.isfinite(p).all(axis=1) & (v != UNKNOWN) for p, v in parts]
    probability = np.concatenate([p[m] for (p, _), m in zip(parts, known, strict=True)])
    labels = np.concatenate([v[m] for (_, v), m in zip(parts, known, strict=True)])
    chosen = probability.argmax(axis=1)
    shifted = aucs(
        probability,
        np.hstack([
            [np.roll(v[m], round(share * m.sum())) for share in _SHIFTS]
            for (_, v), m in zip(parts, known, strict=True)
        ]),
    )  # fmt: skip
    error, bins = calibration_error(probability, labels)
    return HeldOutScores(
        frames=len(labels),
        auc=_auc(probability, labels),
        accuracy=float((chosen == labels).mean()),
        balanced_accuracy=float(balanced_accuracy_score(labels, chosen)),
        bout_f1=_bout_f1(parts, k),
        confusion=tuple(
            tuple(int(n) for n in row)
            for row in confusion_matrix(labels, chosen, labels=list(range(k)))
        ),
        calibration_error=error,
        reliability=bins,
        shifted_auc=float(np.mean(shifted)),
        shifted_auc_high=float(np.quantile(shifted, 0.95)),
        permuted_auc=_permuted(parts, recordings),
        majority=float(np.bincount(labels).max() / len(labels)),
        global_mean_auc=global_mean_auc,
    )


def _auc(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    found = auc(probability, labels)
    assert found is not None  # all behaviors are held out, or it was refused
    return found


def _bout_f1(parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]], k: int) -> float:
    """Match predicted with labeled bouts, each at most once."""
    found, labelled, predicted = np.zeros(k), np.zeros(k), np.zeros(k)
    for probability, labels in parts:
        known = np.isfinite(probability).all(axis=1) & (labels != UNKNOWN)
        read = np.where(known, np.nan_to_num(probability).argmax(axis=1), UNKNOWN)
        truth = np.where(known, labels, UNKNOWN)
        mine, theirs = _bouts(read), _bouts(truth)
        for behavior in range(k):
            own = [bout for bout in mine if bout[2] == behavior]
            other = [bout for bout in theirs if bout[2] == behavior]
            predicted[behavior] += len(own)
            labelled[behavior] += len(other)
            # above one half a bout can overlap so with one other at most
            found[behavior] += sum(any(_iou(a, b) >= _OVERLAP for b in other) for a in own)
    with np.errstate(invalid="ignore"):
        f1 = 2 * np.minimum(found, labelled) / (predicted + labelled)
    return float(np.nanmean(f1))


def _bouts(values: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    starts, lengths = runs_of(values)
    pairs = zip(starts.tolist(), lengths.tolist(), strict=True)
    return [(s, s + n, int(values[s])) for s, n in pairs if values[s] != UNKNOWN]


def _iou(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(shared, 0) / (max(one[1], other[1]) - min(one[0], other[0]))


def _permuted(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]], recordings: Sequence[int]
) -> float | None:
    """Score each recording's probabilities with another one's labels, cut to the shorter."""
    own = {
        number: (
            np.concatenate([p for (p, _), r in zip(parts, recordings, strict=True) if r == number]),
            np.concatenate([v for (_, v), r in zip(parts, recordings, strict=True) if r == number]),
        )
        for number in sorted(set(recordings))
    }
    scores = []
    for number, (probability, _) in own.items():
        for other, (_, labels) in own.items():
            n = min(len(probability), len(labels))
            known = np.isfinite(probability[:n]).all(axis=1) & (labels[:n] != UNKNOWN)
            if other != number and len(np.unique(labels[:n][known])) > 1:
                scores.append(_auc(probability[:n][known], labels[:n][known]))
    return float(np.mean(scores)) if scores else None
