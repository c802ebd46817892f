"""What can be fine-tuned: a recurrent head over images that are encoded, or over area traces."""

from __future__ import annotations

from napari_cortex_decoder.decoder.config import CnnRnnConfig, RoiRnnConfig
from napari_cortex_decoder.decoder.networks import CnnRnn, RoiRnn

Network = CnnRnn | RoiRnn
Config = CnnRnnConfig | RoiRnnConfig


def like(network: Network, config: Config) -> Network:
    """Return a network of another configuration, with random weights but for the encoder."""
    if isinstance(network, CnnRnn):
        assert isinstance(config, CnnRnnConfig)
        return CnnRnn(config, network.cnn)
    assert isinstance(config, RoiRnnConfig)
    return RoiRnn(config)


def with_encoder(network: Network, config: Config) -> tuple[CnnRnn, CnnRnnConfig]:
    """Return what was said to be a CNN-RNN."""
    assert isinstance(network, CnnRnn) and isinstance(config, CnnRnnConfig)
    return network, config


def n_features(network: Network) -> int:
    """Return how many numbers of a frame the head reads."""
    return int(network.head.rnn.get_parameter("weight_ih_l0").shape[1])
