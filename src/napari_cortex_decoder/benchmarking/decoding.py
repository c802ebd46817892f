"""How fast movies are decoded: against the authors' route, and against the machine's ceiling."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from napari_cortex_decoder.benchmarking.machine import best_seconds, gemm_flops
from napari_cortex_decoder.benchmarking.movie import SIZE, write_movie
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Decoder,
    Preprocessing,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.engine.image_engine import Engine
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.decoder.frames.normalization import movie_statistics
from napari_cortex_decoder.decoder.networks import CnnRnn, probabilities, reestimate_batch_norm
from napari_cortex_decoder.recording import Recording

FLOP_A_FRAME = {128: 0.252e9, 64: 0.063e9}
"""Of EfficientNet-B0, by the edge of a square image."""

_WINDOWS, _BATCHES, _ROUNDS = 8, 2, 3
_PLAIN = mock.patch.object(InferenceNetwork, "accelerate", lambda self, image_size: None)
"""While this lasts PyTorch encodes."""


def random_decoder(images: Tensor) -> Decoder:
    """Random weights whose features and probabilities tell images apart."""
    config = CnnRnnConfig(preprocessing=Preprocessing(scale="centered-sd"))
    torch.manual_seed(0)
    network = CnnRnn(config)
    reestimate_batch_norm(network.cnn, images + torch.randn_like(images))
    torch.nn.init.normal_(network.head.linear_out.weight, std=1.5)
    return make_decoder(config, network.eval(), name="benchmark")


def first_images(recording: Recording, n: int) -> Tensor:
    """Return the first images of a recording, shape (n, 3, y, x), normalised."""
    preprocessing = Preprocessing(scale="centered-sd")
    raw = np.asarray(recording.movie[: n + 2].compute())
    frames = torch.from_numpy(movie_statistics(recording, preprocessing).normalize(raw))
    return torch.stack([frames[:-2], frames[1:-1], frames[2:]], dim=1)


@torch.no_grad()
def window_by_window(network: CnnRnn, images: Tensor, length: int) -> Tensor:
    """Decode as the authors' code does: the whole network on batches of 8 windows of 11 images."""
    windows = images.unfold(0, length, 1).movedim(-1, 1)[: _BATCHES * _WINDOWS]
    batches = [network(batch.contiguous()) for batch in windows.split(_WINDOWS)]
    return probabilities(torch.cat(batches))


