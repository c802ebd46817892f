"""The paper's CNN-RNN: EfficientNet-B0 on each image, a recurrent network over a window of them.

Ajioka et al. 2024, PLoS Comput Biol 20(3): e1011074.
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import CnnConfig, CnnRnnConfig
from napari_cortex_decoder.decoder.networks.encoder import N_FEATURES, Encoder

RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class RecurrentHead(nn.Module):
    """Recurrent layers over a window of features; the last step gives the logits."""

    def __init__(self, config: CnnRnnConfig, n_inputs: int) -> None:
        super().__init__()
        self.rnn = RECURRENT[config.recurrent](
            n_inputs,
            config.hidden_size,
            num_layers=config.n_layers,
            dropout=config.dropout if config.n_layers > 1 else 0.0,
            batch_first=True,
        )
        self.linear_out = nn.Linear(config.hidden_size, config.n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of features, shape (n, length, inputs)."""
        states, _ = self.rnn(windows)
        logits: Tensor = self.linear_out(states[:, -1])
        return logits


class Cnn(nn.Module):
    """The paper's first stage: encoder and classifier, the image of frame t in, its logits out."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        self.cnn = Encoder(config.n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of one image, shape (n, 1, 3, y, x)."""
        logits: Tensor = self.cnn(windows.squeeze(1))
        return logits


class CnnRnn(nn.Module):
    """Encoder and recurrent head: images of a window in, logits of its frame t out.

    Another network may share the encoder, `cnn`; None: one with random weights.
    """

    def __init__(self, config: CnnRnnConfig, cnn: Encoder | None = None) -> None:
        super().__init__()
        self.cnn = Encoder(config.n_logits) if cnn is None else cnn
        self.head = RecurrentHead(config, N_FEATURES)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, (n, n_logits), of windows of normalised images, (n, length, 3, y, x)."""
        features = self.cnn.features(windows.flatten(0, 1))
        logits: Tensor = self.head(features.reshape(*windows.shape[:2], N_FEATURES))
        return logits
