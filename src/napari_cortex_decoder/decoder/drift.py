"""Whether what drifts over minutes passes for behavior, or hides it: measured on predictions.

Thresholds are those that told apart simulated mice of 8 to 10 minutes that a decoder read well and
those that it did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Floats, Singles
from napari_cortex_decoder.bouts import stretches
from napari_cortex_decoder.decoder.config import DecoderConfig, TraceConfig

LONG_SECONDS = 120.0
"""From here on slow drift shows."""

_SLOW_SECONDS = 240.0  # a period this long is slow: bouts of a minute are faster
_MOST_SLOW = 0.15  # share of the variance of log-odds
_FLICKER = 0.6  # s: median predicted bout where a moving mean takes long bouts away
_SUREST = 1e-3
_ADVICE = "Take it away first (preprocessing step detrend)"


def drift_warnings(
    probability: Singles, times: Floats, config: DecoderConfig, steps: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return what is to be said of drift and of long bouts in a prediction, with what helps.

    `probability` has shape (t, k), NaN where nothing is predicted, and `times` (s) shape (t,);
    `steps` are the recording's preprocessing.
    """
    known = np.isfinite(probability).all(axis=1)
    if not known.any() or np.ptp(times[known]) < LONG_SECONDS:
        return []
    said, at = probability[known].astype(np.float64), times[known]
    how = config.preprocessing
    stepped = any(step.get("name") == "detrend" for step in steps)
    if stepped or (how.detrend_seconds is not None and not getattr(how, "beside_raw", False)):
        _, lengths = stretches(said.argmax(axis=1))
        median = float(np.median(lengths)) * float(np.median(np.diff(at)))
        if len(lengths) < 2 or median > _FLICKER:
            return []
        other = "run-rest-cortex" if isinstance(config, TraceConfig) else "run-rest"
        remedy = f"take a decoder that does not detrend, such as {other!r}"
        return [
            f"half of the predicted bouts last {median:.1f} s or less: what detrending leaves of "
            "bouts of half a minute and more looks like that. If this animal's bouts are long, "
            f"{'decode it without the step detrend' if stepped else remedy}."
        ]
    share = max(_slow_share(column, at) for column in said.T)
    if share < _MOST_SLOW:
        return []
    return [
        f"{share:.0%} of what the prediction says changes over more than {_SLOW_SECONDS / 60:.0f} "
        f"minutes: slow drift may pass for behavior. {_ADVICE}, or fine-tune on a few labels."
    ]


def advises_detrending(warnings: Sequence[str]) -> bool:
    """Return whether one of a prediction's warnings is that drift is to be taken away first."""
    return any(_ADVICE in said for said in warnings)


def _slow_share(said: Floats, at: Floats) -> float:
    """Return the share of the variance of log-odds that slow cosines explain."""
    odds = np.clip(said, _SUREST, 1 - _SUREST)
    values = np.log(odds / (1 - odds))
    values -= values.mean()
    seconds = float(np.ptp(at))
    orders = np.arange(1, max(1, int(2 * seconds / _SLOW_SECONDS)) + 1)
    slow = np.cos(np.pi * np.outer((at - at[0]) / seconds, orders))
    slow -= slow.mean(axis=0)
    whole = float((values**2).sum())
    found, *_ = np.linalg.lstsq(slow, values, rcond=None)
    return 1 - float(((values - slow @ found) ** 2).sum()) / whole if whole > 0 else 0.0
