"""What can be fine-tuned: a recurrent head over images that are encoded, or what reads traces."""

from __future__ import annotations

from napari_cortex_decoder.decoder.config import (
    CnnRnnConfig,
    LinearConfig,
    RoiRnnConfig,
    TemporalCnnConfig,
)
from napari_cortex_decoder.decoder.networks import (
    CnnRnn,
    Linear,
    RoiRnn,
    TemporalCnn,
    build_network,
)

Network = CnnRnn | RoiRnn | Linear | TemporalCnn
Config = CnnRnnConfig | RoiRnnConfig | LinearConfig | TemporalCnnConfig
Recurrent = CnnRnn | RoiRnn
RecurrentConfig = CnnRnnConfig | RoiRnnConfig


def like(network: Network, config: Config) -> Network:
    """Return a network of another configuration, with random weights but for the encoder."""
    if isinstance(network, CnnRnn):
        assert isinstance(config, CnnRnnConfig)
        return CnnRnn(config, network.cnn)
    new = build_network(config)
    assert isinstance(new, Network)
    return new


def with_encoder(network: Network, config: Config) -> tuple[CnnRnn, CnnRnnConfig]:
    """Return what was said to be a CNN-RNN."""
    assert isinstance(network, CnnRnn) and isinstance(config, CnnRnnConfig)
    return network, config


def n_features(network: Network, config: Config) -> int:
    """Return how many numbers of a frame the head reads."""
    if isinstance(network, TemporalCnn):
        return network.linear_out.in_features
    if isinstance(network, Linear):
        return network.linear_out.in_features // config.window.length
    return int(network.head.rnn.get_parameter("weight_ih_l0").shape[1])
