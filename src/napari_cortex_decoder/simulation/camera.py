"""The camera: a lazy movie whose blocks of frames are made when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats, Singles
from napari_cortex_decoder.simulation.seeds import generator

BLOCK_PIXELS = 2**19
"""Pixels in a block of frames; with single precision and noise, some 10 MB while it is made."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything in front of one camera; single precision."""

    still: Singles  # shape (y, x), counts of the still image, without the dark offset
    traces: Singles  # shape (t, k): signals over time
    maps: Singles  # shape (k, y, x), counts: what each signal adds to the still image
    light: Singles  # shape (t,): brightness of the light, about 1
    # counts
    dark_offset: float
    read_noise: float
    electrons_per_count: float  # photo-electrons in one count
    seeds: tuple[int, ...]  # session (subject, seed) and number of the camera


def film(scene: Scene) -> da.Array:
    """Film a scene, shape (t, y, x), uint16.

    A block depends on the scene and its place alone, so the order in which blocks are computed, and
    whether again, makes no difference.
    """
    n_frames, shape = scene.traces.shape[0], scene.still.shape
    per_block = max(1, BLOCK_PIXELS // scene.still.size)
    shared = dask.delayed(scene, pure=True, traverse=False)
    blocks = [
        da.from_delayed(
            dask.delayed(_expose)(shared, start, min(start + per_block, n_frames)),
            shape=(min(per_block, n_frames - start), *shape),
            dtype=np.uint16,
        )
        for start in range(0, n_frames, per_block)
    ]
    return da.concatenate(blocks)


def _expose(scene: Scene, start: int, stop: int) -> NDArray[np.uint16]:
    """Make frames [start, stop), shape (t, y, x)."""
    changes = scene.traces[start:stop] @ scene.maps.reshape(len(scene.maps), -1)
    counts = (scene.still.ravel() + changes) * scene.light[start:stop, None]
    np.maximum(counts, 0, out=counts)
    noise = generator("camera", *scene.seeds, start).standard_normal(counts.shape, np.float32)
    noise *= np.sqrt(counts / scene.electrons_per_count + scene.read_noise**2)
    counts += noise
    counts += scene.dark_offset
    np.rint(counts, out=counts)
    np.clip(counts, 0, 65_535, out=counts)
    return counts.astype(np.uint16).reshape(-1, *scene.still.shape)


def average_areas(scene: Scene, label_image: NDArray[np.integer], n_areas: int) -> Floats:
    """Average a scene's movie over areas without filming it: shape (t, n_areas), in counts.

    With the dark offset; NaN for an area with no pixel. A frame is a sum of maps, so the mean of an
    area is a sum of the maps' means: what `area_traces` measures on the movie, but for the noise,
    which is drawn anew with the variance that is left in the mean of so many pixels. Ten minutes
    take a second.
    """
    flat = np.asarray(label_image).ravel()
    # A saturated pixel shows nothing but its own upper end.
    open_end = 65_535 - scene.dark_offset
    full = scene.still.ravel() >= open_end
    pixels = np.bincount(flat, minlength=n_areas + 1)[1:]

    def mean(image: Singles) -> Floats:
        sums = np.bincount(flat, weights=image.ravel(), minlength=n_areas + 1)[1:]
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of an area with no pixel
            return np.asarray(sums / pixels)

    still = mean(np.where(full, 0, scene.still.ravel()))
    maps = np.stack([mean(np.where(full, 0, each.ravel())) for each in scene.maps])
    counts = (still + scene.traces @ maps) * scene.light[:, None]
    rng = generator("area noise", *scene.seeds)
    variance = np.maximum(counts, 0) / scene.electrons_per_count + scene.read_noise**2
    counts += rng.standard_normal(counts.shape) * np.sqrt(variance / np.maximum(pixels, 1))
    return np.asarray(counts + mean(np.where(full, open_end, 0)) + scene.dark_offset)
