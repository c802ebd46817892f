"""What a decoder's probabilities are worth: scale and shift of its logits, fitted to labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.networks import CnnRnn

_PULL = 2.0  # pseudo-frames that hold scale at 1 and shift at 0
_MOST_SCALE = 5.0

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fit_calibration(logits: Floats, labels: Ints) -> tuple[float, Floats]:
    """Find scale and shift of logits at which the labels are likeliest (Platt 1999).

    Parameters
    ----------
    logits
        Shape (n, n_logits).
    labels
        Shape (n,).

    Returns
    -------
    scale
        One over the temperature.
    shift
        Shape (n_logits,), to be added to scaled logits.
    """
    from scipy.optimize import minimize

    n, k = logits.shape

    def loss(parameters: Floats) -> float:
        moved = logits * np.exp(parameters[0]) + parameters[1:]
        pulled: float = _PULL / n * (parameters**2).sum()
        return _cross_entropy(moved, labels) + pulled

    bounds = [(-np.log(_MOST_SCALE), np.log(_MOST_SCALE)), *[(-10.0, 10.0)] * k]
    found = minimize(loss, np.zeros(k + 1), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(found[0])), found[1:]


def calibrated_loss(
    logits: Floats, labels: Ints, learning: NDArray[np.bool_], deciding: NDArray[np.bool_]
) -> float:
    """Fit scale and shift to some frames; give the cross-entropy of others.

    Parameters
    ----------
    logits, labels
        As of `fit_calibration`.
    learning, deciding
        Shape (n,) each: which.
    """
    scale, shift = fit_calibration(logits[learning], labels[learning])
    return _cross_entropy(logits[deciding] * scale + shift, labels[deciding])


def calibrate(
    network: CnnRnn, config: CnnRnnConfig, logits: Floats, labels: Ints
) -> tuple[CnnRnn, CnnRnnConfig]:
    """Set the shift of a network, in place, and the temperature by its logits and labels."""
    scale, shift = fit_calibration(logits, labels)
    layer = network.head.linear_out
    layer.bias.data += layer.bias.new_tensor(shift / scale)
    return network, config.model_copy(update={"temperature": float(np.clip(1 / scale, 0.01, 100))})


def _cross_entropy(logits: Floats, labels: Ints) -> float:
    if logits.shape[1] == 1:
        sign = np.where(labels == 1, 1.0, -1.0)
        return float(np.logaddexp(0, -sign * logits[:, 0]).mean())
    of_label = logits[np.arange(len(logits)), labels]
    return float((np.logaddexp.reduce(logits, axis=1) - of_label).mean())
