"""What a fine-tune tells while it is at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Epoch:
    """One pass over the examples, as shown while it runs.

    Attributes
    ----------
    fold
        1, 2, …: what decides how long to learn; 0: the fit that is kept.
    epoch, epochs
        Which, of how many; epoch 0 is where the fit begins from: the base, or end to end the
        head that was fitted first.
    loss
        Cross-entropy on what learns; None before the first epoch.
    deciding_loss, deciding_auc
        On what decides; None where nothing decides.
    """

    fold: int
    epoch: int
    epochs: int
    loss: float | None
    deciding_loss: float | None
    deciding_auc: float | None


@dataclass(frozen=True)
class TuneProgress:
    """How far a fine-tune is.

    Attributes
    ----------
    stage
        ``"encoding"``, ``"fitting"``, ``"scoring"``.
    done, total
        Of this stage: frames, epochs or steps.
    epoch
        What the last epoch came to; None elsewhere.
    """

    stage: Literal["encoding", "fitting", "scoring"]
    done: int
    total: int
    epoch: Epoch | None = None
