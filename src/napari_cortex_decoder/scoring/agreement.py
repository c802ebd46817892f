"""How far a prediction agrees with labels at hand, beside what chance would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.labels.ethogram import class_indices
from napari_cortex_decoder.scoring.auc import auc, aucs
from napari_cortex_decoder.scoring.bouts import bout_f1
from napari_cortex_decoder.scoring.nulls import shifted_labels

_MOST, _HALF = 0.75, 0.5


@dataclass(frozen=True)
class Agreement:
    """How far a prediction agrees with labels."""

    frames: int  # how many are labelled and predicted
    share: float  # share of them (0–1) whose most probable behavior is the labelled one
    # of bouts, as `bout_f1` measures it: low beside a high share where bouts fall apart
    bout_f1: float
    # of the second of two behaviors; of more, the mean of each against the others. None where only
    # one is labelled
    auc: float | None
    shifted_auc: float | None  # with labels shifted circularly in time: what slow drifts alone give
    # of the mean of the frame in place of the prediction, at the frames that were looked at; only
    # of two behaviors
    mean_auc: float | None

    @property
    def falls_apart(self) -> bool:
        """Whether frames agree and bouts do not: flicker that cleaning takes away."""
        return self.share >= _MOST and self.bout_f1 < _HALF

    def said(self, seconds: float, of: str) -> str:
        """Say it in a sentence: of so many seconds, with what is called so."""
        text = f"Agrees with the {of} in {self.share:.0%} of {seconds:.0f} s"
        if self.auc is None:
            return f"{text}, of one behavior."
        beside = [f"{self.shifted_auc:.2f} with these shifted in time"]
        if self.mean_auc is not None:
            beside.append(f"{self.mean_auc:.2f} by the frame's mean")
        apart = " Bouts fall apart: clean them." if self.falls_apart else ""
        return f"{text}: AUC {self.auc:.2f} ({', '.join(beside)}).{apart}"


def judging_labels(prediction: Prediction, ethogram: Ethogram) -> NDArray[np.int64]:
    """Return the labels that a prediction can be judged by, as `class_indices`.

    −1 also where its decoder learned from the frame, and may know it by heart.
    """
    labels, held_out = class_indices(ethogram, prediction.behaviors), prediction.held_out
    return labels if held_out is None else np.where(held_out, labels, UNKNOWN)


def agreement(
    probability: NDArray[np.floating],
    labels: NDArray[np.integer],
    frame_mean: NDArray[np.floating] | None = None,
) -> Agreement | None:
    """Hold a prediction, (t, k), against labels, (t,); None where no frame has both.

    NaN where there is no prediction; `labels` as `judging_labels` gives them. `frame_mean`, shape
    (t,), is brightness, NaN where nobody looked.
    """
    known = np.isfinite(probability).all(axis=1) & (labels >= 0)
    if not known.any():
        return None
    values, truth = probability[known].astype(np.float64), labels[known].astype(np.int64)
    k = probability.shape[1]
    found = auc(values, truth)
    by_mean = None
    if frame_mean is not None and k == 2:
        looked = known & np.isfinite(frame_mean)
        by_mean = auc_of_mean(frame_mean[looked], labels[looked])
    return Agreement(
        frames=len(truth),
        share=float((values.argmax(axis=1) == truth).mean()),
        bout_f1=bout_f1([(probability.astype(np.float64), labels.astype(np.int64))], k),
        auc=found,
        shifted_auc=None if found is None else float(aucs(values, shifted_labels([truth])).mean()),
        mean_auc=by_mean,
    )


def auc_of_mean(mean: NDArray[np.floating], labels: NDArray[np.integer]) -> float | None:
    """Return the AUC of brightness, shape (n,), whichever way it goes with two behaviors.

    None where `labels`, shape (n,), show one only.
    """
    found = auc(np.column_stack([-mean, mean]).astype(np.float64), labels.astype(np.int64))
    return None if found is None else max(found, 1 - found)
