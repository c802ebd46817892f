"""What a fine-tune tells of each epoch while it is at work."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cortex_decoder.progress import Progress


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


def epoch_of(event: Progress) -> Epoch | None:
    """Return what the last epoch came to, if that is what a fine-tune tells.

    Raises
    ------
    TypeError
        If it tells something else by that name.
    """
    told = event.details.get("epoch")
    return None if told is None else Epoch(**told)
