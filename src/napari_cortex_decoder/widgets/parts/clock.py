"""One clock for slider, timeline and text: from frames to seconds and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording import Recording


@dataclass(frozen=True, eq=False)
class Clock:
    """Times of a recording's frames."""

    times: NDArray[np.float64]  # shape (t,), strictly increasing, in `unit`
    # ``"s"``; or ``"frame"`` while neither frame rate nor frame times are known
    unit: Literal["s", "frame"]

    @classmethod
    def of(cls, recording: Recording) -> Clock:
        """Make the clock of a recording."""
        if recording.frame_times is None and recording.frame_rate is None:
            return cls(np.arange(recording.n_frames, dtype=np.float64), "frame")
        return cls(recording.times, "s")

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """When each frame's stretch begins, and where the last one ends, shape (t + 1,)."""
        if self.times.size == 1:
            return np.array([self.times[0] - 0.5, self.times[0] + 0.5])
        middles = (self.times[1:] + self.times[:-1]) / 2
        first = self.times[0] - (middles[0] - self.times[0])
        last = self.times[-1] + (self.times[-1] - middles[-1])
        return np.concatenate([[first], middles, [last]])

    def frame_at(self, time: float) -> int:
        """Return the frame nearest to a time; times outside the movie give its first or last."""
        right = int(np.searchsorted(self.times, time))
        if right == 0:
            return 0
        if right == self.times.size:
            return self.times.size - 1
        nearer_left = time - self.times[right - 1] <= self.times[right] - time
        return right - 1 if nearer_left else right
