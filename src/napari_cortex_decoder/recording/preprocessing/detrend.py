"""Detrending: take away what changes slowly."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.gaps import check_finite
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie, row_tiles
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow
from napari_cortex_decoder.recording.preprocessing.step import (
    PREVIEW_FRAMES,
    Step,
    Survey,
    with_both,
)
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.settings import Seconds

TILE_BYTES = 64 * 2**20


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
        function = partial(_detrended, window, str(recording.path or recording.name))
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
    for rows in row_tiles(block.shape[1:], len(block), TILE_BYTES):
        tile = block[:, rows]
        out[:, rows] = tile[keep] - window.means(tile, keep)
    return out
