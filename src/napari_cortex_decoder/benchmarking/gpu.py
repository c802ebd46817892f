"""How fast movies are decoded on a CUDA GPU; nothing is measured where there is none."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from napari_cortex_decoder.benchmarking.decoding import (
    FLOP_A_FRAME,
    first_images,
    random_decoder,
    window_by_window,
)
from napari_cortex_decoder.benchmarking.machine import best_seconds, gemm_flops
from napari_cortex_decoder.benchmarking.movie import SIZE, write_movie
from napari_cortex_decoder.choices import PRECISIONS
from napari_cortex_decoder.compute import Compute

_SESSION = 18_000
_EDGE, _BYTES = 8192, 2**30


def gpu(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure whole decodes of a session from disk on the first GPU, and its ceilings."""
    if not torch.cuda.is_available():
        return {}
    device = torch.device("cuda", 0)
    recording = write_movie(folder / "movie.tif", max(frames, _SESSION))
    images = first_images(recording, 26)
    decoder = random_decoder(images)
    network = copy.deepcopy(decoder.network).to(device)
    figures: dict[str, float] = {}

    def authors() -> None:
        window_by_window(network, images.to(device), decoder.config.window.length)  # type: ignore[arg-type]
        torch.cuda.synchronize(device)

    windows = len(images) - decoder.config.window.length + 1
    authors()  # libraries load
    figures["gpu_window_by_window_frames_per_s"] = windows / best_seconds(authors)
    ceiling = gemm_flops(_EDGE, device=device, dtype=torch.bfloat16)
    for precision in PRECISIONS:
        ending = "" if precision == "full" else "_half"
        torch.cuda.reset_peak_memory_stats(device)
        compute = Compute(device="cuda:0", precision=precision)
        decode = partial(decoder.decode, recording, compute=compute, cached=False)
        seconds = best_seconds(decode)
        rate = recording.n_frames / seconds
        figures[f"gpu_engine_frames_per_s{ending}"] = rate
        figures[f"gpu_session_of_18000_frames_s{ending}"] = _SESSION / rate
        figures[f"gpu_share_of_bf16_peak{ending}"] = rate * FLOP_A_FRAME[SIZE] / ceiling
        memory = torch.cuda.max_memory_allocated(device)
        figures[f"gpu_peak_memory_mb{ending}"] = memory / 1e6
    faster = figures["gpu_engine_frames_per_s"] / figures["gpu_window_by_window_frames_per_s"]
    figures["gpu_decode_speedup"] = faster
    figures["gpu_bf16_tflop_per_s"] = ceiling / 1e12
    figures["gpu_copy_gb_per_s"] = _copied_bytes(device) / 1e9
    return figures


def _copied_bytes(device: torch.device) -> float:
    """Return the bytes a second that are copied within the device's memory."""
    source = torch.zeros(_BYTES, dtype=torch.uint8, device=device)

    def clone() -> None:
        source.clone()
        torch.cuda.synchronize(device)

    clone()
    return float(_BYTES / best_seconds(clone))
