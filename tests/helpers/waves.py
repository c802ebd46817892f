"""A decoder whose features are not degenerate, and a movie that moves them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import torch
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, build_network, reestimate_batch_norm
from napari_cortex_decoder.recording import Recording


def moving_frames(n: int, shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint16]:
    """Waves that drift over a bright, noisy brain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    t = np.arange(n)[:, None, None] / 30 + seed
    wave = 3000 * np.sin(2 * np.pi * (1.3 * t + 2 * x))
    wave += 2000 * np.cos(2 * np.pi * (3 * y * np.sin(2 * t) + x))
    frames = 8000 + 4000 * y + wave + rng.normal(0, 1000, (n, *shape))
    return frames.clip(0, 65535).astype(np.uint16)


def make_recording(
    n: int,
    shape: tuple[int, int] = (32, 32),
    *,
    rate: float | None = 30.0,
    chunk: int = 50,
    seed: int = 0,
) -> Recording:
    movie = da.from_array(moving_frames(n, shape, seed), chunks=(chunk, -1, -1))
    return Recording(movie=movie, name="waves", frame_rate=rate)


@torch.no_grad()
def make_network(config: ImageConfig) -> Cnn | CnnRnn:
    """Random weights with features and probabilities that tell one frame from another.

    Batch-norm is shown images first (with noise on them, lest rounding be amplified a
    thousandfold), and the logits are brought to mean 0 and SD 1.
    """
    torch.manual_seed(0)
    network = build_network(config)
    assert isinstance(network, Cnn | CnnRnn)
    images = make_images(make_recording(50, config.preprocessing.image_size, seed=1), config)
    reestimate_batch_norm(network.cnn, images + images.std() * torch.randn_like(images))
    network.eval()
    features = network.cnn.features(images)
    if isinstance(network, CnnRnn):
        logits = network.head(features.unfold(0, config.window.length, 1).transpose(1, 2))
        output = network.head.linear_out
    else:
        logits, output = network.cnn.classify(features), network.cnn._fc
    output.weight /= logits.std(dim=0)[:, None]
    output.bias.copy_((output.bias - logits.mean(dim=0)) / logits.std(dim=0))
    return network


def make_images(recording: Recording, config: ImageConfig) -> torch.Tensor:
    """The images of a recording, shape (n, 3, y, x), normalised in one go in double precision."""
    raw = recording.movie.compute().astype(np.float64)
    if config.preprocessing.detrend_seconds is not None:
        n = round(config.preprocessing.detrend_seconds * recording.known_frame_rate())
        places = np.arange(len(raw))[:, None] + np.arange(-(n // 2), n - n // 2)
        inside = (places >= 0) & (places < len(raw))
        raw = raw - [raw[row[here]].mean(axis=0) for row, here in zip(places, inside, strict=True)]
    centered = raw - raw.mean(axis=0)
    sd = raw.std() if config.preprocessing.scale == "movie-sd" else centered.std()
    frames = torch.from_numpy((centered / sd).astype(np.float32))
    first, _, last = offsets = config.preprocessing.channel_offsets
    n = len(frames) - (last - first)
    return torch.stack([frames[offset - first :][:n] for offset in offsets], dim=1)
