"""What chance is worth: the same probabilities against labels of other times, or other sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.scoring.auc import auc

SHIFTS = np.linspace(0.1, 0.9, 39)
"""How far labels go round, as shares of a stretch."""


def shifted_labels(stretches: Sequence[Ints]) -> Ints:
    """Return labels that were shifted in time, each stretch around its own end.

    Where cortex and behavior both drift slowly, shifted labels can agree with it too: the null is
    then wide, as it should be. `stretches` hold known frames only, and go on without a break; gives
    shape (len(SHIFTS), all frames).
    """
    return np.hstack(
        [[np.roll(own, round(share * len(own))) for share in SHIFTS] for own in stretches]
    )


def permuted_sessions(sessions: Sequence[tuple[Floats, Ints]]) -> float | None:
    """Return the AUC of each session's probabilities against the others' labels, averaged.

    Sessions are probabilities (n, k), NaN where there is none, and labels (n,), −1 unknown; of two
    the longer one is cut. None for one session, or where no other one shows two behaviors.
    """
    scores = []
    for own, (probability, _) in enumerate(sessions):
        for other, (_, labels) in enumerate(sessions):
            n = min(len(probability), len(labels))
            known = np.isfinite(probability[:n]).all(axis=1) & (labels[:n] >= 0)
            if other != own:
                scores.append(auc(probability[:n][known], labels[:n][known]))
    measured = [score for score in scores if score is not None]
    return float(np.mean(measured)) if measured else None
