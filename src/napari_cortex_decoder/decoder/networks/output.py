"""From logits to probabilities."""

from __future__ import annotations

import torch
from torch import Tensor


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Turn logits, shape (n, 1) or (n, k), into probabilities, shape (n, 2) or (n, k).

    They are divided by a temperature first (Guo et al. 2017): over 1 makes probabilities less sure,
    and leaves their order as it is.
    """
    logits = logits / temperature
    if logits.shape[-1] == 1:
        second = torch.sigmoid(logits)
        return torch.cat([1 - second, second], dim=-1)
    return torch.softmax(logits, dim=-1)
