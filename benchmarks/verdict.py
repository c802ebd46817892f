"""How often importance says *holds* where no area is special, and where one pair is.

The same running signal everywhere, noise of its own in each pixel, a slow signal of all pixels, and
a decoder that is the mean of all: no area is worth more than another place of its size. With
`--effect` the areas of `--pair` carry the signal more strongly, by so many SDs of a pixel's noise;
with `--everywhere 0` they alone carry it. Each session is asked by both scores for areas, pairs and
hemispheres.

    python benchmarks/verdict.py [--by traces] [--sessions 200] [--minutes 1] [--effect 0]
"""

from __future__ import annotations

import argparse
import collections
import time
from itertools import product

import dask.array as da
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.stats import binomtest
from torch import Tensor, nn

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import GROUPINGS, SCORES
from napari_cortex_decoder.decoder import Decoder, Preprocessing, make_decoder
from napari_cortex_decoder.decoder.config import (
    CnnRnnConfig,
    LinearConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import AreaImportance, area_importance, sample_frames
from napari_cortex_decoder.saliency.masking import encoding
from napari_cortex_decoder.simulation import simulate_recording

SHAPE = (64, 64)
RATE = 30.0


class Mean(nn.Module):
    """In the place of a network of images: its log-odds are the mean of all cortical pixels."""

    def __init__(self, cortex: np.ndarray) -> None:
        super().__init__()
        self.cortex = torch.tensor(cortex / np.sqrt(cortex.sum()), dtype=torch.float32)

    def encode(self, images: Tensor) -> Tensor:
        """Return what each image, shape (n, 3, y, x), says, shape (n, 1)."""
        return (images[:, 1] * self.cortex).sum(dim=(1, 2))[:, None]

    def classify(self, windows: Tensor) -> Tensor:
        """Return the log-odds of windows, shape (n, 1, 1), of one image."""
        return windows.sum(dim=1)

    def accelerate(self, image_size: tuple[int, int]) -> None:
        """Stay as it is."""


def mean_of_images(registration: Registration) -> Decoder:
    """Return a decoder of images whose log-odds are the mean of all cortical pixels."""
    encoding.InferenceNetwork = lambda network: network
    preprocessing = Preprocessing(image_size=SHAPE, scale="centered-sd")
    config = CnnRnnConfig(window=Window(past=0, future=0), preprocessing=preprocessing)
    network = Mean(registration.label_image(SHAPE) > 0)
    return make_decoder(config, network, name="mean of all", hash="0" * 64)


def session(seed: int, n_frames: int, signal: np.ndarray) -> tuple[Recording, Ethogram]:
    """Return a movie, shape (t, *SHAPE), of which pixels carry running by `signal`, and labels."""
    rng = np.random.default_rng(seed)
    lengths = 15 + rng.gamma(2.0, 1.5 * RATE, size=n_frames).astype(int)
    running = np.repeat(np.arange(n_frames) % 2, lengths)[:n_frames]
    slow = gaussian_filter1d(rng.standard_normal(n_frames), 5)
    frames = rng.standard_normal((n_frames, *SHAPE), dtype=np.float32)
    frames += 0.05 * (slow / slow.std())[:, None, None].astype(np.float32)
    frames += running[:, None, None] * signal.astype(np.float32)
    movie = da.from_array(100 + frames, chunks=(600, -1, -1))
    return (
        Recording(movie=movie, name=f"session {seed}", frame_rate=RATE),
        Ethogram.from_frames(running, ("rest", "run")),
    )


def mean_of_all(recording: Recording, registration: Registration) -> Decoder:
    """Return a decoder whose log-odds are the mean of all cortical pixels of a frame."""
    labels = registration.label_image(SHAPE).ravel()
    areas = registration.atlas.areas
    present = np.flatnonzero(np.bincount(labels, minlength=len(areas) + 1)[1:])
    frames = recording.movie.reshape(len(recording.movie), -1).compute()
    sums = np.stack([frames[:, labels == i + 1].sum(axis=1) for i in present], axis=1)
    names = tuple(areas[i].label for i in present)
    config = LinearConfig(
        window=Window(past=0, future=0),
        preprocessing=TracePreprocessing(areas=names, detrend_seconds=None),
    )
    network = build_network(config)
    with torch.no_grad():  # traces reach the decoder between 0 and 1: times their range again
        weights = np.ptp(sums, axis=0) / sums.sum(axis=1).std()
        network.linear_out.weight.copy_(torch.from_numpy(weights[None].astype(np.float32)))
        network.linear_out.bias.fill_(-float(weights.sum()) / 2)
    return make_decoder(config, network, name="mean of all", hash="0" * 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--by", default="traces", choices=("traces", "images"))
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first session")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--frames", type=int, default=0, help="scored of many bouts; 0: all")
    parser.add_argument("--targets", action="append", choices=GROUPINGS)
    parser.add_argument("--patches", type=int, help="default: as when explaining")
    parser.add_argument("--everywhere", type=float, default=0.05)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--pair", default="SSp-ul")
    asked = parser.parse_args()

    truth = simulate_recording(seed=1, subject=1, seconds=1, shape=SHAPE).truth
    registration = truth.registration
    labels = registration.label_image(SHAPE)
    own = [i + 1 for i, a in enumerate(registration.atlas.areas) if a.acronym == asked.pair]
    signal = asked.everywhere + asked.effect * np.isin(labels, own)
    kinds: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    began = time.monotonic()
    for seed in range(asked.first, asked.first + asked.sessions):
        recording, ethogram = session(seed, round(asked.minutes * 60 * RATE), signal)
        if asked.by == "traces":
            decoder = mean_of_all(recording, registration)
        else:
            decoder = mean_of_images(registration)
        frames = sample_frames(ethogram, asked.frames) if asked.frames else None
        for targets, score in product(asked.targets or GROUPINGS, SCORES):
            result = area_importance(
                decoder,
                recording,
                registration,
                ethogram,
                score=score,
                targets=targets,
                frames=frames,
                patches=asked.patches,
                seed=seed,
            )
            kinds[targets, score].update(said(result, asked.pair))
    print(
        f"{asked.sessions} sessions of {asked.minutes:g} min by {asked.by} "
        f"in {time.monotonic() - began:.0f} s; AUC of the last {result.whole.value:.2f}"
    )
    for question, found in kinds.items():
        low, high = binomtest(found["holds"], asked.sessions).proportion_ci()
        print(
            *question,
            f"holds {found['holds'] / asked.sessions:.1%}",
            f"({low:.1%} to {high:.1%});",
            dict(found),
        )


def said(result: AreaImportance, pair: str) -> list[str]:
    """Return the verdict, and where it holds which areas it names."""
    kind = result.verdict.kind
    if kind != "holds":
        return [kind]
    right = result.beating()["acronym"] == pair
    first = ["that pair first"] if right.iloc[0] else []
    return [kind, *first, *(["another area"] if (~right).any() else [])]


if __name__ == "__main__":
    main()
