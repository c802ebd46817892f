"""What importance of areas costs: images encoded, and seconds, against the authors' route."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.benchmarking.decoding import window_by_window
from napari_cortex_decoder.benchmarking.machine import best_seconds
from napari_cortex_decoder.benchmarking.movie import SIZE, write_movie
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.saliency import area_importance
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder

_SCORED, _BOUT = 150, 15
"""Scored frames, in a row, and frames of a bout."""

_WINDOWS = 16
"""Windows that the authors' route is timed on."""


def importance(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure the importance of the 44 areas of the atlas to `run-rest`, over 150 frames in a row.

    A pass is each of these frames encoded once, by the encoder alone. The authors' code cuts a
    part out of a window and encodes its eleven images, for each window and part: that is timed on
    16 windows, and counted for all.
    """
    recording = write_movie(folder / "movie.tif", _SCORED + 60)
    atlas = load_atlas("dorsal-cortex")
    registration = Registration.upright(atlas, pixel_size=0.1, bregma=(SIZE / 2, (SIZE - 1) / 2))
    ethogram = Ethogram.from_frames(np.arange(recording.n_frames) // _BOUT % 2, ("rest", "run"))
    decoder = load_decoder("run-rest")
    length = decoder.config.window.length
    masked = MaskedDecoder(decoder, recording, compute=CPU, report=lambda _: None)
    images = masked.images(masked.frames(0, _SCORED + 2))
    encode = partial(_encode, masked, images)
    network = decoder.network.eval()
    authors = partial(window_by_window, network, images[: _WINDOWS + length - 1], length)  # type: ignore[arg-type]
    encode()
    one_pass, theirs = best_seconds(encode), best_seconds(authors)
    start = time.perf_counter()
    result = area_importance(
        decoder,
        recording,
        registration,
        ethogram,
        frames=np.arange(20, 20 + _SCORED),
        patches=0,
        compute=CPU,
    )
    ours = time.perf_counter() - start
    one_pass = min(one_pass, best_seconds(encode))  # again: a disturbance must hit all three
    theirs = min(theirs, best_seconds(authors)) / _WINDOWS * _SCORED
    passes = 1 + int(result.table["importance"].notna().sum()) + len(result.together)
    return {
        "importance_passes": passes,
        "importance_encodings_over_passes": result.encodings / (passes * _SCORED),
        "importance_fewer_encodings_than_authors": passes * length * _SCORED / result.encodings,
        "importance_seconds_over_passes": ours / (passes * one_pass),
        "importance_speedup_over_authors": passes * theirs / ours,
    }


@torch.inference_mode()
def _encode(masked: MaskedDecoder, images: Tensor) -> None:
    for batch in torch.split(images, masked.batch_size):
        masked.network.encode(batch)
