"""Features of some frames of a recording, for fitting a decoder to its labels."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cortex_decoder.arrays import Bools, Ints
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.networks import N_FEATURES, Encoder
from napari_cortex_decoder.tuning.tunable import Model

_AT_ONCE = 256  # frames


def encode_frames(
    model: Model, frames: NDArray[np.float16], mask: Bools, compute: Compute
) -> NDArray[np.float16]:
    """Encode what the windows of some frames see, shape (t, 1280); other rows are 0."""
    network, config = model.with_encoder()
    seen = mask.copy()
    for shift in range(-config.window.past, config.window.future + 1):
        seen |= np.roll(mask, shift)
    offsets = config.preprocessing.channel_offsets
    seen[: max(0, -offsets[0])] = seen[len(seen) - max(0, offsets[-1]) :] = False
    place = select_device(compute)
    features = np.zeros((len(frames), N_FEATURES), np.float16)
    encoder = copy.deepcopy(network.cnn).eval().to(place)  # the base may share the given one
    with torch.inference_mode():
        for places in np.array_split(np.flatnonzero(seen), max(1, int(seen.sum()) // _AT_ONCE)):
            encoded = encode_images(encoder, frames, places, config, place)
            features[places] = encoded.cpu().numpy()
    return features


def encode_images(
    encoder: Encoder,
    frames: NDArray[np.float16],
    places: Ints,
    config: CnnRnnConfig,
    device: torch.device,
) -> Tensor:
    """Encode the images of some frames, shape (n, 1280)."""
    offsets = np.asarray(config.preprocessing.channel_offsets)
    images = torch.from_numpy(frames[places[:, None] + offsets].astype(np.float32)).to(device)
    features: Tensor = encoder.features(images.contiguous(memory_format=torch.channels_last))
    return features
