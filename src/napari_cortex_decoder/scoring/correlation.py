"""How alike two columns of numbers, or their orders, are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata


def correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return Pearson's correlation; NaN where it is not defined."""
    if len(a) < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.nan
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(pearsonr(a, b).statistic)


def rank_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return Spearman's correlation; NaN where it is not defined."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.nan
    return correlation(rankdata(a), rankdata(b))
