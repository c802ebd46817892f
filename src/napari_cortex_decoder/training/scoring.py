"""How well a trained decoder does on whole recordings of mice, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Calibration, Decoder, MouseScore
from napari_cortex_decoder.labels.ethogram import class_indices
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.scoring.auc import auc, aucs
from napari_cortex_decoder.scoring.calibration import best_threshold, calibration_error
from napari_cortex_decoder.scoring.nulls import shifted_labels
from napari_cortex_decoder.training.sessions import Session

NULL = "AUC, labels shifted in time"
"""Name of the null among the scores of a mouse."""


class Decoded(NamedTuple):
    """Known frames of one mouse: probability (n, k), label (n,), index of the session (n,)."""

    subject: str
    probability: Floats
    labels: Ints
    session: Ints


def decode_mice(
    decoder: Decoder, sessions: Sequence[Session], *, compute: Compute, report: Report = unheard
) -> tuple[Decoded, ...]:
    """Decode sessions as a user would, and put those of each mouse together."""
    parts: dict[str, list[tuple[Floats, Ints]]] = {}
    for done, session in enumerate(sessions, start=1):
        recording, ethogram, registration = session.load()
        prediction = decoder.decode(recording, compute=compute, registration=registration)
        labels = class_indices(ethogram, decoder.behaviors)
        known = np.isfinite(prediction.probability).all(axis=1) & (labels >= 0)
        part = prediction.probability[known].astype(np.float64), labels[known]
        parts.setdefault(session.subject, []).append(part)
        report(Progress("scoring", done, len(sessions)))
    return tuple(
        Decoded(
            subject,
            np.concatenate([probability for probability, _ in own]),
            np.concatenate([labels for _, labels in own]),
            np.concatenate([np.full(len(labels), i) for i, (_, labels) in enumerate(own)]),
        )
        for subject, own in parts.items()
    )


def score_mice(mice: Sequence[Decoded]) -> tuple[MouseScore, ...]:
    """Score each mouse.

    ``AUC`` is of the second of two behaviors, or of more the mean of each against the others; with
    labels shifted in time it is a null, near .5 but for slow drifts. A score that a mouse cannot
    have, because it shows one behavior only, is left out.
    """
    from sklearn.metrics import balanced_accuracy_score

    scores = []
    for mouse in mice:
        metrics = {"AUC": auc(mouse.probability, mouse.labels), NULL: _null(mouse)}
        if len(np.unique(mouse.labels)) > 1:
            chosen = mouse.probability.argmax(axis=1)
            metrics["balanced accuracy"] = float(balanced_accuracy_score(mouse.labels, chosen))
        known = {name: value for name, value in metrics.items() if value is not None}
        scores.append(MouseScore(subject=mouse.subject, metrics=known))
    return tuple(scores)


def summarize(scores: Sequence[MouseScore]) -> dict[str, float]:
    """Return mean and worst AUC over mice, and the means of the other scores."""
    found = {
        name: [score.metrics[name] for score in scores if name in score.metrics]
        for name in dict.fromkeys(name for score in scores for name in score.metrics)
    }
    summary = {f"{name}, mean over mice": float(np.mean(values)) for name, values in found.items()}
    if "AUC" in found:
        summary["AUC, worst mouse"] = min(found["AUC"])
    return summary


def calibration(mice: Sequence[Decoded]) -> Calibration | None:
    """Measure how far probabilities are what they say; None without a frame."""
    if not any(len(mouse.labels) for mouse in mice):
        return None
    probability = np.concatenate([mouse.probability for mouse in mice])
    labels = np.concatenate([mouse.labels for mouse in mice])
    binary = probability.shape[1] == 2
    both = [mouse for mouse in mice if binary and len(np.unique(mouse.labels)) == 2]
    best = [best_threshold(mouse.probability[:, 1], mouse.labels) for mouse in both]
    pooled = binary and len(np.unique(labels)) == 2
    return Calibration(
        expected_error=calibration_error(probability, labels)[0],
        best_threshold=best_threshold(probability[:, 1], labels) if pooled else None,
        threshold_range=(min(best), max(best)) if len(best) > 1 else None,
    )


def _null(mouse: Decoded) -> float | None:
    stretches = [mouse.labels[mouse.session == s] for s in np.unique(mouse.session)]
    found = aucs(mouse.probability, shifted_labels(stretches))
    return None if np.isnan(found).all() else float(np.nanmean(found))
