"""Scores of an evaluation, mouse by mouse, and what they say over mice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.evaluation.scores import holm
from napari_cortex_decoder.scoring.agreement import auc_of_mean
from napari_cortex_decoder.scoring.auc import auc
from napari_cortex_decoder.scoring.onsets import onset_errors
from napari_cortex_decoder.settings import Frozen
from napari_cortex_decoder.tuning.held_out_scores import score

_DRAWS = 9999
_LEAST_MICE = 5

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MouseResult(Frozen):
    """How well one decoder does on what was tested of one mouse."""

    decoder: str
    mouse: str
    model: str = ""  # of several that were tested on this mouse
    kind: str = ""  # see `Fold`
    at: float | None = None
    group: str = ""
    sessions: tuple[str, ...]
    frames: int
    scores: dict[str, float]  # by name; what could not be measured is left out
    confusion: tuple[tuple[int, ...], ...]  # frames, row by row: what it was, by what was read
    reliability: tuple[tuple[float, float, int], ...]  # said, came true, frames

    @property
    def row(self) -> tuple[str, str, float | None]:
        """What of a table it belongs to."""
        return self.decoder, self.kind, self.at


class Tested(NamedTuple):
    """A stretch that was tested.

    Probabilities (n, k), labels (n,) and the frame's mean (n,), and which session it is of.
    """

    probability: Floats
    labels: Ints
    mean: Floats
    session: str


def measure(parts: Sequence[Tested], frame_rate: float) -> dict[str, object] | None:
    """Score what was tested of a mouse; None where it shows one behavior only.

    Returns
    -------
    dict
        Fields ``frames``, ``scores``, ``confusion`` and ``reliability`` of `MouseResult`.
    """
    from sklearn.metrics import average_precision_score

    pairs = [(part.probability, part.labels) for part in parts]
    known = [np.isfinite(p).all(axis=1) & (v >= 0) for p, v in pairs]
    labels = np.concatenate([v[own] for (_, v), own in zip(pairs, known, strict=True)])
    values = np.concatenate([p[own] for (p, _), own in zip(pairs, known, strict=True)])
    if auc(values, labels) is None:
        return None
    sessions = list(dict.fromkeys(part.session for part in parts))
    found = score(pairs, [sessions.index(part.session) for part in parts])
    k = values.shape[1]
    columns = [1] if k == 2 else [i for i in range(k) if (labels == i).any()]
    off, hit = onset_errors(pairs, frame_rate)
    mean = np.concatenate([part.mean[own] for part, own in zip(parts, known, strict=True)])
    scores = {
        "AUC": found.auc,
        "AUC, labels shifted": found.shifted_auc,
        "AUC, labels of another session": found.permuted_auc,
        "AUC, the frame's mean": auc_of_mean(mean, labels) if k == 2 else None,
        "average precision": float(
            np.mean([average_precision_score(labels == i, values[:, i]) for i in columns])
        ),
        "balanced accuracy": found.balanced_accuracy,
        "accuracy": found.accuracy,
        "accuracy, always the commonest": found.majority,
        "F1 of bouts": found.bout_f1,
        "onset error (s)": off,
        "onsets found": hit,
        "calibration error": found.calibration_error,
    }
    return {
        "frames": found.frames,
        "scores": {name: value for name, value in scores.items() if value is not None},
        "confusion": found.confusion,
        "reliability": tuple((b.said, b.came_true, b.frames) for b in found.reliability),
    }


class Summary(NamedTuple):
    """One score of one decoder over mice: mean, its 95 % interval over mice, the worst mouse."""

    mice: int
    mean: float
    low: float | None
    high: float | None
    worst: float


def over_mice(results: Sequence[MouseResult], name: str) -> Summary | None:
    """Sum a score up over mice; several models of a mouse are averaged first.

    The interval is a bootstrap over mice; None of fewer than three. None if nobody has that score.
    """
    from scipy.stats import bootstrap

    values = np.array([*by_mouse(results, name).values()])
    if not len(values):
        return None
    low = high = None
    if len(values) >= 3 and np.ptp(values):
        drawn = bootstrap(
            (values,), np.mean, n_resamples=_DRAWS, method="percentile", rng=1
        ).confidence_interval
        low, high = float(drawn.low), float(drawn.high)
    return Summary(len(values), float(values.mean()), low, high, float(values.min()))


def by_mouse(results: Sequence[MouseResult], name: str) -> dict[str, float]:
    """Return a score of each mouse, the mean over its models."""
    found: dict[str, list[float]] = {}
    for one in results:
        if name in one.scores:
            found.setdefault(one.mouse, []).append(one.scores[name])
    return {mouse: float(np.mean(values)) for mouse, values in found.items()}


class Comparison(NamedTuple):
    """Two decoders on the same mice: mean difference of AUC, p by Wilcoxon's signed ranks."""

    one: str
    other: str
    mice: int
    difference: float
    p: float | None  # after Holm; None of fewer than five mice, which can say nothing


def compare(results: Sequence[MouseResult]) -> tuple[Comparison, ...]:
    """Compare decoders over the mice that all were tested on, never over models that share them."""
    from scipy.stats import wilcoxon

    rows: Mapping[str, dict[str, float]] = {
        name: by_mouse([one for one in results if one.decoder == name], "AUC")
        for name in dict.fromkeys(one.decoder for one in results)
    }
    found, tested = [], []
    for one, other in combinations(rows, 2):
        mice = sorted(rows[one].keys() & rows[other].keys())
        off = np.array([rows[one][mouse] - rows[other][mouse] for mouse in mice])
        if len(mice) >= _LEAST_MICE and off.any():
            tested.append(float(wilcoxon(off).pvalue))
            found.append(Comparison(one, other, len(mice), float(off.mean()), tested[-1]))
        elif mice:
            found.append(Comparison(one, other, len(mice), float(off.mean()), None))
    corrected = iter(holm(tested))
    return tuple(c if c.p is None else c._replace(p=next(corrected)) for c in found)
