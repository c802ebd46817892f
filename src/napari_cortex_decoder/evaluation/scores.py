"""How well one model does on one mouse, and what follows from many of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.evaluation.protocol import Pair
from napari_cortex_decoder.scoring.auc import auc
from napari_cortex_decoder.settings import Frozen

_NONE = Pair("", "")


class ModelScore(Frozen):
    """One model on the pooled frames of its test mouse."""

    # mice; validation is empty for a decoder that was not trained here
    validation: str
    test: str
    auc: float  # area under the ROC curve
    accuracy: float  # at a threshold of 0.5
    threshold: float  # the one of the highest accuracy
    # AUC lost when ROIs i and i + 25 are set to their mean, without training again; 25 numbers, or
    # none where that was not measured
    lost: tuple[float, ...] = ()


def score_model(
    probability: NDArray[np.floating],
    running: NDArray[np.integer],
    pair: Pair = _NONE,
    lost: Sequence[float] = (),
) -> ModelScore:
    """Score P(run), shape (t,), against labels, shape (t,), 1 = run."""
    from sklearn.metrics import roc_curve

    false_alarms, hits, thresholds = roc_curve(running, probability)
    share = running.mean()
    found = auc(np.column_stack([1 - probability, probability]), running.astype(np.int64))
    accuracy = hits * share + (1 - false_alarms) * (1 - share)
    return ModelScore(
        **pair._asdict(),
        auc=float(np.nan if found is None else found),
        accuracy=float(((probability > 0.5) == running).mean()),
        threshold=float(np.clip(thresholds[accuracy.argmax()], 0, 1)),
        lost=tuple(float(value) for value in lost),
    )


class Comparison(NamedTuple):
    """Wilcoxon's rank-sum test of one row against another, corrected after Holm."""

    models: float  # over models, as the paper did: 20 that share five mice and are not independent
    mice: float  # over one number a mouse, the mean of the models tested on it: what is independent


def compare(scores: Mapping[str, Sequence[ModelScore]], reference: str) -> dict[str, Comparison]:
    """Compare each row with the reference; empty without it."""
    from scipy.stats import ranksums

    others = [name for name in scores if name != reference]
    if reference not in scores or not others:
        return {}

    def values(name: str) -> tuple[Floats, Floats]:
        return np.array([s.auc for s in scores[name]]), np.array([*by_mouse(scores[name]).values()])

    over_models, over_mice = (
        holm([float(ranksums(values(name)[i], values(reference)[i]).pvalue) for name in others])
        for i in (0, 1)
    )
    return {
        name: Comparison(models, mice)
        for name, models, mice in zip(others, over_models, over_mice, strict=True)
    }


def by_mouse(scores: Sequence[ModelScore]) -> dict[str, float]:
    """Average the AUC of the models that were tested on each mouse."""
    mice = sorted({score.test for score in scores}, key=lambda name: (len(name), name))
    return {
        mouse: float(np.mean([score.auc for score in scores if score.test == mouse]))
        for mouse in mice
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct for the number of tests (Holm 1979)."""
    p = np.asarray(p_values)
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1)
    return [float(value) for value in result]
