"""How many bouts were found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.bouts import UNKNOWN, each_stretch

_OVERLAP = 0.5  # intersection over union from which on a bout is found


def bout_f1(parts: Sequence[tuple[Floats, Ints]], k: int) -> float:
    """Return the F1 of bouts, mean over `k` behaviors; a bout is matched at most once.

    `parts` are, by stretch, probabilities (n, k), NaN where there is none, and labels (n,), −1
    unknown.
    """
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


def _bouts(values: Ints) -> list[tuple[int, int, int]]:
    return [(a, b, int(values[a])) for a, b in each_stretch(values) if values[a] != UNKNOWN]


def _iou(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(shared, 0) / (max(one[1], other[1]) - min(one[0], other[0]))