def encoder(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure the encoder alone, on batches as the engine makes them, against GEMM."""
    network = InferenceNetwork(load_decoder("run-rest").network)  # type: ignore[arg-type]
    figures: dict[str, float] = {}
    for size, flop in FLOP_A_FRAME.items():
        images = torch.randn(16 * (128 // size) ** 2, 3, size, size)
        start = time.perf_counter()
        plain = network._encode
        network.accelerate((size, size))
        compiling = time.perf_counter() - start
        fast = network._accelerated
        with torch.inference_mode():
            for name, encode in (("", plain), ("_fast", fast)):
                if encode is None:
                    continue
                encode(images)
                seconds, ceiling = np.inf, 0.0
                for _ in range(_ROUNDS):  # in turns: a disturbance hits both
                    ceiling = max(ceiling, gemm_flops())
                    seconds = min(seconds, best_seconds(partial(encode, images)))
                rate = len(images) / seconds
                ending = name if size == SIZE else f"{name}_{size}px"
                figures[f"encoder_frames_per_s{ending}"] = rate
                figures[f"encoder_share_of_gemm_peak{ending}"] = rate * flop / ceiling
                figures["gemm_gflop_per_s"] = ceiling / 1e9
        if fast is not None:
            figures[f"openvino_compile_s_{size}px"] = compiling
    return figures


def decode(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure whole decodes from disk against the authors' route, with the same weights."""
    recording = write_movie(folder / "movie.tif", max(frames, 1200))
    images = first_images(recording, _BATCHES * _WINDOWS + 10)
    decoder = random_decoder(images)
    length = decoder.config.window.length
    figures: dict[str, float] = {}
    reference = np.inf
    expected = window_by_window(decoder.network, images, length)  # type: ignore[arg-type]
    decoder.decode(recording, compute=CPU, cached=False)  # OpenVINO compiles once a process
    for ending, plain in (("", True), ("_fast", False)):
        seconds = np.inf
        for _ in range(_ROUNDS):
            with _PLAIN if plain else nullcontext():
                start = time.perf_counter()
                found = decoder.decode(recording, compute=CPU, cached=False).probability
                seconds = min(seconds, time.perf_counter() - start)
            start = time.perf_counter()
            window_by_window(decoder.network, images, length)  # type: ignore[arg-type]
            reference = min(reference, time.perf_counter() - start)
        rate = recording.n_frames / seconds
        figures[f"engine_frames_per_s{ending}"] = rate
        first = decoder.config.frames_before
        difference = np.abs(found[first : first + len(expected)] - expected.numpy()).max()
        figures["largest_difference"] = max(figures.get("largest_difference", 0), difference)
    figures["window_by_window_frames_per_s"] = _BATCHES * _WINDOWS / reference
    for ending in ("", "_fast"):
        rate = figures[f"engine_frames_per_s{ending}"]
        figures[f"decode_speedup{ending}"] = rate / figures["window_by_window_frames_per_s"]
    figures["probability_sd"] = float(expected.std(dim=0).min())
    return figures


def end_to_end(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure a whole decode against the encoder alone, and whether it scales with the length."""
    frames = max(frames, 2400)  # OpenVINO, which short movies do without, encodes the half, too
    recording = write_movie(folder / "movie.tif", frames)
    half = recording.replace(movie=recording.movie[: frames // 2])
    decoder = random_decoder(first_images(recording, 26))
    engine = Engine(decoder.network, decoder.config, compute=CPU)  # type: ignore[arg-type]
    decoder.decode(half, compute=CPU, cached=False)
    engine._network.accelerate((SIZE, SIZE))
    batch = torch.randn(engine.batch_size, 3, SIZE, SIZE)
    whole, first_half, encoding = np.inf, np.inf, np.inf

    @torch.inference_mode()
    def encode() -> None:
        for _ in range(frames // engine.batch_size):
            engine._network.features(batch)

    for _ in range(2):
        whole = min(
            whole, best_seconds(lambda: decoder.decode(recording, compute=CPU, cached=False), 1)
        )
        encoding = min(encoding, best_seconds(encode, 1))
        half_seconds = best_seconds(lambda: decoder.decode(half, compute=CPU, cached=False), 1)
        first_half = min(first_half, half_seconds)
    return {
        "end_to_end_overhead": whole / encoding,
        "time_of_all_over_half_of_the_frames": whole / first_half,
        "session_of_18000_frames_s": whole * 18_000 / frames,
    }


def second_decode(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure a decode that finds features against the one that left them."""
    recording = write_movie(folder / "movie.tif", frames)
    decoder = random_decoder(first_images(recording, 26))
    decoder.decode(recording, compute=CPU, cached=False)  # OpenVINO compiles once a process
    with mock.patch.dict(os.environ, CORTEX_DECODER_CACHE=str(folder / "cache")):
        first = best_seconds(lambda: decoder.decode(recording, compute=CPU), 1)
        second = best_seconds(lambda: decoder.decode(recording, compute=CPU))
        kept = sum(path.stat().st_size for path in (folder / "cache").iterdir())
    return {
        "second_decode_speedup": first / second,
        "second_decode_s": second,
        "kept_bytes_a_frame": kept / frames,
    }


def first_answer(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure how long the frame in the middle waits for its first answer, and for its last."""
    recording = write_movie(folder / "movie.tif", frames)
    decoder = random_decoder(first_images(recording, 26))
    place = frames // 2
    loading = best_seconds(lambda: load_decoder("run-rest"))
    start = time.perf_counter()
    events = decoder.stream(recording, compute=CPU, cached=False, looked_at=lambda: place)
    figures: dict[str, float] = {}
    for event in events:
        if event.start is None or event.probability is None:
            continue
        if event.start <= place < event.start + len(event.probability):
            took = time.perf_counter() - start
            if event.provisional:
                figures["time_to_current_frame_s"] = loading + took
            else:
                figures["time_to_exact_current_frame_s"] = loading + took
                break
    events.close()
    return figures
