"""Detrending: take away what changes slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cortex_decoder.recording.gaps import check_finite
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie, row_tiles
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow
from napari_cortex_decoder.recording.preprocessing.step import PREVIEW_FRAMES, Step, Survey
from napari_cortex_decoder.recording.recording import Recording

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
    window: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 1000 / 30

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Detrend movie and reference."""
        window = MovingWindow.of_seconds(self.window, recording)
        warnings = recording.warnings
        if window.n > recording.n_frames:
            warnings += (
                f"the movie of {recording.n_frames} frames is shorter than the detrending window "
                f"of {window.n}.",
            )
        detrending = _Detrending(window, str(recording.path or recording.name))
        movies = {
            channel: computed_movie((movie,), detrending, surroundings=window.before)
            for channel, movie in (("movie", recording.movie), ("reference", recording.reference))
            if movie is not None
        }
        return recording.replace(**movies, warnings=warnings)

    def thinning(self, recording: Recording) -> int:
        """Leave enough frames for a mean."""
        return max(1, MovingWindow.of_seconds(self.window, recording).n // PREVIEW_FRAMES)


@dataclass(frozen=True)
class _Detrending:
    window: MovingWindow
    where: str

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        block = blocks[0]
        check_finite(block, start, self.where)
        out = np.empty((keep.stop - keep.start, *block.shape[1:]), np.float32)
        for rows in row_tiles(block.shape[1:], len(block), TILE_BYTES):
            tile = block[:, rows]
            out[:, rows] = tile[keep] - self.window.means(tile, keep)
        return out
