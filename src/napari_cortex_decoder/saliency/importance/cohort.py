"""Importance over the mice of a cohort: the interval is over mice, not over their frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.saliency.importance.area_result import AreaImportance
from napari_cortex_decoder.saliency.importance.experiment import LEVELS


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
        (in how many it was measured), ``above`` (in how many its own interval lies above 0).
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
        }
    )
