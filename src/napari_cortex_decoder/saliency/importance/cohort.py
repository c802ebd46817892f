"""Importance over the mice of a cohort: the interval is over mice, not over their frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.control import corrected
from napari_cortex_decoder.saliency.importance.experiment import LEVELS

Floats = NDArray[np.float64]


def combine_mice(
    results: Sequence[AreaImportance], *, draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Average the importance of areas over mice.

    Raises DecoderError if there are fewer than two mice, or they were not explained alike.

    Parameters
    ----------
    results
        One a mouse; sessions of one mouse are to be explained together, or averaged before.
    draws
        Of the bootstrap over mice.
    seed
        Same seed, same interval.

    Returns
    -------
    pandas.DataFrame
        One row a target: ``acronym``, ``side``, ``importance`` (mean over the mice in which it
        was measured), ``low``, ``high`` (95 % interval, mice drawn with replacement), ``mice``
        (in how many it was measured), ``above`` (in how many its own interval lies above 0),
        ``p`` (sign test over mice of importance against places of its size, or 0 where there were
        none; one-sided, corrected for all targets by Holm's method). Five mice give no less than
        .03 of one target: of few mice ask for few groups.
        The interval of few mice is narrower than it should be: read it beside ``above``.
    """
    if len(results) < 2:
        raise DecoderError(f"{len(results)} mice make no cohort; give the results of at least two.")
    first = results[0]
    kinds = [(r.behavior, r.score, tuple(t.label for t in r.targets)) for r in results]
    if any(kind != kinds[0] for kind in kinds):
        raise DecoderError(
            "the mice were not explained alike; use one behavior, one kind of score and one choice "
            "of targets for all."
        )
    p = corrected(np.array([_sign_test(one) for one in np.stack([_above(r) for r in results]).T]))
    values = np.stack([r.table["importance"].to_numpy(np.float64) for r in results])
    above = np.sum([r.table["low"].to_numpy() > 0 for r in results], axis=0)
    measured = np.isfinite(values)
    picks = np.random.default_rng(seed).integers(len(results), size=(draws, len(results)))
    known = measured[picks].sum(axis=1)
    sums = np.where(measured, values, 0.0)[picks].sum(axis=1)
    with np.errstate(invalid="ignore"):  # an area that no drawn mouse shows has no mean
        means = sums / known
        mean = np.where(measured, values, 0.0).sum(axis=0) / measured.sum(axis=0)
    low, high = np.full((2, values.shape[1]), np.nan)
    enough = measured.sum(axis=0) > 1
    low[enough], high[enough] = np.nanpercentile(means[:, enough], LEVELS, axis=0)
    return pd.DataFrame(
        {
            "acronym": first.table["acronym"],
            "side": first.table["side"],
            "importance": mean,
            "low": low,
            "high": high,
            "mice": measured.sum(axis=0),
            "above": above,
            "p": p,
        }
    )


def _above(result: AreaImportance) -> Floats:
    """Return 1 where a target is worth more than places of its size, else 0; NaN if not seen."""
    table = result.table
    measured = table["importance"].to_numpy(np.float64)
    than = table["control"].to_numpy(np.float64)
    more = measured > (0.0 if np.isnan(than).all() else than)  # not worth a look: no more
    return np.where(np.isnan(measured), np.nan, more)


def _sign_test(above: Floats) -> float:
    known = above[~np.isnan(above)]
    if not len(known):
        return np.nan
    return float(binomtest(int(known.sum()), len(known), alternative="greater").pvalue)
