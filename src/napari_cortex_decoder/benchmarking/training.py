"""What a step of training costs, against the machine's ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from napari_cortex_decoder.benchmarking.decoding import FLOP_A_FRAME
from napari_cortex_decoder.benchmarking.machine import best_seconds, gemm_flops
from napari_cortex_decoder.decoder import CnnRnnConfig, Preprocessing
from napari_cortex_decoder.decoder.networks import CnnRnn

_SIZE, _WINDOWS = 64, 4


def training_step(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure a step end to end: 4 windows of 11 images, forward, backward and update.

    Backward is counted as twice the forward pass, as is usual.
    """
    config = CnnRnnConfig(preprocessing=Preprocessing(image_size=(_SIZE, _SIZE)))
    network = CnnRnn(config).train()
    optimizer = torch.optim.AdamW(network.parameters())
    windows = torch.randn(_WINDOWS, config.window.length, 3, _SIZE, _SIZE)
    labels = torch.tensor([[0.0], [1.0]] * (_WINDOWS // 2))

    def step() -> None:
        optimizer.zero_grad()
        logits = network(windows)
        torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        optimizer.step()

    step()
    ceiling = gemm_flops()
    seconds = best_seconds(step)
    flop = 3 * FLOP_A_FRAME[_SIZE] * _WINDOWS * config.window.length
    return {
        "training_images_per_s_64px": _WINDOWS * config.window.length / seconds,
        "training_share_of_gemm_peak_64px": flop / seconds / ceiling,
    }
