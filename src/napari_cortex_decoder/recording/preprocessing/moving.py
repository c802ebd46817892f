"""Moving windows over time, and detrending: taking away what changes slowly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.preprocessing.blocks import (
    Blocks,
    check_finite,
    computed_movie,
    row_tiles,
)
from napari_cortex_decoder.recording.preprocessing.step import (
    PREVIEW_FRAMES,
    Step,
    Survey,
    with_both,
)
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Seconds


@dataclass(frozen=True)
class MovingWindow:
    """A centred window over `n` frames; at the ends of the movie, what is there of it.

    Of an even number, the window of frame t holds one more frame before t than after it, as
    MATLAB's ``movmean`` has it.
    """

    n: int

    @classmethod
    def of_seconds(cls, seconds: float, recording: Recording) -> MovingWindow:
        """Return the window that comes closest to so many seconds; raise if the rate is unknown."""
        return cls(max(1, round(seconds * recording.known_frame_rate())))

    @property
    def before(self) -> int:
        """Frames of the window before its own."""
        return self.n // 2

    @property
    def after(self) -> int:
        """Frames of the window after its own."""
        return self.n - 1 - self.before

    def means(self, block: NDArray[np.number], keep: slice) -> NDArray[np.float64]:
        """Return the mean of the window around each wanted frame, shape (keep, …), float64.

        `block` are frames (n, …) with their surroundings; where these are shorter than the window,
        the movie ends there. `keep` are the wanted ones.
        """
        # sums of deviations from one frame: exact for integers, and no digits lost to an offset
        so_far = block - block[keep.start].astype(np.float64)
        np.cumsum(so_far, axis=0, out=so_far)
        frames = np.arange(keep.start, keep.stop)
        first = np.maximum(frames - self.before, 0)
        stop = np.minimum(frames + self.after + 1, len(block))
        sums, later = so_far[stop - 1], first > 0
        sums[later] -= so_far[first[later] - 1]
        counts = (stop - first).reshape(-1, *(1,) * (block.ndim - 1))
        means: NDArray[np.float64] = sums / counts + block[keep.start].astype(np.float64)
        return means


class Detrend(Step):
    """Subtract from each pixel its centred moving mean.

    Ajioka et al. 2024 subtract a moving mean of 1000 frames at 30 Hz from the traces of their area
    decoder, which is worth .063 AUC to it.

    Attributes
    ----------
    window
        Length of the window in seconds.
    """

    name: ClassVar[str] = "detrend"
    window: Seconds = 1000 / 30

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Detrend movie and reference."""
        window = MovingWindow.of_seconds(self.window, recording)
        warnings = recording.warnings
        if window.n > recording.n_frames:
            warnings += (
                f"the movie of {recording.n_frames} frames is shorter than the detrending window "
                f"of {window.n}.",
            )
        function = partial(_detrended, window, recording.where)
        return with_both(
            recording,
            lambda movie, _: computed_movie((movie,), function, surroundings=window.before),
            warnings=warnings,
        )

    def thinning(self, recording: Recording) -> int:
        """Leave enough frames for a mean."""
        return max(1, MovingWindow.of_seconds(self.window, recording).n // PREVIEW_FRAMES)


def _detrended(
    window: MovingWindow, where: str, blocks: Blocks, start: int, keep: slice
) -> NDArray[np.generic]:
    block = blocks[0]
    check_finite(block, start, where)
    out = np.empty((keep.stop - keep.start, *block.shape[1:]), np.float32)
    for rows in row_tiles(block.shape[1:], len(block)):
        tile = block[:, rows]
        out[:, rows] = tile[keep] - window.means(tile, keep)
    return out
