"""A linear decoder whose answers can be written down, and a movie with its labels."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cortex_decoder.atlas import Area, Atlas, Registration
from napari_cortex_decoder.decoder import Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine
from napari_cortex_decoder.decoder.trace_decoder import reads_traces
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording

SIZE = 32


class Linear(nn.Module):
    """Log-odds = the sum over the images of a window of the middle channel times weights.

    Stands in for the network that a decoder runs: `encode` and `classify`. OpenVINO has no part
    in it.
    """

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = torch.tensor(weights, dtype=torch.float32)
        self.encoded = 0

    def encode(self, images: Tensor) -> Tensor:
        self.encoded += len(images)
        return (images[:, 1] * self.weights).sum(dim=(1, 2))[:, None]

    def classify(self, windows: Tensor) -> Tensor:
        return windows.sum(dim=1)

    def accelerate(self, image_size: tuple[int, int]) -> None:
        pass


def linear_decoder(weights: np.ndarray, past: int = 2, future: int = 1) -> tuple[Decoder, Linear]:
    """Return a decoder, and the network to put in place of the one that it runs."""
    from napari_cortex_decoder.decoder.config import CnnRnnConfig

    config = CnnRnnConfig(
        window=Window(past=past, future=future),
        preprocessing=Preprocessing(image_size=(SIZE, SIZE), scale="centered-sd"),
    )
    network = Linear(weights)
    return make_decoder(config, network, name="linear", hash="0" * 64), network  # type: ignore[arg-type]


def two_places(n: int = 240, seed: int = 0, bout: int = 20) -> tuple[Recording, Ethogram]:
    """A movie whose upper left quarter says what the animal does, over noise."""
    rng = np.random.default_rng(seed)
    running = (np.arange(n) // bout) % 2
    frames = 1000 + 20 * rng.standard_normal((n, SIZE, SIZE))
    frames[:, :16, :16] += 6 * running[:, None, None]
    movie = da.from_array(frames, chunks=(64, -1, -1))
    recording = Recording(movie=movie, name="two places", frame_rate=30.0)
    return recording, Ethogram.from_frames(running, ("rest", "run"))


def quarters() -> Registration:
    """Four square areas of 16 × 16 px; 1 mm is a pixel, bregma the upper left corner."""

    def square(x: float, y: float) -> np.ndarray:
        return np.array([(x, y), (x + 16, y), (x + 16, y + 16), (x, y + 16)]) - 0.5

    areas = (
        Area("A", "upper left", "left", square(0, 0)),
        Area("A", "upper right", "right", square(16, 0)),
        Area("B", "lower left", "left", square(0, 16)),
        Area("B", "lower right", "right", square(16, 16)),
    )
    return Registration.upright(Atlas("quarters", areas), pixel_size=1.0, bregma=(0.0, 0.0))


def normalized(recording: Recording) -> np.ndarray:
    """The movie as the decoder sees it, in one go, in double precision."""
    raw = recording.movie.compute().astype(np.float64)
    centered = raw - raw.mean(axis=0)
    return centered / centered.std()


def plain_loop(
    recording: Recording,
    scored: np.ndarray,
    masks: np.ndarray,
    classify: Callable[[Tensor], Tensor],
    past: int,
    future: int,
) -> np.ndarray:
    """Log-odds by the authors' route: each window by itself, masked and encoded anew.

    `classify` takes windows of images, shape (n, length, 3, y, x).
    """
    frames = normalized(recording)
    rows = []
    for mask in [np.zeros_like(masks[0]), *masks]:
        cut = torch.from_numpy(np.where(mask, 0.0, frames).astype(np.float32))
        row = []
        for t in scored:
            images = [
                torch.stack([cut[i - 1], cut[i], cut[i + 1]])
                for i in range(t - past, t + future + 1)
            ]
            with torch.no_grad():
                row.append(float(classify(torch.stack(images)[None])[0, 0]))
        rows.append(row)
    return np.array(rows)


def probabilities_of(decoder: Decoder, inputs: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what a decoder of traces makes of its inputs, scaled already; NaN without a window."""
    found = np.full((len(inputs), len(decoder.behaviors)), np.nan, np.float32)
    engine = TraceEngine(decoder.network, reads_traces(decoder).config)
    for first, part in engine.decode(inputs.astype(np.float32)):
        found[first : first + len(part)] = part
    return found
