"""What can be fine-tuned: a recurrent head over images that are encoded, or what reads traces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
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
from napari_cortex_decoder.scoring.calibration import fit_calibration

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

    def calibrated(self, logits: Floats, labels: Ints) -> Model:
        """Set the shift of the network, in place, and the temperature by its logits and labels."""
        scale, shift = fit_calibration(logits, labels)
        layer = self.network.head.linear_out
        layer.bias.data += layer.bias.new_tensor(shift / scale)
        temperature = float(np.clip(1 / scale, 0.01, 100))
        return Model(self.network, self.config.model_copy(update={"temperature": temperature}))

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
