"""Small networks of area traces: the paper's ROI decoder, and the baseline that it must beat."""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import LinearConfig, RoiRnnConfig
from napari_cortex_decoder.decoder.networks.cnn_rnn import RECURRENT
from napari_cortex_decoder.decoder.networks.keras_gru import KerasGru


class TraceNetwork(nn.Module):
    """Traces of a window in, logits of frame t out."""

    @property
    def head(self) -> Self:
        """All of it, as of a network with an encoder the part behind that."""
        return self


class Linear(TraceNetwork):
    """Logistic regression: a weight for each sample of each trace."""

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        n_inputs = config.window.length * config.preprocessing.n_inputs
        self.linear_out = nn.Linear(n_inputs, config.n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of traces, shape (n, length, areas)."""
        logits: Tensor = self.linear_out(windows.flatten(1))
        return logits


class RoiRnn(TraceNetwork):
    """The paper's ROI decoder: one recurrent layer, whose last step gives the logits."""

    def __init__(self, config: RoiRnnConfig) -> None:
        super().__init__()
        n_inputs, size = config.preprocessing.n_inputs, config.hidden_size
        self.rnn: nn.Module
        if config.recurrent == "keras-gru":
            self.rnn = KerasGru(n_inputs, size)
        else:
            self.rnn = RECURRENT[config.recurrent](n_inputs, size, batch_first=True)
        self.linear_out = nn.Linear(size, config.n_logits)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of traces, shape (n, length, areas)."""
        states, _ = self.rnn(windows)
        logits: Tensor = self.linear_out(states[:, -1])
        return logits
