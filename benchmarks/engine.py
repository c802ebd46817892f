"""How many times faster the engine decodes than the authors' way, window by window.

The authors' code runs the whole network on batches of 8 windows of 11 images, so it encodes every
frame 11 times. Here both decode one simulated mouse (128 × 128 px) with the same weights in the
same process; the rounds take turns, and the best of each counts. The engine is timed as a user
sees it, with both its passes over the movie; the authors' way on images that lie ready.

    python benchmarks/engine.py [--threads 2] [--frames 900] [--rounds 3] [--json engine.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing
from napari_cortex_decoder.decoder.networks import CnnRnn, probabilities, reestimate_batch_norm
from napari_cortex_decoder.decoder.normalization import movie_statistics
from napari_cortex_decoder.simulation import simulate_recording

WINDOWS = 8
BATCHES = 4


def telling_network(config: CnnRnnConfig, images: Tensor) -> CnnRnn:
    """Random weights whose features and probabilities tell the images apart."""
    torch.manual_seed(0)
    network = CnnRnn(config)
    reestimate_batch_norm(network.cnn, images + torch.randn_like(images))
    torch.nn.init.normal_(network.head.linear_out.weight, std=1.5)
    return network.eval()


@torch.no_grad()
def window_by_window(network: CnnRnn, images: Tensor, length: int) -> Tensor:
    """Decode the first ``BATCHES * WINDOWS`` windows as the authors' code does."""
    windows = images.unfold(0, length, 1).movedim(-1, 1)
    batches = windows[: BATCHES * WINDOWS].split(WINDOWS)
    return probabilities(torch.cat([network(batch.contiguous()) for batch in batches]))


def measure(frames: int, rounds: int) -> dict[str, float]:
    config = CnnRnnConfig(preprocessing=Preprocessing(scale="centered-sd"))
    mouse = simulate_recording(seed=1, seconds=frames / config.frame_rate)
    mouse = mouse.replace(movie=mouse.movie.persist())  # simulating is not decoding
    needed = BATCHES * WINDOWS + config.window.length + 1
    normalized = torch.from_numpy(
        movie_statistics(mouse, config.preprocessing).normalize(mouse.movie[:needed].compute())
    )
    images = torch.stack([normalized[:-2], normalized[1:-1], normalized[2:]], dim=1)
    network = telling_network(config, images)
    decoder = Decoder(config, network, name="benchmark")

    engine_rates, reference_rates = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        prediction = decoder.decode(mouse, "cpu")
        engine_rates.append(frames / (time.perf_counter() - start))
        start = time.perf_counter()
        expected = window_by_window(network, images, config.window.length)
        reference_rates.append(BATCHES * WINDOWS / (time.perf_counter() - start))
    first = config.frames_before
    found = prediction.probability[first : first + len(expected)]
    return {
        "decode_speedup": max(engine_rates) / max(reference_rates),
        "engine_frames_per_s": max(engine_rates),
        "window_by_window_frames_per_s": max(reference_rates),
        "largest_difference": float(np.abs(found - expected.numpy()).max()),
        "probability_sd": float(expected.std(dim=0).min()),
    }


def machine() -> dict[str, object]:
    cpu = platform.processor() or platform.machine()
    details = Path("/proc/cpuinfo")
    if details.exists():
        names = [line for line in details.read_text().splitlines() if "model name" in line]
        cpu = names[0].partition(": ")[2] if names else cpu
    packages = ("napari-cortex-decoder", "torch", "monai", "numpy")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=900)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every figure there")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures = measure(arguments.frames, arguments.rounds)
    if figures["largest_difference"] > 1e-5 or figures["probability_sd"] < 0.01:
        raise SystemExit(f"the two ways do not agree, or agree on nothing: {figures}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures | machine(), indent=2) + "\n")
    print(f"{figures['decode_speedup']:.1f}")


if __name__ == "__main__":
    main()
