"""How well a trained decoder does on whole recordings of mice, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Calibration, Decoder, MouseScore
from napari_cortex_decoder.training.measures import auc, calibration_error
from napari_cortex_decoder.training.sessions import Session, class_indices

_SUREST = 1e-6


class Decoded(NamedTuple):
    """Known frames of one mouse: probability (n, k), label (n,), index of the session (n,)."""

    subject: str
    probability: NDArray[np.float64]
    labels: NDArray[np.int64]
    session: NDArray[np.int64]


def decode_mice(
    decoder: Decoder,
    sessions: Sequence[Session],
    *,
    device: str,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[Decoded, ...]:
    """Decode sessions as a user would, and put those of each mouse together.

    Parameters
    ----------
    decoder
        Any.
    sessions
        Recordings, best of mice that no training saw.
    device
        As for `Decoder.decode`.
    tell
        Called with the numbers of sessions done and of all.
    """
    parts: dict[str, list[tuple[NDArray[np.float64], NDArray[np.int64]]]] = {}
    for done, session in enumerate(sessions, start=1):
        recording, ethogram, registration = session.load()
        prediction = decoder.decode(recording, device=device, registration=registration)
        labels = class_indices(ethogram, decoder.behaviors)
        known = np.isfinite(prediction.probability).all(axis=1) & (labels >= 0)
        part = prediction.probability[known].astype(np.float64), labels[known]
        parts.setdefault(session.subject, []).append(part)
        if tell is not None:
            tell(done, len(sessions))
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

    Returns
    -------
    tuple of MouseScore
        ``AUC`` (of the second of two behaviors; of more, the mean of each against the others),
        ``AUC, labels shifted by half the session`` (a null: near .5 but for slow drifts),
        ``balanced accuracy``. A score that a mouse cannot have, because it shows one behavior
        only, is left out.
    """
    from sklearn.metrics import balanced_accuracy_score

    scores = []
    for mouse in mice:
        metrics = {
            "AUC": auc(mouse.probability, mouse.labels),
            "AUC, labels shifted by half the session": auc(mouse.probability, _shifted(mouse)),
        }
        if len(np.unique(mouse.labels)) > 1:
            chosen = mouse.probability.argmax(axis=1)
            metrics["balanced accuracy"] = float(balanced_accuracy_score(mouse.labels, chosen))
        known = {name: value for name, value in metrics.items() if value is not None}
        scores.append(MouseScore(subject=mouse.subject, metrics=known))
    return tuple(scores)


def summarize(scores: Sequence[MouseScore]) -> dict[str, float]:
    """Give mean and worst AUC over mice, and the means of the other scores."""
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
    best = [_best_threshold(mouse.probability[:, 1], mouse.labels) for mouse in both]
    pooled = binary and len(np.unique(labels)) == 2
    return Calibration(
        expected_error=calibration_error(probability, labels)[0],
        best_threshold=_best_threshold(probability[:, 1], labels) if pooled else None,
        threshold_range=(min(best), max(best)) if len(best) > 1 else None,
    )


def fit_temperature(mice: Sequence[Decoded]) -> float:
    """Find the temperature at which probabilities of temperature 1 are likeliest (Guo et al. 2017).

    Parameters
    ----------
    mice
        Those that decide, never those that test.

    Returns
    -------
    float
        Between 0.05 and 20, rounded to three digits.
    """
    from scipy.optimize import minimize_scalar

    probability = np.concatenate([mouse.probability for mouse in mice])
    labels = np.concatenate([mouse.labels for mouse in mice])
    logits = np.log(np.clip(probability, _SUREST, 1 - _SUREST))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        return -float(scaled[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(f"{np.exp(found.x):.3g}")


def _shifted(mouse: Decoded) -> NDArray[np.int64]:
    """Shift the labels of each session by half of it, around its end."""
    every = [mouse.labels[mouse.session == s] for s in np.unique(mouse.session)]
    return np.concatenate([np.roll(labels, len(labels) // 2) for labels in every])


def _best_threshold(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Find the threshold of the best balanced accuracy (Youden's)."""
    from sklearn.metrics import roc_curve

    false_alarms, hits, thresholds = roc_curve(labels, probability)
    return float(np.clip(thresholds[np.argmax(hits - false_alarms)], 0, 1))
