"""A temporal network on area traces: dilated convolutions that see seconds around a frame."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from napari_cortex_decoder.decoder.config import TemporalCnnConfig
from napari_cortex_decoder.decoder.networks.of_traces import TraceNetwork


class TemporalCnn(TraceNetwork):
    """Residual blocks of dilated convolutions: inputs of a window in, logits of frame t out.

    Each block sees twice as far as the one before. Nothing is padded inside, so a longer stretch
    than a window gives the logits of all frames whose window fits, each input looked at once.
    """

    def __init__(self, config: TemporalCnnConfig) -> None:
        super().__init__()
        size = config.channels
        self.first = nn.Conv1d(config.preprocessing.n_inputs, size, 1)
        self.blocks = nn.ModuleList(
            _Block(size, 2**i, config.dropout) for i in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(size)
        self.linear_out = nn.Linear(size, config.n_logits)

    def states(self, stretches: Tensor) -> Tensor:
        """Return what logits are read from, of stretches, (n, time, inputs), of a window or more.

        Shape (n, time − window + 1, channels).
        """
        x: Tensor = self.first(stretches.transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x.transpose(1, 2))
        return normed

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of inputs, shape (n, length, inputs)."""
        logits: Tensor = self.linear_out(self.states(windows)[:, 0])
        return logits


class _Block(nn.Module):
    def __init__(self, size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.wide = nn.Conv1d(size, size, 3, dilation=dilation)
        self.mix = nn.Conv1d(size, size, 1)
        self.dropout = nn.Dropout1d(dropout)
        self._cut = dilation

    def forward(self, x: Tensor) -> Tensor:
        """Add to x (n, channels, time) what is seen around it; its ends have no surroundings."""
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        seen: Tensor = self.mix(functional.gelu(self.wide(normed)))
        kept = x[..., self._cut : x.shape[-1] - self._cut]
        both: Tensor = kept + self.dropout(seen)
        return both
