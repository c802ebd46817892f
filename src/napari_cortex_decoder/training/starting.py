"""The weights that a training, or a stage of it, begins with."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load
from torch import nn

from napari_cortex_decoder.decoder import ImageDecoder, load_decoder
from napari_cortex_decoder.decoder.networks import Encoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_bytes
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.training.config import TrainingConfig

_LARGEST_WEIGHTS = 2**31


def prepare_encoder(encoder: Encoder, config: TrainingConfig) -> None:
    """Take another decoder's CNN, or undo two settings of MONAI's that only suit ImageNet's.

    Raises TrainingError if that decoder has no CNN for as many behaviors.
    """
    if config.encoder_from:
        giver = load_decoder(config.encoder_from)
        if not isinstance(giver, ImageDecoder) or (
            giver.config.n_logits != config.decoder.n_logits
        ):
            raise TrainingError(
                f"encoder_from: decoder {config.encoder_from!r} has no CNN for "
                f"{len(config.decoder.behaviors)} behaviors; give an image decoder of as many."
            )
        encoder.load_state_dict(giver.network.cnn.state_dict())
    else:
        for module in encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1  # .01 leaves running statistics hundreds of steps behind
        nn.init.normal_(encoder._fc.weight, std=0.01)  # uniform ± 1 starts at a loss of 1.6
        nn.init.zeros_(encoder._fc.bias)
    encoder.to(memory_format=torch.channels_last)


def load_weights(network: nn.Module, file: Path) -> None:
    """Take the weights that a finished stage has left.

    Raises TrainingError if the file is damaged or of another network.
    """
    remedy = "remove it, and the run does that stage again"
    with readable(file, "the weights of this network", TrainingError, remedy=remedy):
        network.load_state_dict(load(read_bytes(file, TrainingError, limit=_LARGEST_WEIGHTS)))
