"""From probabilities to bouts: hysteresis, gaps filled, short bouts left out."""

from __future__ import annotations

import heapq
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.ethogram import UNKNOWN

_Share = Annotated[float, Field(ge=0, le=1)]
_Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Cleaning(BaseModel):
    """How probabilities become bouts. The default takes the most probable behavior of each frame.

    Attributes
    ----------
    threshold
        Of two behaviors, probability above which the second one begins. Of more behaviors only
        the distance to `stop_threshold` counts.
    stop_threshold
        Probability below which it ends, at most `threshold`; None: `threshold`. Of more than two,
        a behavior goes on until another one's probability exceeds its own by the distance between
        the two thresholds.
    longest_gap
        Seconds. Two bouts of one behavior with less of the first behavior, or of nothing, between
        them are one bout.
    shortest_bout
        Seconds. Shorter bouts then go to the more probable one of those around them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: _Share = 0.5
    stop_threshold: _Share | None = None
    longest_gap: _Seconds = 0.0
    shortest_bout: _Seconds = 0.0

    @model_validator(mode="after")
    def _check(self) -> Cleaning:
        if self.stop_threshold is not None and self.stop_threshold > self.threshold:
            raise ValueError(
                f"stop_threshold {self.stop_threshold} must not be above threshold {self.threshold}"
            )
        return self

    @property
    def hysteresis(self) -> float:
        """Distance between the two thresholds."""
        return 0.0 if self.stop_threshold is None else self.threshold - self.stop_threshold


def clean(
    probability: NDArray[np.floating], settings: Cleaning, frame_rate: float
) -> NDArray[np.int64]:
    """Turn probabilities into one behavior a frame.

    Parameters
    ----------
    probability
        Shape (t, k), k ≥ 2; NaN where there is no prediction.
    settings
        Thresholds and lengths.
    frame_rate
        Frames a second (Hz).

    Returns
    -------
    numpy.ndarray
        Shape (t,), int64: column of `probability`, −1 where there is no prediction, unless it is a
        gap that was filled.

    Raises
    ------
    LabelError
        If the shape or the frame rate is impossible.
    """
    if probability.ndim != 2 or probability.shape[1] < 2:
        raise LabelError(f"probabilities have shape {probability.shape}; give (frames, behaviors).")
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise LabelError(f"the frame rate is {frame_rate}; give a positive number of Hz.")
    known = np.isfinite(probability).all(axis=1)
    if probability.shape[1] == 2:
        states = _two_thresholds(probability[:, 1], known, settings)
    else:
        states = _most_probable(probability, known, settings.hysteresis)
    states = _fill_gaps(states, settings.longest_gap * frame_rate)
    return _drop_short(states, probability, settings.shortest_bout * frame_rate)


def runs_of(states: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give first frame and length of each stretch of one value, shape (n,) each."""
    if not states.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1]).astype(np.int64)
    return starts, np.diff(np.append(starts, states.size))


def _two_thresholds(
    second: NDArray[np.floating], known: NDArray[np.bool_], settings: Cleaning
) -> NDArray[np.int64]:
    """Begin above one threshold, end below the other; between them go on."""
    low = settings.threshold - settings.hysteresis
    undecided = -2
    states = np.full(second.size, undecided, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        states[second > settings.threshold] = 1
        states[second < low] = 0
        # argmax gives a tie to the first behavior
        states[(second == low) & (low == settings.threshold)] = 0
    states[~known] = UNKNOWN
    last = np.maximum.accumulate(np.where(states != undecided, np.arange(states.size), -1))
    before = np.where(last >= 0, states[last], 0)
    # what was before a gap says nothing about what is after it
    return np.where((states == undecided) & (before == UNKNOWN), 0, before)


def _most_probable(
    probability: NDArray[np.floating], known: NDArray[np.bool_], margin: float
) -> NDArray[np.int64]:
    best = np.where(known, np.nan_to_num(probability, nan=-1).argmax(axis=1), UNKNOWN)
    if not margin:
        return best.astype(np.int64)
    states = best.astype(np.int64)
    current = UNKNOWN
    for frame, winner in enumerate(best.tolist()):
        either_unknown = UNKNOWN in (winner, current)
        if either_unknown or probability[frame, winner] > probability[frame, current] + margin:
            current = winner
        states[frame] = current
    return states


def _fill_gaps(states: NDArray[np.int64], longest: float) -> NDArray[np.int64]:
    """Join bouts of one behavior across less than `longest` frames of the first one, or of none."""
    starts, lengths = runs_of(np.where(states == 0, UNKNOWN, states))
    filled = states.copy()
    for place in range(1, starts.size - 1):
        before, start = states[starts[place] - 1], starts[place]
        stop = start + lengths[place]
        is_gap = states[start] in (0, UNKNOWN) and before not in (0, UNKNOWN)
        if is_gap and lengths[place] < longest - 1e-9 and states[stop] == before:
            filled[start:stop] = before
    return filled


def _drop_short(
    states: NDArray[np.int64], probability: NDArray[np.floating], shortest: float
) -> NDArray[np.int64]:
    """Give bouts of fewer than `shortest` frames, the shortest first, to a neighbour.

    A bout at the edge of what is known may have begun earlier or end later, and stays.
    """
    starts, lengths = runs_of(states)
    first, length, value = starts.tolist(), lengths.tolist(), states[starts].tolist()
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
