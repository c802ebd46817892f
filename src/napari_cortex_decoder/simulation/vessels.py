"""Blood vessels on the brain: the midline sinus and branching trees."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.simulation.seeds import generator

STEP = 0.06
"""mm between the points of a vessel."""


def vessel_image(subject: int, xy: Floats, pixel_size: float) -> tuple[Floats, Floats]:
    """Draw the vessels of one mouse at xy, shape (..., 2), mm from bregma (right, posterior).

    Gives shape (...), 0–1 each: how much of a surface vessel, and of the midline sinus, lies there.
    A vessel thinner than a pixel is drawn wider and fainter.
    """
    points, radius = _grow(generator("vessels", subject))
    distance, nearest = cKDTree(points).query(xy.reshape(-1, 2), distance_upper_bound=0.6)
    true_reach = np.append(radius, 1.0)[nearest]  # index len(points) means: none within the bound
    reach = np.hypot(true_reach, 0.5 * pixel_size)
    dark = true_reach / reach * np.exp(-0.5 * (distance / reach) ** 2)
    vessels = dark.reshape(xy.shape[:-1])
    bend = generator("sinus", subject).normal(0, [0.04, 0.05, 0.03])
    x, y = xy[..., 0], xy[..., 1]
    offset = x - bend[0] - bend[1] * np.sin(y / 2.5) - bend[2] * np.sin(y + 1)
    midline = np.exp(-0.5 * (offset / 0.12) ** 2)
    return vessels, midline


def _grow(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Grow veins from the midline and arteries from the sides; give points (n, 2) and radii."""
    points: list[Floats] = []
    radii: list[Floats] = []

    def branch(start: Floats, heading: float, radius: float, length: float) -> None:
        n = max(2, int(length / STEP))
        turns = np.cumsum(rng.normal(0, 0.13, n)) + heading
        path = start + STEP * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
        taper = radius * np.linspace(1, 0.55, n)
        points.append(path)
        radii.append(taper)
        if radius < 0.022:
            return
        for at in np.flatnonzero(rng.random(n) < STEP / 0.9):
            fork = rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)
            branch(path[at], turns[at] + fork, taper[at] * rng.uniform(0.5, 0.75), 0.6 * length)

    for side in (-1, 1):
        outward = 0.0 if side == 1 else np.pi
        for y in np.arange(-2.6, 4.4, 1.3) + rng.uniform(-0.5, 0.5, 6):
            tilt = side * rng.normal(-0.15, 0.3)
            start = np.array([side * 0.1, y])
            branch(start, outward + tilt, rng.uniform(0.03, 0.065), rng.uniform(1.5, 4.0))
        for y in (rng.uniform(-1.5, 0.5), rng.uniform(0.5, 2.5)):
            start = np.array([side * 4.8, y])
            inward = np.pi - outward - side * rng.uniform(0.0, 0.8)
            branch(start, inward, rng.uniform(0.03, 0.05), rng.uniform(2.0, 3.5))
    return np.concatenate(points), np.concatenate(radii)
