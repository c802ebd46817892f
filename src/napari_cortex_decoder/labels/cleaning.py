"""From probabilities to bouts: hysteresis, gaps filled, short bouts left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from napari_cortex_decoder.arrays import Bools, Ints
from napari_cortex_decoder.bouts import UNKNOWN, drop_short, each_stretch, two_thresholds
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.ethogram import Ethogram
from napari_cortex_decoder.settings import FewSeconds, Frozen, Share


class Cleaning(Frozen):
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

    threshold: Share = 0.5
    stop_threshold: Share | None = None
    longest_gap: FewSeconds = 0.0
    shortest_bout: FewSeconds = 0.0

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


def proposed_cleaning(ethogram: Ethogram, frame_rate: float) -> Cleaning:
    """Return a cleaning that leaves bouts as long as labelled ones: half the shortest tenth."""
    starts, stops, _ = ethogram.arrays
    shortest = float(np.quantile(stops - starts, 0.1)) / frame_rate / 2
    return Cleaning(shortest_bout=shortest)  # joined across gaps, flicker would be a bout


def clean(probability: NDArray[np.floating], settings: Cleaning, frame_rate: float) -> Ints:
    """Turn probabilities, (t, k), k ≥ 2, into one behavior a frame, shape (t,), int64.

    A column, or −1 where there is no prediction (NaN), unless it is a gap that was filled. Raises
    LabelError if the shape or the frame rate is impossible.
    """
    if probability.ndim != 2 or probability.shape[1] < 2:
        raise LabelError(f"probabilities have shape {probability.shape}; give (frames, behaviors).")
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise LabelError(f"the frame rate is {frame_rate}; give a positive number of Hz.")
    known = np.isfinite(probability).all(axis=1)
    if probability.shape[1] == 2:
        low = settings.threshold - settings.hysteresis
        states = two_thresholds(probability[:, 1], known, settings.threshold, low)
    else:
        states = _most_probable(probability, known, settings.hysteresis)
    states = _fill_gaps(states, settings.longest_gap * frame_rate)
    return drop_short(states, settings.shortest_bout * frame_rate, probability)


def _most_probable(probability: NDArray[np.floating], known: Bools, margin: float) -> Ints:
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


def _fill_gaps(states: Ints, longest: float) -> Ints:
    """Join bouts of one behavior across less than `longest` frames of the first one, or of none."""
    filled = states.copy()
    for start, stop in [*each_stretch(np.where(states == 0, UNKNOWN, states))][1:-1]:
        before = states[start - 1]
        is_gap = states[start] in (0, UNKNOWN) and before not in (0, UNKNOWN)
        if is_gap and stop - start < longest - 1e-9 and states[stop] == before:
            filled[start:stop] = before
    return filled
