"""Filters of traces over time: means over stretches of a window, fine near the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats, Ints

_ENDS = (0.1, 0.3, 0.6, 1.0)  # of the reach: where a stretch ends


def stretches(past: int, future: int) -> list[tuple[int, int]]:
    """Return first and last sample of each stretch, relative to the frame.

    A future of 0 has none ahead; otherwise they are as those of the past.
    """
    ends = sorted({max(1, round(share * past)) for share in _ENDS})
    back = [(-end, -start - 1) for start, end in zip([0, *ends], ends, strict=False)]
    ahead = [(-last, -first) for first, last in back] if future else []
    return [*back, (0, 0), *ahead]


def stretch_means(
    values: NDArray[np.floating], frames: Ints, parts: Sequence[tuple[int, int]]
) -> Floats:
    """Return the mean of traces, (t, n), over each stretch around frames: (frames, parts · n).

    What is beyond the ends is left out.
    """
    sums = np.cumsum(np.pad(values, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    columns = []
    for first, last in parts:
        start = np.clip(frames + first, 0, len(values) - 1)
        stop = np.clip(frames + last + 1, start + 1, len(values))
        columns.append((sums[stop] - sums[start]) / (stop - start)[:, None])
    return np.concatenate(columns, axis=1)
