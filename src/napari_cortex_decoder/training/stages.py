"""The paper's two stages as Lightning modules: the CNN on images, the RNN on their features."""

from __future__ import annotations

import lightning
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import BinaryAUROC, MulticlassAUROC

from napari_cortex_decoder.decoder.network import Encoder, RecurrentHead
from napari_cortex_decoder.training.augmentation import Augmentation


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Give the mean cross-entropy.

    Parameters
    ----------
    logits
        Shape (n, 1) for two behaviours, else (n, k).
    labels
        Shape (n,), int64, index of the behaviour.
    """
    if logits.shape[-1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype))
    return functional.cross_entropy(logits, labels)


class _Stage(lightning.LightningModule):
    """Loss, AUC and one-cycle Adam: what both stages share."""

    def __init__(self, *, n_logits: int, max_learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.max_learning_rate = max_learning_rate
        self.weight_decay = weight_decay
        self.auc = BinaryAUROC() if n_logits == 1 else MulticlassAUROC(n_logits)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Gather loss and AUC of held-out mice."""
        inputs, labels = batch
        logits = self(inputs)
        self.log("validation_loss", classification_loss(logits, labels), prog_bar=True)
        self.auc(logits[:, 0] if logits.shape[-1] == 1 else logits, labels)
        self.log("validation_auc", self.auc, prog_bar=True)

    def configure_optimizers(self) -> dict[str, object]:
        """Adam with decay, one cycle of learning rate over the whole fit."""
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.max_learning_rate / 25, weight_decay=self.weight_decay
        )
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=self.max_learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class FrameStage(_Stage):
    """Stage 1: the encoder and its own classifier learn from single images.

    Parameters
    ----------
    encoder
        Trained in place.
    augmentation
        Variation of each training image; None for none.
    max_learning_rate, weight_decay
        Peak of the one-cycle schedule, and AdamW's decay.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        augmentation: Augmentation | None,
        max_learning_rate: float,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            n_logits=encoder._fc.out_features,
            max_learning_rate=max_learning_rate,
            weight_decay=weight_decay,
        )
        self.encoder = encoder
        self.augmentation = augmentation

    def forward(self, images: Tensor) -> Tensor:
        """Give logits of images, shape (n, 3, y, x)."""
        logits: Tensor = self.encoder(images.float())
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Give the loss of a batch of images, varied anew."""
        images, labels = batch
        images = images.float()
        if self.augmentation is not None:
            images = self.augmentation(images)
        loss = classification_loss(self(images), labels)
        self.log("training_loss", loss, prog_bar=True)
        return loss


class WindowStage(_Stage):
    """Stage 2: the recurrent head learns from windows of features; the encoder is fixed.

    Parameters
    ----------
    head
        Trained in place.
    feature_noise
        SD of noise on the features, as a share of each feature's SD over the batch.
    max_learning_rate, weight_decay
        Peak of the one-cycle schedule, and AdamW's decay.
    """

    def __init__(
        self,
        head: RecurrentHead,
        *,
        feature_noise: float = 0.1,
        max_learning_rate: float,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            n_logits=head.linear_out.out_features,
            max_learning_rate=max_learning_rate,
            weight_decay=weight_decay,
        )
        self.head = head
        self.feature_noise = feature_noise

    def forward(self, windows: Tensor) -> Tensor:
        """Give logits of windows of features, shape (n, length, 1280)."""
        logits: Tensor = self.head(windows)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Give the loss of a batch of windows, with noise on their features."""
        windows, labels = batch
        spread = windows.std(dim=(0, 1), keepdim=True)
        noisy = windows + torch.randn_like(windows) * spread * self.feature_noise
        loss = classification_loss(self(noisy), labels)
        self.log("training_loss", loss, prog_bar=True)
        return loss
