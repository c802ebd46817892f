"""The paper's ROI decoder: one recurrent layer over a window of area traces."""

from __future__ import annotations

from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import RoiRnnConfig
from napari_cortex_decoder.decoder.networks.cnn_rnn import RECURRENT
from napari_cortex_decoder.decoder.networks.keras_gru import KerasGru


class RoiRnn(nn.Module):
    """Recurrent layer and its last step's logits: traces of a window in, logits of frame t out."""

    def __init__(self, config: RoiRnnConfig) -> None:
        super().__init__()
        n_inputs, size = config.preprocessing.n_inputs, config.hidden_size
        self.rnn: nn.Module
        if config.recurrent == "keras-gru":
            self.rnn = KerasGru(n_inputs, size)
        else:
            self.rnn = RECURRENT[config.recurrent](n_inputs, size, batch_first=True)
        self.linear_out = nn.Linear(size, config.n_logits)

    @property
    def head(self) -> RoiRnn:
        """All of it, as of a network with an encoder the part behind that."""
        return self

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of traces, shape (n, length, areas)."""
        states, _ = self.rnn(windows)
        logits: Tensor = self.linear_out(states[:, -1])
        return logits
