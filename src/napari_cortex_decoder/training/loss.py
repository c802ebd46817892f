"""What training makes small."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def classification_loss(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy of logits, (n, 1) for two behaviors, else (n, k).

    `weights`, shape (k,), are what an example of each behavior counts; `smoothing` is the share of
    each label that is spread evenly over all behaviors.
    """
    if logits.shape[-1] > 1:
        return functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    targets = labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(logits[:, 0], targets, reduction="none")
    if weights is None:
        return losses.mean()
    each = weights[labels]
    return (losses * each).sum() / each.sum()
