"""Filling gaps: pixels that are NaN or infinite."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey, with_both
from napari_cortex_decoder.recording.recording import Recording


class FillGaps(Step):
    """Return a pixel that is NaN or infinite its own mean over the frames in which it is neither.

    The mean is what adds least: after ΔF/F, and in a decoder that looks at changes, it is 0. A
    pixel that was never measured, as outside a mask, becomes 0 in all frames.
    """

    name: ClassVar[str] = "fill-gaps"

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Fill movie and reference; how much that was is told."""
        told: list[str] = []
        done = with_both(recording, lambda movie, c: _filled(recording, movie, c, survey, told))
        return done.replace(warnings=(*recording.warnings, *told))


def _without_gaps(
    means: NDArray[np.floating], blocks: Blocks, start: int, keep: slice
) -> NDArray[np.generic]:
    """Put the mean of a pixel, shape (y, x), into its gaps."""
    frames = blocks[0][keep]
    return np.where(np.isfinite(frames), frames, means)


def _filled(
    recording: Recording, movie: da.Array, channel: str, survey: Survey, told: list[str]
) -> da.Array:
    """Return the movie without gaps; what was filled is `told`."""
    if np.issubdtype(movie.dtype, np.integer):
        return movie
    total = np.zeros(movie.shape[1:])
    measured = np.zeros(movie.shape[1:], np.int64)
    n_frames, frames_with_gaps = 0, 0
    for _, block in survey.blocks(movie, f"gaps of the {channel}"):
        finite = np.isfinite(block)
        total += np.sum(block, axis=0, dtype=np.float64, where=finite)
        measured += finite.sum(axis=0)
        n_frames += len(block)
        frames_with_gaps += int((~finite.all(axis=(1, 2))).sum())
    where = recording.path or recording.name
    if not measured.any():
        raise RecordingError(
            f"{where}: the {channel} is NaN or infinite everywhere, so there is nothing to fill "
            "its gaps with; export it again."
        )
    means = np.divide(total, measured, out=np.zeros(total.shape), where=measured > 0)
    filling = partial(_without_gaps, means.astype(movie.dtype))
    filled = computed_movie((movie,), filling, dtype=movie.dtype)
    if frames_with_gaps:
        told.append(
            f"{1 - measured.mean() / n_frames:.2%} of the {channel}'s pixels were NaN or infinite, "
            f"in {frames_with_gaps} frames; each is filled with its mean over time."
        )
    return filled
