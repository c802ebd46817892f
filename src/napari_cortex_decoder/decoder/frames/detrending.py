"""A moving mean taken away, frame by frame while they come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.decoder.config import FrameStatistics
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow

_TILE_BYTES = 32 * 2**20


@dataclass(frozen=True)
class TrailingWindow(MovingWindow):
    """A window that ends with its own frame; at the beginning of the movie, what is there of it."""

    @property
    def before(self) -> int:
        """Frames of the window before its own."""
        return self.n - 1


def detrending_window(preprocessing: FrameStatistics, frame_rate: float) -> MovingWindow | None:
    """Return the window of the mean to be subtracted, None for none."""
    if preprocessing.detrend_seconds is None:
        return None
    n = max(1, round(preprocessing.detrend_seconds * frame_rate))
    return TrailingWindow(n) if preprocessing.causal else MovingWindow(n)


class Detrending:
    """Subtract a moving mean from a movie that comes in blocks.

    Memory holds the frames of one window and one block, whatever the length of the movie.
    """

    def __init__(self, window: MovingWindow) -> None:
        self._window = window
        self._frames: Singles | None = None
        self._first = 0
        self._done = 0

    def push(self, frames: Singles) -> Singles:
        """Take the next frames, shape (n, …); give those, in order, whose window is complete."""
        known = self._frames
        self._frames = frames if known is None else np.concatenate([known, frames])
        return self._give(self._first + len(self._frames) - self._window.after)

    def finish(self) -> Singles:
        """Return the frames that are left at the end of the movie, shape (n, …)."""
        assert self._frames is not None  # a movie has frames
        return self._give(self._first + len(self._frames))

    def _give(self, stop: int) -> Singles:
        """Detrend the frames up to `stop` that have not been given yet."""
        frames = self._frames
        assert frames is not None
        keep = slice(self._done - self._first, max(stop, self._done) - self._first)
        detrended = frames[keep].copy()
        if len(detrended):
            # means are taken in double precision: of as many rows at once as memory should hold
            rows = max(1, _TILE_BYTES // (frames[:, :1].size * 8))
            for row in range(0, frames.shape[1], rows):
                tile = frames[:, row : row + rows]
                detrended[:, row : row + rows] -= self._window.means(tile, keep)
        self._done += len(detrended)
        drop = max(0, self._done - self._window.before - self._first)
        self._frames = frames[drop:].copy()
        self._first += drop
        return detrended
