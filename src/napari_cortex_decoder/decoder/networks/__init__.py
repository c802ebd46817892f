"""The networks, one module each, behind one interface: windows in, logits of their frame t out.

A window holds what one prediction sees: images, shape (n, length, 3, y, x), or area traces, shape
(n, length, areas). Logits have shape (n, 1) for two behaviours, else (n, k).
"""

from __future__ import annotations

from typing import overload

import torch
from torch import Tensor, nn

from napari_cortex_decoder.decoder.config import (
    CnnConfig,
    CnnRnnConfig,
    DecoderConfig,
    ImageConfig,
    LinearConfig,
    TemporalCnnConfig,
)
from napari_cortex_decoder.decoder.networks.cnn_rnn import Cnn, CnnRnn, RecurrentHead
from napari_cortex_decoder.decoder.networks.encoder import (
    N_FEATURES,
    Encoder,
    reestimate_batch_norm,
)
from napari_cortex_decoder.decoder.networks.of_traces import Linear, RoiRnn
from napari_cortex_decoder.decoder.networks.temporal_cnn import TemporalCnn

__all__ = [
    "N_FEATURES",
    "Cnn",
    "CnnRnn",
    "Encoder",
    "Linear",
    "RecurrentHead",
    "RoiRnn",
    "TemporalCnn",
    "build_network",
    "probabilities",
    "reestimate_batch_norm",
]


@overload
def build_network(config: ImageConfig) -> Cnn | CnnRnn: ...
@overload
def build_network(config: DecoderConfig) -> nn.Module: ...
def build_network(config: DecoderConfig) -> nn.Module:
    """Make the network that a configuration describes, with random weights."""
    if isinstance(config, CnnConfig):
        return Cnn(config)
    if isinstance(config, CnnRnnConfig):
        return CnnRnn(config)
    if isinstance(config, LinearConfig):
        return Linear(config)
    if isinstance(config, TemporalCnnConfig):
        return TemporalCnn(config)
    return RoiRnn(config)


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Turn logits, shape (n, 1) or (n, k), into probabilities, shape (n, 2) or (n, k).

    They are divided by a temperature first (Guo et al. 2017): over 1 makes probabilities less sure,
    and leaves their order as it is.
    """
    logits = logits / temperature
    if logits.shape[-1] == 1:
        second = torch.sigmoid(logits)
        return torch.cat([1 - second, second], dim=-1)
    return torch.softmax(logits, dim=-1)
