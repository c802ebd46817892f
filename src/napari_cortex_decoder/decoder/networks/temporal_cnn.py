"""A temporal network on area traces: dilated convolutions that see seconds around a frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cortex_decoder.decoder.config import TemporalCnnConfig
from napari_cortex_decoder.decoder.networks.area_mixing import MEAN_OF_FRAME, N_FIXED, AreaMixing
from napari_cortex_decoder.decoder.networks.of_traces import TraceNetwork

_SMOOTHED = 5  # samples


class TemporalCnn(TraceNetwork):
    """Residual blocks of dilated convolutions: inputs of a window in, logits of frame t out.

    Each block sees twice as far as the one before. Nothing is padded inside, so a longer stretch
    than a window gives the logits of all frames whose window fits, each input looked at once.
    """

    def __init__(self, config: TemporalCnnConfig) -> None:
        super().__init__()
        size, n_inputs = config.channels, config.preprocessing.n_inputs
        self.mixing: AreaMixing | None = None
        if config.mixtures:
            self.mixing = AreaMixing(config.preprocessing.areas, config.mixtures)
            n_inputs = 2 * (config.mixtures + N_FIXED)
        self._middle = config.window.past
        self.first = nn.Conv1d(n_inputs, size, 1)
        self.blocks = nn.ModuleList(
            _Block(size, 2**i, config.dropout) for i in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(size)
        self.linear_out = nn.Linear(size + bool(config.mixtures), config.n_logits)

    def mixed(self, inputs: Tensor) -> Tensor:
        """Return what windows are cut from, shape (t, k), of all inputs of a recording (t, n)."""
        return inputs if self.mixing is None else with_mean(self.mixing(inputs))

    def states(self, stretches: Tensor) -> Tensor:
        """Return what logits are read from, of stretches, (n, time, inputs), of a window or more.

        Shape (n, time − window + 1, channels); with mixtures one more, the mean of the frame.
        """
        read = stretches if self.mixing is None else stretches[..., :-1]
        x: Tensor = self.first(read.transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x.transpose(1, 2))
        if self.mixing is None:
            return normed
        # past all that is learned: where that goes astray, the mean still counts
        mean = stretches[:, self._middle : self._middle + normed.shape[1], -1:]
        return torch.cat([normed, mean], dim=-1)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of what `mixed` gives (n, length, k)."""
        logits: Tensor = self.linear_out(self.states(windows)[:, 0])
        return logits


def with_mean(mixtures: Tensor) -> Tensor:
    """Add the frame's mean over half a second, of SD 1, to mixtures of a recording, (t, k)."""
    mean = mixtures[:, MEAN_OF_FRAME] - mixtures[:, MEAN_OF_FRAME].mean()
    smooth = functional.avg_pool1d(mean[None], _SMOOTHED, 1, _SMOOTHED // 2)[0]
    return torch.cat([mixtures, (smooth / (mean.std() + 1e-6))[:, None]], dim=1)


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
