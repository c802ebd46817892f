"""The paper's CNN-RNN: EfficientNet-B0 on each image, a recurrent network over a window of them.

Ajioka et al. 2024, PLoS Comput Biol 20(3): e1011074.
"""

from __future__ import annotations

import torch
from monai.networks.nets import EfficientNetBN
from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import DecoderConfig

N_FEATURES = 1280
"""Features that the encoder gives for one image."""

_RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


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
        """Encode images.

        Parameters
        ----------
        images
            Shape (n, 3, y, x), float, normalised.

        Returns
        -------
        torch.Tensor
            Shape (n, 1280).
        """
        x = self._swish(self._bn0(self._conv_stem(self._conv_stem_padding(images))))
        x = self._blocks(x)
        x = self._swish(self._bn1(self._conv_head(self._conv_head_padding(x))))
        return torch.flatten(self._avg_pooling(x), start_dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """Give the first stage's logits, shape (n, n_logits), of features, shape (n, 1280)."""
        logits: Tensor = self._fc(self._dropout(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Give the first stage's logits, shape (n, n_logits), of images, shape (n, 3, y, x)."""
        return self.classify(self.features(images))


@torch.no_grad()
def reestimate_batch_norm(encoder: Encoder, images: Tensor) -> None:
    """Give batch normalisation the statistics of some images, in evaluation mode.

    Random weights need it before anything is measured on them: a fresh EfficientNet-B0 gives
    features of SD 1e-13, whatever it sees.

    Parameters
    ----------
    encoder
        Changed in place; its other tensors stay as they are.
    images
        Shape (n, 3, y, x), normalised, as varied as what is to be told apart.
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


class RecurrentHead(nn.Module):
    """Recurrent layers over a window of features; the last step gives the logits."""

    def __init__(
        self,
        *,
        n_inputs: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
        n_logits: int,
        kind: str,
    ) -> None:
        super().__init__()
        self.rnn = _RECURRENT[kind](
            n_inputs,
            hidden_size,
            num_layers=n_layers,
            dropout=dropout if n_layers > 1 else 0.0,
            batch_first=True,
        )
        self.linear_out = nn.Linear(hidden_size, n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Give logits, shape (n, n_logits), of windows of features, shape (n, length, inputs)."""
        states, _ = self.rnn(windows)
        logits: Tensor = self.linear_out(states[:, -1])
        return logits


class CnnRnn(nn.Module):
    """Encoder and recurrent head: images of a window in, logits of its frame t out."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.cnn = Encoder(config.n_logits)
        self.head = RecurrentHead(
            n_inputs=N_FEATURES,
            hidden_size=config.hidden_size,
            n_layers=config.n_layers,
            dropout=config.dropout,
            n_logits=config.n_logits,
            kind=config.recurrent,
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Encode every image of every window, as the paper's code does.

        Parameters
        ----------
        windows
            Shape (n, length, 3, y, x), normalised images.

        Returns
        -------
        torch.Tensor
            Logits, shape (n, n_logits).
        """
        features = self.cnn.features(windows.flatten(0, 1))
        logits: Tensor = self.head(features.reshape(*windows.shape[:2], N_FEATURES))
        return logits


def probabilities(logits: Tensor) -> Tensor:
    """Turn logits, shape (n, 1) or (n, k), into probabilities, shape (n, 2) or (n, k)."""
    if logits.shape[-1] == 1:
        second = torch.sigmoid(logits)
        return torch.cat([1 - second, second], dim=-1)
    return torch.softmax(logits, dim=-1)
