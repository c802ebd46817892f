"""The encoder: EfficientNet-B0, from an image to 1280 features."""

from __future__ import annotations

import torch
from monai.networks.nets import EfficientNetBN
from torch import Tensor, nn

N_FEATURES = 1280
"""Features that the encoder gives for one image."""


class Encoder(EfficientNetBN):
    """EfficientNet-B0 up to its 1280 pooled features.

    MONAI's network is numerically the one the paper took (efficientnet-pytorch 0.7.1). Its
    classifier stays, with the logits of the paper's first stage, so that a frame-by-frame CNN
    decoder is at hand and the parameter counts are the paper's.
    """

    def __init__(self, n_logits: int = 1) -> None:
        super().__init__(
            "efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=3, num_classes=n_logits
        )

    def features(self, images: Tensor) -> Tensor:
        """Encode normalised images, shape (n, 3, y, x), to features, shape (n, 1280)."""
        x = self._swish(self._bn0(self._conv_stem(self._conv_stem_padding(images))))
        x = self._blocks(x)
        x = self._swish(self._bn1(self._conv_head(self._conv_head_padding(x))))
        return torch.flatten(self._avg_pooling(x), start_dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the first stage's logits, shape (n, n_logits), of features, shape (n, 1280)."""
        logits: Tensor = self._fc(self._dropout(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Return the first stage's logits, shape (n, n_logits), of images, shape (n, 3, y, x)."""
        return self.classify(self.features(images))


@torch.no_grad()
def reestimate_batch_norm(encoder: Encoder, images: Tensor) -> None:
    """Set batch normalisation to the statistics of some normalised images, shape (n, 3, y, x).

    Random weights need it before anything is measured on them: a fresh EfficientNet-B0 gives
    features of SD 1e-13, whatever it sees. The encoder is in evaluation mode then.
    """
    encoder.eval()
    layers = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain average of what it sees now
        layer.train()
    encoder.features(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum  # type: ignore[assignment]
    encoder.eval()
