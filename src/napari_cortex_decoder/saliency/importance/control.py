"""Whether an area is worth more than places of its size, all areas looked at counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST_PATCHES = 10
"""Of fewer, the spread is too uncertain to be compared with."""


def excess(importance: float, area: Bools, worth: Floats, patches: Bools) -> float:
    """Return how unlikely it is that an area is worth so much if it is as any other place.

    The area's importance less the mean of its patches, by their standard deviation, against
    Student's t. Patches that share pixels with one another or with the area vary less than places
    do, by as much as they share: both are counted.

    Parameters
    ----------
    importance
        Of the area.
    area
        Shape (y, x).
    worth
        Shape (n,): importance of each patch, as if it had as many pixels as the area.
    patches
        Shape (n, y, x).

    Returns
    -------
    float
        One-sided, 0 to 1; NaN with fewer than two patches.
    """
    n = len(worth)
    if n < 2:
        return np.nan
    pixels = np.vstack([area.ravel(), patches.reshape(n, -1)]).astype(np.float64)
    sizes = pixels.sum(axis=1)
    shared = pixels @ pixels.T / np.sqrt(np.outer(sizes, sizes))
    with_area = shared[0, 1:].mean()
    among = (shared[1:, 1:].sum() - n) / (n * (n - 1))
    spread = worth.std(ddof=1) / np.sqrt(max(1 - among, 1 / n))
    spread *= np.sqrt(max(1 + (1 + (n - 1) * among) / n - 2 * with_area, 1 / n))
    above = importance - worth.mean()
    if spread == 0:
        return float(above <= 0)
    return float(student.sf(above / spread, n - 1))


def corrected(p: Floats) -> Floats:
    """Return p-values that hold over all tests together (Holm's step-down); NaN stays.

    A test whose p is NaN counts as one that found nothing.
    """
    known = np.nan_to_num(p, nan=1.0)
    order = np.argsort(known)
    stepped = np.maximum.accumulate(known[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(p)
    result[order] = np.minimum(stepped, 1.0)
    return np.where(np.isnan(p), np.nan, result)
