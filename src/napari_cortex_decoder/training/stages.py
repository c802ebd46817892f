"""One stage of a training run as a Lightning module: loss, schedule, what is varied how."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightning
import torch
from torch import Tensor, nn
from torchmetrics.classification import BinaryAUROC, MulticlassAUROC

from napari_cortex_decoder.training.config import Stage, TrainingConfig
from napari_cortex_decoder.training.loss import classification_loss

Variation = Callable[[Tensor], Tensor]


def unvaried(inputs: Tensor) -> Tensor:
    """Return inputs as they are."""
    return inputs


def feature_noise(windows: Tensor, share: float) -> Tensor:
    """Add noise of a share of each feature's SD over the batch, shape (n, length, features)."""
    return windows + torch.randn_like(windows) * windows.std(dim=(0, 1), keepdim=True) * share


class StageModule(lightning.LightningModule):
    """What is trained in one stage, and how.

    All that is random in a step follows from seed, stage, step and device: a run that begins again
    at a step repeats it.
    """

    def __init__(
        self,
        part: nn.Module,
        stage: Stage,
        config: TrainingConfig,
        *,
        total_steps: int,
        seed: int,
        vary: Variation,
        class_weights: Sequence[float] | None,
    ) -> None:
        super().__init__()
        self.part = part
        self._stage = stage
        self._total_steps = total_steps
        self._seed = seed
        self._vary = vary
        self._smoothing, n_logits = config.label_smoothing, config.decoder.n_logits
        self.auc = BinaryAUROC() if n_logits == 1 else MulticlassAUROC(n_logits)
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits)."""
        logits: Tensor = self.part(inputs)
        return logits

    def on_train_batch_start(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Seed what is random in this step."""
        place = self.global_step * self.trainer.world_size + self.global_rank
        torch.manual_seed((self._seed * 1_000_003 + place) % 2**63)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch, varied anew."""
        inputs, labels = batch
        logits = self(self._vary(inputs))
        return classification_loss(logits.float(), labels, self.weights, self._smoothing)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Gather loss and AUC of the validation mice."""
        inputs, labels = batch
        logits = self(inputs).float()
        loss = classification_loss(logits, labels, self.weights)
        self.log("validation_loss", loss, sync_dist=True, batch_size=len(labels))
        self.auc.update(logits[:, 0] if logits.shape[-1] == 1 else logits, labels)
        self.log("validation_auc", self.auc, on_step=False, on_epoch=True, batch_size=len(labels))

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW with one cycle of learning rate, or half a cosine, over the whole stage."""
        peak = self._stage.learning_rate
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=peak, weight_decay=self._stage.weight_decay
        )
        schedule: torch.optim.lr_scheduler.LRScheduler
        if self._stage.schedule == "one-cycle":
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, max_lr=peak, total_steps=self._total_steps
            )
        else:
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self._total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
