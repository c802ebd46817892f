"""States that last: from values to bouts, whatever is measured."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Bools, Ints

UNKNOWN = -1
"""State of a frame of which nothing is known."""


def stretches(states: NDArray[np.integer | np.bool_]) -> tuple[Ints, Ints]:
    """Return first frame and length of each stretch of one value, shape (n,) each."""
    if not states.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1]).astype(np.int64)
    return starts, np.diff(np.append(starts, states.size))


def each_stretch(states: NDArray[np.integer | np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the first frame of each stretch of one value, and the frame after its last one."""
    starts, lengths = stretches(states)
    return zip(starts.tolist(), (starts + lengths).tolist(), strict=True)


def two_thresholds(values: NDArray[np.floating], known: Bools, high: float, low: float) -> Ints:
    """Return where values, (t,), begin above `high` and end below `low`; between, they go on.

    Shape (t,), int64: 1 or 0, −1 where there is no value (`known` is False).
    """
    undecided = -2
    states = np.full(values.size, undecided, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        states[(values < low) | ((values == low) & (low == high))] = 0
        states[values > high] = 1
    states[~known] = UNKNOWN
    last = np.maximum.accumulate(np.where(states != undecided, np.arange(states.size), -1))
    before = np.where(last >= 0, states[last], 0)
    # what was before a gap says nothing about what is after it
    return np.where((states == undecided) & (before == UNKNOWN), 0, before)


def drop_short(
    states: Ints, shortest: float, probability: NDArray[np.floating] | None = None
) -> Ints:
    """Return states in which bouts shorter than so many frames went to a neighbour.

    The shortest go first, to the more probable one of those around by `probability`, (t, k);
    without, to the one before, which is all the same where there are two behaviors. A bout at the
    edge of what is known may have begun earlier or end later, and stays.
    """
    starts, lengths = stretches(states)
    first, length, value = starts.tolist(), lengths.tolist(), states[starts].tolist()
    if probability is not None:
        sums = np.zeros((len(states) + 1, probability.shape[1]))
        np.cumsum(np.nan_to_num(probability), axis=0, out=sums[1:])
    before, after = list(range(-1, len(first) - 1)), [*range(1, len(first)), -1]
    short = [(n, bout) for bout, n in enumerate(length) if n < shortest - 1e-9]
    heapq.heapify(short)
    while short:
        n, bout = heapq.heappop(short)
        left, right = before[bout], after[bout]
        if length[bout] != n or left < 0 or right < 0:  # it has grown or gone, or is at an end
            continue
        if UNKNOWN in (value[bout], value[left], value[right]):
            continue
        taker = left
        if probability is not None:
            likely = sums[first[bout] + n] - sums[first[bout]]
            taker = left if likely[value[left]] >= likely[value[right]] else right
        length[taker] += n
        length[bout] = 0
        first[taker] = min(first[taker], first[bout])
        after[left], before[right] = right, left
        if value[left] == value[right]:  # nothing is between the two any more
            length[left], length[right] = length[left] + length[right], 0
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
            taker = left
        if length[taker] < shortest - 1e-9:
            heapq.heappush(short, (length[taker], taker))
    return np.repeat(np.array(value, np.int64), length)
