"""Traces at a decoder's own frame rate, whatever that of the recording is, and what it says back.

A sample is the mean of the frames that begin in it, as a slower camera would expose it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats, Ints, Singles

_ROUNDING = 1e-6  # of a sample


@dataclass(frozen=True, eq=False)
class OwnRate:
    """Which frames of a recording make up which sample."""

    sample: Ints  # shape (t,): number of the sample that a frame begins in
    ends: Floats  # shape (t,): when a frame ends, in samples from the first one's begin
    causal: bool  # whether a frame may know samples only that have ended with it

    @classmethod
    def of(cls, times: Floats, frame_rate: float, *, causal: bool) -> OwnRate:
        """Return it for frames at these times (s), and samples of this rate (Hz)."""
        begins = (times - times[0]) * frame_rate
        last = begins[-1] - begins[-2] if len(begins) > 1 else 1.0
        ends = np.append(begins[1:], begins[-1] + last)
        return cls(np.floor(begins + _ROUNDING).astype(np.int64), ends, causal)

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(self.sample[-1]) + 1

    def gather(self, traces: NDArray[np.floating]) -> Floats:
        """Average traces, shape (t, n), over samples; between frames further apart, a line."""
        first = np.flatnonzero(np.diff(self.sample, prepend=-1))
        counts = np.diff(np.append(first, len(self.sample)))
        means = np.add.reduceat(traces.astype(np.float64), first, axis=0) / counts[:, None]
        known = self.sample[first]
        if len(known) == self.n_samples:
            return means
        every = np.arange(self.n_samples)
        return np.stack([np.interp(every, known, column) for column in means.T], axis=1)

    def spread(self, said: NDArray[np.floating]) -> Singles:
        """Bring what is said of samples, shape (samples, n), to frames, shape (t, n)."""
        if self.causal:
            ended = np.floor(self.ends + _ROUNDING).astype(np.int64) - 1
            found = said[np.clip(ended, 0, len(said) - 1)].astype(np.float32)
            found[ended < 0] = np.nan
            return found
        begins = np.append(0.0, self.ends[:-1])
        middles = (begins + self.ends) / 2 - 0.5
        every = np.arange(len(said))
        lines = [np.interp(middles, every, column) for column in said.T]
        return np.stack(lines, axis=1).astype(np.float32)
