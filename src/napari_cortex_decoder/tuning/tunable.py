"""What can be fine-tuned: a recurrent head over images that are encoded, or over area traces."""

from __future__ import annotations

from napari_cortex_decoder.decoder.config import CnnRnnConfig, DecoderConfig, RoiRnnConfig
from napari_cortex_decoder.decoder.networks import CnnRnn, RoiRnn
from napari_cortex_decoder.errors import TrainingError

Network = CnnRnn | RoiRnn
Config = CnnRnnConfig | RoiRnnConfig


def check_tunable(config: DecoderConfig, name: str, depth: str) -> Config:
    """Return the configuration of a decoder that can be tuned so.

    Raises
    ------
    TrainingError
        If it cannot.
    """
    keras = isinstance(config, RoiRnnConfig) and config.recurrent == "keras-gru"
    if keras or not isinstance(config, CnnRnnConfig | RoiRnnConfig):
        kind = "keras-gru" if keras else config.architecture
        raise TrainingError(
            f"decoder {name!r} is a {kind}, and only a cnn-rnn and a roi-rnn of PyTorch's own "
            "layers can be fine-tuned; train it anew instead (cortex-decoder train)."
        )
    if depth == "end-to-end" and isinstance(config, RoiRnnConfig):
        raise TrainingError(
            f"decoder {name!r} reads areas and has no encoder to learn end to end; take the depth "
            "head."
        )
    return config


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
