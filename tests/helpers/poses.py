"""Poses as a camera might see mice in, and landmarks as a person would click them."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.atlas import Atlas, Registration


def pose(
    atlas: Atlas,
    *,
    pixel_size: float = 0.05,
    degrees: float = 0.0,
    bregma: tuple[float, float] = (120.0, 128.0),
    mirrored: bool = False,
) -> Registration:
    """Place an atlas as a camera might see the mouse."""
    placed = Registration.upright(atlas, pixel_size, bregma).nudged(degrees=degrees)
    flip = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    return Registration(atlas, placed.matrix @ flip, pixel_size=pixel_size)


def random_pose(atlas: Atlas, rng: np.random.Generator, mirrored: bool = False) -> Registration:
    return pose(
        atlas,
        pixel_size=rng.uniform(0.04, 0.06),
        degrees=rng.uniform(-20, 20),
        bregma=(rng.uniform(105, 135), rng.uniform(113, 143)),
        mirrored=mirrored,
    )


def seen_landmarks(
    truth: Registration, names: list[str], jitter_mm: float = 0.0, rng=None
) -> dict[str, tuple[float, float]]:
    """(row, column) of landmarks as a person would click them, `jitter_mm` off (SD per axis)."""
    mm = np.array([truth.atlas.landmarks[name] for name in names])
    if jitter_mm:
        mm = mm + rng.normal(0, jitter_mm, mm.shape)
    return dict(zip(names, map(tuple, truth.to_px(mm).tolist()), strict=True))
