"""The baseline that a decoder must beat: logistic regression on the traces of a window."""

from __future__ import annotations

from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import LinearConfig


class Linear(nn.Module):
    """A weight for each sample of each trace: traces of a window in, logits of frame t out."""

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        n_inputs = config.window.length * config.preprocessing.n_inputs
        self.linear_out = nn.Linear(n_inputs, config.n_logits)

    @property
    def head(self) -> Linear:
        """All of it, as of a network with an encoder the part behind that."""
        return self

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of traces, shape (n, length, areas)."""
        logits: Tensor = self.linear_out(windows.flatten(1))
        return logits
