"""Whether an area is worth more than places of its size, all areas looked at counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from napari_cortex_decoder.saliency.verdict import SIGNIFICANT

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST_PATCHES = 10
"""Of fewer, the spread is too uncertain to be compared with."""

_OVERLAP = 0.25
"""Share of the smaller of the two that an area and a patch it is compared with may share."""


@dataclass(frozen=True, eq=False)
class Places:
    """What random places are worth to a decoder: the control of all areas."""

    patches: Bools  # shape (n, y, x)
    worth: Floats  # shape (n,): importance of each
    draws: Floats  # shape (n, draws): the same in each draw of a bootstrap

    def of(self, area: Bools) -> Places:
        """Return those that hardly touch an area, shape (y, x)."""
        pixels = self.patches.reshape(len(self.patches), -1)
        sizes = pixels.sum(axis=1)
        apart = pixels @ area.ravel().astype(np.int64) <= _OVERLAP * np.minimum(sizes, area.sum())
        return Places(self.patches[apart], self.worth[apart], self.draws[apart])

    def expected(self, size: int) -> tuple[float, Floats, Floats]:
        """Return what as many pixels are worth on average, how places differ, and in each draw."""
        sizes = self.patches.sum(axis=(1, 2))
        share = size / sizes.sum()
        apart = self.worth - self.worth.sum() / sizes.sum() * sizes
        # what pixels say by themselves adds up as the root of their number, what they share as it
        apart *= np.maximum(size / sizes, np.sqrt(size / sizes))
        return float(self.worth.sum() * share), apart, self.draws.sum(axis=0) * share


def excess(importance: float, area: Bools, places: Places) -> float:
    """Return how unlikely it is that an area is worth so much if it is as any other place.

    The area's importance less the mean of places of its size, by their standard deviation, against
    Student's t. Places that share pixels with one another or with the area vary less than places
    do, by as much as they share: both are counted.

    Parameters
    ----------
    importance
        Of the area.
    area
        Shape (y, x).
    places
        Those that hardly touch it; of other sizes, too.

    Returns
    -------
    float
        One-sided, 0 to 1; NaN where there are fewer than two places, what they share counted.
    """
    n = len(places.worth)
    if n < 2:
        return np.nan
    pixels = np.vstack([area.ravel(), places.patches.reshape(n, -1)]).astype(np.float64)
    sizes = pixels.sum(axis=1)
    shared = pixels @ pixels.T / np.sqrt(np.outer(sizes, sizes))
    with_area = shared[0, 1:].mean()
    among = (shared[1:, 1:].sum() - n) / (n * (n - 1))
    if n < 2 * (1 + (n - 1) * among):
        return np.nan
    mean, apart, _ = places.expected(int(area.sum()))
    spread = np.sqrt((apart**2).sum() / (n - 1) / max(1 - among, 1 / n))
    spread *= np.sqrt(max(1 + (1 + (n - 1) * among) / n - 2 * with_area, 1 / n))
    above = importance - mean
    if spread == 0:
        return float(above <= 0)
    freedom = n**2 / (shared[1:, 1:] ** 2).sum() - 1  # Satterthwaite 1946: places that overlap
    return float(student.sf(above / spread, max(freedom, 1)))


def passes(low: ArrayLike, excess_low: ArrayLike, p: ArrayLike) -> Bools:
    """Return whether a part is worth more than nothing and than other places; NaN is not."""
    return (np.asarray(low) > 0) & (np.asarray(excess_low) > 0) & (np.asarray(p) <= SIGNIFICANT)


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
