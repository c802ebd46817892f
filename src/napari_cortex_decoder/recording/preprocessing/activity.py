"""A movie as activity: how far each pixel is from its own mean."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.preprocessing.blocks import each_frame

_SAMPLED = 100  # frames
_LIT = 0.05  # of the brightest percent of pixels, below which there is no brain
_HIGH = 99.5  # percentile of the changes at which the colors end


def _percent(
    mean: NDArray[np.float32], per: NDArray[np.float32], frames: NDArray[Any]
) -> NDArray[np.float32]:
    """Return how far frames are from a mean (y, x), in percent of what they are divided by."""
    return np.asarray(100 * (frames - mean) / per, np.float32)


def activity_of(movie: da.Array) -> tuple[da.Array, float]:
    """Return a movie as change in percent of each pixel's mean, and where its colors end (%).

    The mean is one of frames spread over the movie, so that nothing waits for all of them: a look
    at a recording, not a step of preprocessing. A movie that varies around 0 already, such as ΔF/F,
    is a fraction, and only multiplied.
    """
    frames = np.unique(np.linspace(0, movie.shape[0] - 1, _SAMPLED).astype(int))
    some = np.asarray(movie[frames].compute(), np.float32)
    mean, spread = some.mean(axis=0), some.std(axis=0)
    seen = spread > 0
    if seen.any() and np.median(np.abs(mean[seen])) < np.median(spread[seen]):
        mean, per = np.zeros_like(mean), np.ones_like(mean)
    else:
        # outside the brain, a percent of hardly any light is noise
        lit = mean > _LIT * np.percentile(mean, 99)
        per = np.where(lit, mean, np.inf).astype(np.float32)
    percent = partial(_percent, mean, per)
    changes = np.abs(percent(some))
    shown = changes[:, np.isfinite(per) & seen]
    end = float(np.percentile(shown, _HIGH)) if shown.size else 0.0
    return each_frame(movie, percent), end or 1.0
