"""How often importance says *holds* where no area is special, and where one pair is.

The same running signal everywhere, noise of its own in each pixel, a slow signal of all pixels, and
a decoder that is the mean of all: no area is worth more than another place of its size. With
`--effect` the areas of `--pair` carry the signal more strongly, by so many SDs of a pixel's noise;
with `--everywhere 0` they alone carry it.

    python benchmarks/verdict.py [--sessions 200] [--score log-odds] [--targets areas] [--effect 0]
"""

from __future__ import annotations

import argparse
import collections
import time

import dask.array as da
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.config import LinearConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import area_importance
from napari_cortex_decoder.simulation import simulate_recording

SHAPE = (64, 64)
RATE = 30.0


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
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--frames", type=int, default=1800)
    parser.add_argument("--score", default="log-odds", choices=("log-odds", "auc"))
    parser.add_argument("--targets", default="areas", choices=("areas", "pairs"))
    parser.add_argument("--patches", type=int, default=20)
    parser.add_argument("--everywhere", type=float, default=0.05)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--pair", default="SSp-ul")
    asked = parser.parse_args()

    truth = simulate_recording(seed=1, subject=1, seconds=1, shape=SHAPE).truth
    registration = truth.registration
    labels = registration.label_image(SHAPE)
    own = [i + 1 for i, a in enumerate(registration.atlas.areas) if a.acronym == asked.pair]
    signal = asked.everywhere + asked.effect * np.isin(labels, own)
    kinds: collections.Counter[str] = collections.Counter()
    named_right = named_wrong = 0
    began = time.monotonic()
    for seed in range(asked.sessions):
        recording, ethogram = session(seed, asked.frames, signal)
        result = area_importance(
            mean_of_all(recording, registration),
            recording,
            registration,
            ethogram,
            score=asked.score,
            targets=asked.targets,
            patches=asked.patches,
            seed=seed,
        )
        verdict = result.verdict
        kinds[verdict.kind] += 1
        table = result.table
        beating = table[(table["p"] <= 0.05) & (table["low"] > 0)]
        right = beating["acronym"] == asked.pair
        if verdict.kind == "holds":
            ranked = beating.sort_values("p")
            named_right += bool(asked.effect and ranked["acronym"].iloc[0] == asked.pair)
            named_wrong += bool((~right).any() if asked.effect else True)
    print(f"{asked.sessions} sessions in {time.monotonic() - began:.0f} s:", dict(kinds))
    print(f"holds and that pair first: {named_right}; holds and another area: {named_wrong}")


if __name__ == "__main__":
    main()
