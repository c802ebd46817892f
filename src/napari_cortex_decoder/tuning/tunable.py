"""What can be fine-tuned: a recurrent head over images that are encoded, or what reads traces."""

from __future__ import annotations

from typing import NamedTuple

from napari_cortex_decoder.decoder import Decoder
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


class Model(NamedTuple):
    """A network, and what it is."""

    network: Network
    config: Config

    @property
    def n_features(self) -> int:
        """How many numbers of a frame the head reads."""
        network = self.network
        if isinstance(network, TemporalCnn):
            return network.linear_out.in_features
        if isinstance(network, Linear):
            return network.linear_out.in_features // self.config.window.length
        return int(network.head.rnn.get_parameter("weight_ih_l0").shape[1])

    def like(self, config: Config) -> Network:
        """Return a network of another configuration, with random weights but for the encoder."""
        if isinstance(self.network, CnnRnn):
            assert isinstance(config, CnnRnnConfig)
            return CnnRnn(config, self.network.cnn)
        new = build_network(config)
        assert isinstance(new, Network)
        return new

    def with_encoder(self) -> tuple[CnnRnn, CnnRnnConfig]:
        """Return what was said to be a CNN-RNN."""
        network, config = self
        assert isinstance(network, CnnRnn) and isinstance(config, CnnRnnConfig)
        return network, config


def model_of(decoder: Decoder) -> Model:
    """Return what a decoder is made of, one that `check_tunable` lets through."""
    network, config = decoder.network, decoder.config
    assert isinstance(network, Network) and isinstance(config, Config)
    return Model(network, config)
