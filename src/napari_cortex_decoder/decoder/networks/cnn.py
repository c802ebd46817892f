"""The paper's first stage: the CNN with its own classifier, each image by itself."""

from __future__ import annotations

from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import CnnConfig
from napari_cortex_decoder.decoder.networks.encoder import Encoder


class Cnn(nn.Module):
    """Encoder and classifier: the image of frame t in, its logits out."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        self.cnn = Encoder(config.n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of one image, shape (n, 1, 3, y, x)."""
        logits: Tensor = self.cnn(windows.squeeze(1))
        return logits
