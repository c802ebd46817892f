"""Filling gaps: pixels that are NaN or infinite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey
from napari_cortex_decoder.recording.recording import Recording


class FillGaps(Step):
    """Return a pixel that is NaN or infinite its own mean over the frames in which it is neither.

    The mean is what adds least: after ΔF/F, and in a decoder that looks at changes, it is 0. A
    pixel that was never measured, as outside a mask, becomes 0 in all frames.
    """

    name: ClassVar[str] = "fill-gaps"

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Fill movie and reference; how much that was is told."""
        movie, told = _filled(recording, recording.movie, "movie", survey)
        reference = recording.reference
        if reference is not None:
            reference, more = _filled(recording, reference, "reference", survey)
            told += more
        return recording.replace(
            movie=movie, reference=reference, warnings=(*recording.warnings, *told)
        )


@dataclass(frozen=True, eq=False)
class _Filling:
    """Puts the mean of a pixel, shape (y, x), into its gaps."""

    means: NDArray[np.floating]

    def __call__(self, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
        frames = blocks[0][keep]
        return np.where(np.isfinite(frames), frames, self.means)


def _filled(
    recording: Recording, movie: da.Array, channel: str, survey: Survey
) -> tuple[da.Array, tuple[str, ...]]:
    """Return the movie without gaps, and sentences about what was filled."""
    if np.issubdtype(movie.dtype, np.integer):
        return movie, ()
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
    filled = computed_movie((movie,), _Filling(means.astype(movie.dtype)), dtype=movie.dtype)
    if not frames_with_gaps:
        return filled, ()
    share = 1 - measured.mean() / n_frames
    return filled, (
        f"{share:.2%} of the {channel}'s pixels were NaN or infinite, in {frames_with_gaps} "
        "frames; each is filled with its mean over time.",
    )
