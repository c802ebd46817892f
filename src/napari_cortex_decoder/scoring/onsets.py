"""How far in time a prediction begins a behavior from where it was labelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.bouts import UNKNOWN

NEAR = 2.0
"""s: an onset with none predicted as near as that is missed."""


def onset_errors(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]], frame_rate: float
) -> tuple[float | None, float | None]:
    """Return the median distance (s) of onsets to the nearest predicted one, and the share found.

    `parts` are, by stretch, probabilities (n, k), NaN where there is none, and labels (n,), −1
    unknown. An onset is a change from one known behavior to another; None where there is none, or
    none is found.
    """
    distances: list[float] = []
    for probability, labels in parts:
        known = np.isfinite(probability).all(axis=1) & (labels != UNKNOWN)
        read = np.where(known, np.nan_to_num(probability).argmax(axis=1), UNKNOWN)
        for behavior in range(probability.shape[1]):
            found = _onsets(read, behavior)
            for onset in _onsets(np.where(known, labels, UNKNOWN), behavior):
                off = np.abs(found - float(onset)).min(initial=np.inf) / frame_rate
                distances.append(float(off))
    near = [off for off in distances if off <= NEAR]
    if not distances:
        return None, None
    return (float(np.median(near)) if near else None), len(near) / len(distances)


def _onsets(values: NDArray[np.int64], behavior: int) -> NDArray[np.int64]:
    before, own = values[:-1], values[1:]
    return np.flatnonzero((own == behavior) & (before != behavior) & (before != UNKNOWN)) + 1
