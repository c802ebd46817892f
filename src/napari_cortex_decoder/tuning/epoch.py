"""What a fine-tune tells of each epoch while it is at work."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cortex_decoder.progress import Progress


@dataclass(frozen=True)
class Epoch:
    """One pass over the examples, as shown while it runs."""

    fold: int  # 1, 2, …: what decides how long to learn; 0: the fit that is kept
    # which, of how many; epoch 0 is where the fit begins from: the base, or end to end the head
    # that was fitted first
    epoch: int
    epochs: int
    loss: float | None  # cross-entropy on what learns; None before the first epoch
    # on what decides; None where nothing decides
    deciding_loss: float | None
    deciding_auc: float | None


def epoch_of(event: Progress) -> Epoch | None:
    """Return what the last epoch came to, if that is what a fine-tune tells.

    Raises TypeError if it tells something else by that name.
    """
    told = event.details.get("epoch")
    return None if told is None else Epoch(**told)
