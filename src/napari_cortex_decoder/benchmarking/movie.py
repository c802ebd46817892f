"""A movie to measure on, and what it costs to open and to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.benchmarking.machine import best_seconds, copy_bandwidth
from napari_cortex_decoder.decoder import Preprocessing
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording, open_recording

SIZE, FRAME_RATE = 128, 30.0


def write_movie(path: Path, frames: int) -> Recording:
    """Write waves over a noisy brain, 128 × 128, and open them."""
    shape = (frames, SIZE, SIZE)
    tifffile.imwrite(path, _frames(frames), shape=shape, dtype=np.uint16, photometric="minisblack")
    return open_recording(path, frame_rate=FRAME_RATE)


def _frames(n: int) -> Iterator[NDArray[np.uint16]]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    noise = rng.normal(0, 1000, (64, SIZE, SIZE))
    for frame in range(n):
        wave = np.sin(frame / 5 + 12 * x) + np.cos(frame / 7 + 9 * y * np.sin(frame / 90))
        yield (8000 + 3000 * wave + noise[frame * 29 % 64]).astype(np.uint16)


def reading(folder: Path, frames: int) -> Mapping[str, float]:
    """Measure opening, reading and the pass for the statistics, against copying in memory."""
    from napari_cortex_decoder.decoder.frames.normalization import movie_statistics

    path = folder / "movie.tif"
    recording = write_movie(path, frames)
    n_bytes = frames * SIZE * SIZE * 2

    def read() -> None:
        for _ in read_blocks(recording.movie):
            pass

    ceiling = copy_bandwidth()
    preprocessing = Preprocessing(scale="centered-sd")
    measured = best_seconds(lambda: movie_statistics(recording, preprocessing))
    return {
        "opening_s": best_seconds(lambda: open_recording(path, frame_rate=FRAME_RATE)),
        "reading_share_of_copying": n_bytes / best_seconds(read) / ceiling,
        "statistics_frames_per_s": frames / measured,
        "statistics_share_of_copying": n_bytes / measured / ceiling,
    }
