"""Gaps in a movie of real numbers: pixels that are NaN or infinite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError


def check_finite(frames: NDArray[Any], start: int, where: str, *, every: int = 1) -> None:
    """Refuse frames (n, y, x) with gaps, and say where the first one is.

    `start` is the number of the first frame in its movie, and `every` how many frames of the movie
    lie between one and the next, itself counted.
    """
    if np.issubdtype(frames.dtype, np.integer):
        return
    finite = np.isfinite(frames)
    if len(frames) > 1 and finite.any():
        # what is never measured, while others are, is no gap: it lies outside a mask
        finite |= ~finite.any(axis=0)
    if finite.all():
        return
    frame, row, column = (int(i) for i in np.argwhere(~finite)[0])
    raise RecordingError(
        f"{where}: the movie is {frames[frame, row, column]} in frame {start + every * frame} at "
        f"row {row}, column {column}; fill such gaps (fill-gaps, --fill-gaps), or mask them."
    )
