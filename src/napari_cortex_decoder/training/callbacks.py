"""What a Lightning trainer does beside training: keep the best weights, tell how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.training.stages import StageModule

SECONDS_BETWEEN_LINES = 0.5


class BestWeights(Callback):
    """Keep the weights of the lowest validation loss, and stop when it has stopped falling.

    That is after `patience` validations in a row without a lower one; 0: never. They are part of
    the checkpoint, so that one file, replaced in one stroke, is all that a run needs to go on;
    Lightning's own two callbacks leave several, which a kill can put at odds.
    """

    def __init__(self, patience: int) -> None:
        self.weights: dict[str, Tensor] = {}
        self._patience = patience
        self._lowest = float("inf")
        self._in_vain = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"weights": self.weights, "lowest": self._lowest, "in_vain": self._in_vain}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a checkpoint kept."""
        self.weights = state_dict["weights"]
        self._lowest = state_dict["lowest"]
        self._in_vain = state_dict["in_vain"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not go on with what had been stopped."""
        self._stop_if_in_vain(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the validation mice."""
        assert isinstance(pl_module, StageModule)
        loss = float(trainer.callback_metrics["validation_loss"])
        self._in_vain += 1
        if loss < self._lowest or not self.weights:
            self._lowest, self._in_vain = loss, 0
            state = pl_module.part.state_dict()
            self.weights = {name: t.detach().cpu().clone() for name, t in state.items()}
        self._stop_if_in_vain(trainer)

    def _stop_if_in_vain(self, trainer: Trainer) -> None:
        if self._patience and self._in_vain >= self._patience:
            trainer.should_stop = True


class Steps(Callback):
    """Reports how far a stage is, twice a second and after each validation.

    Details of steps are their ``loss``, of validations ``validation_loss`` and ``validation_auc``;
    `begin` is told the step at which training begins, or begins again.
    """

    def __init__(self, kind: str, total: int, report: Report, begin: Callable[[int], None]) -> None:
        self._kind, self._total = kind, total
        self._report = report
        self._begin = begin
        self._last = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where it begins."""
        if trainer.is_global_zero:
            self._begin(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how far it is, if it has not just been said."""
        is_last = batch_idx + 1 == trainer.num_training_batches
        if not trainer.is_global_zero or not (
            is_last or time.monotonic() - self._last > SECONDS_BETWEEN_LINES
        ):
            return
        self._last = time.monotonic()
        loss = _rounded(outputs["loss"])
        if loss is None:
            raise TrainingError(
                f"the loss is not finite any more at step {trainer.global_step}; begin a new run "
                "with a lower learning_rate."
            )
        self._tell(trainer, {"loss": loss})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say how the validation mice do."""
        if trainer.is_global_zero:
            scores = {name: _rounded(value) for name, value in trainer.callback_metrics.items()}
            self._tell(trainer, scores)

    def _tell(self, trainer: Trainer, scores: dict[str, float | None]) -> None:
        done = trainer.global_step
        self._report(Progress(self._kind, done, self._total, details=scores))


def _rounded(value: Tensor | float) -> float | None:
    """Return a number that JSON can hold; None for NaN and infinity."""
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None
