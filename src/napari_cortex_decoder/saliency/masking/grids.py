"""Squares and discs over an image, and grids of values turned into pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from napari_cortex_decoder.choices import CUTOUT_SHAPES, check_choice
from napari_cortex_decoder.errors import DecoderError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

N_EDGE = 15
"""Masks of the edge control, as many as the paper's."""


def cutouts(
    image_size: tuple[int, int], shape: str, size: int, step: int
) -> tuple[Bools, Floats, Floats]:
    """Lay cutouts over an image, from its upper left corner on.

    Raises DecoderError if shape, size or step are impossible.

    Returns
    -------
    masks
        Shape (rows · columns, y, x), bool.
    rows, columns
        Centres, px.
    """
    check_choice("cutout shape", shape, CUTOUT_SHAPES, DecoderError)
    if not 1 <= size <= min(image_size) or step < 1:
        raise DecoderError(
            f"a cutout of {size} px at steps of {step} px does not fit images of {image_size[0]} × "
            f"{image_size[1]} px; give a size of 1 to {min(image_size)} and a step of at least 1."
        )
    rows, columns = (
        np.arange(0, n - size + 1, step, dtype=np.float64) + (size - 1) / 2 for n in image_size
    )
    y, x = np.ogrid[: image_size[0], : image_size[1]]
    masks = []
    for row in rows:
        for column in columns:
            dy, dx = abs(y - row), abs(x - column)
            inside = (
                (dy**2 + dx**2 <= (size / 2) ** 2)
                if shape == "disc"
                else ((dy <= (size - 1) / 2) & (dx <= (size - 1) / 2))
            )
            masks.append(np.broadcast_to(inside, image_size))
    return np.stack(masks).astype(np.bool_), rows, columns


def edge_masks(image_size: tuple[int, int], width: int, n: int = N_EDGE) -> Bools:
    """Divide the outermost pixels of an image into n parts of equal size, clockwise from the left.

    Returns
    -------
    numpy.ndarray
        Shape (n, y, x), bool.
    """
    height, breadth = image_size
    y, x = np.mgrid[:height, :breadth]
    depth = np.minimum.reduce([y, x, height - 1 - y, breadth - 1 - x])
    band = np.argwhere(depth < width)
    centered = (band + 0.5) / image_size - 0.5
    order = np.argsort(np.arctan2(centered[:, 0], centered[:, 1]), kind="stable")
    masks = np.zeros((n, height, breadth), dtype=bool)
    for mask, part in zip(masks, np.array_split(band[order], n), strict=True):
        mask[part[:, 0], part[:, 1]] = True
    return masks


def enlarge(
    grids: Floats,
    rows: Floats,
    columns: Floats,
    inside: tuple[slice, slice],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Turn grids of values into pictures, linearly; no detail is added.

    Parameters
    ----------
    grids
        Shape (n, rows, columns).
    rows, columns
        Centres on an image, px. Beyond the outermost ones the nearest value stands.
    inside
        Rows and columns of the image that the pictures show.
    shape
        Rows and columns of a picture.

    Returns
    -------
    numpy.ndarray
        Shape (n, *shape), float32.
    """
    places = []
    for part, n, centers in zip(inside, shape, (rows, columns), strict=True):
        pixels = (np.arange(n) + 0.5) * (part.stop - part.start) / n - 0.5 + part.start
        places.append(pixels.clip(centers[0], centers[-1]))
    values = np.moveaxis(grids, 0, -1)
    axes = [rows, columns]
    for axis, centers in enumerate(axes):
        if len(centers) == 1:  # a grid of one row has nothing to interpolate along
            axes[axis] = np.array([centers[0], centers[0] + 1])
            values = values.repeat(2, axis=axis)
    points = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
    pictures = RegularGridInterpolator(tuple(axes), values)(points)
    return np.asarray(np.moveaxis(pictures, -1, 0), dtype=np.float32)
