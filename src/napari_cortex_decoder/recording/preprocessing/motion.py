"""Rigid motion correction: put each frame where the average one is."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cortex_decoder.recording.preprocessing.blocks import (
    Blocks,
    check_finite,
    computed_movie,
)
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey, with_both
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording

# Measured on a real and a simulated movie with 1 % noise: of high-pass widths of 3–10 pixels, with
# and without a Hann window, with and without whitening, these are off by 0.02 pixels, plain phase
# correlation by 0.06. Vessels carry the motion; brightness and the edges of the window do not.
VESSEL_PIXELS = 4.0
FAR = 0.05
AVERAGED_FRAMES, FEW_FRAMES = 64, 16  # to make the template; to preview it


class MotionCorrection(Step):
    """Shift each frame, by parts of a pixel, onto the average of the movie.

    The shift is where the frame's fine structure correlates best with that of the average
    (Guizar-Sicairos et al. 2008, Opt Lett 33:156, as scikit-image has it). The reference, whose
    frames are taken in turn with the movie's, is shifted alike. Pixels that come in from outside
    repeat the edge.

    Attributes
    ----------
    upsampling
        Shifts are found to 1/upsampling of a pixel.
    """

    name: ClassVar[str] = "motion-correction"
    only_pixels: ClassVar[bool] = True
    upsampling: Annotated[int, Field(ge=1, le=100)] = 20

    def apply(self, recording: Recording, survey: Survey) -> Recording:
        """Correct movie and reference; the shifts become traces of the recording."""
        movie = recording.movie
        where = recording.where
        averaged = AVERAGED_FRAMES if survey.around is None else FEW_FRAMES
        every = -(-recording.n_frames // averaged)
        sparse = movie[::every].compute()
        check_finite(sparse, 0, where, every=every)
        estimate = _Estimate.of_frames(sparse, self.upsampling)
        shifts, changes = None, {}
        if survey.around is None:
            parts = []
            with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
                for start, block in survey.blocks(movie, "motion"):
                    check_finite(block, start, where)
                    parts += list(threads.map(estimate, block))
            shifts = np.array(parts)
            changes = _told(recording, shifts)
        function = partial(_shifted_block, estimate, shifts)
        return with_both(recording, lambda m, _: computed_movie((m, movie), function), **changes)


@dataclass(frozen=True, eq=False)
class _Estimate:
    """Finds the shift (rows, columns) that puts a frame onto the template."""

    template: NDArray[np.complexfloating]
    upsampling: int

    @classmethod
    def of_frames(cls, frames: NDArray[Any], upsampling: int) -> _Estimate:
        """Make the template: the mean of the frames, and once more after they are aligned."""
        rough = cls(_spectrum(frames.mean(axis=0)), upsampling)
        aligned = [_shifted(frame, rough(frame)) for frame in frames]
        return cls(_spectrum(np.mean(aligned, axis=0)), upsampling)

    def __call__(self, frame: NDArray[Any]) -> NDArray[np.float64]:
        from skimage.registration import phase_cross_correlation

        shift, _, _ = phase_cross_correlation(
            self.template,
            _spectrum(frame),
            upsample_factor=self.upsampling,
            space="fourier",
            normalization=None,
        )
        return np.asarray(shift, np.float64)


def _spectrum(frame: NDArray[Any]) -> NDArray[np.complexfloating]:
    """Fourier transform of a frame's fine structure."""
    from scipy.fft import fft2
    from scipy.ndimage import gaussian_filter

    image = np.asarray(frame, np.float64)
    fine = image - gaussian_filter(image, VESSEL_PIXELS)
    rows, columns = (np.hanning(size + 2)[1:-1] for size in image.shape)
    return np.asarray(fft2(fine * rows[:, None] * columns))


def _shifted(frame: NDArray[Any], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    from scipy.ndimage import shift as shift_image

    image = np.asarray(frame, np.float32)
    if not shift.any():
        return image
    # cubic, because linear interpolation would blur by how far a frame is from a whole pixel, and
    # so turn motion into a change of noise
    return np.asarray(shift_image(image, shift, order=3, mode="nearest"))


def _shifted_block(
    estimate: _Estimate, shifts: NDArray[np.float64] | None, blocks: Blocks, start: int, keep: slice
) -> NDArray[np.generic]:
    frames, movie = blocks[0][keep], blocks[1][keep]
    if shifts is None:
        own = [estimate(frame) for frame in movie]
    else:
        own = list(shifts[start + keep.start : start + keep.stop])
    return np.stack([_shifted(frame, shift) for frame, shift in zip(frames, own, strict=True)])


def _told(recording: Recording, shifts: NDArray[np.float64]) -> dict[str, Any]:
    """Shifts as traces on the recording's clock, and a sentence if they are large."""
    changes: dict[str, Any] = {}
    if recording.frame_times is not None or recording.frame_rate is not None:
        trace = partial(BehaviorTrace, times=recording.times, unit="px")
        changes["behavior"] = {
            **recording.behavior,
            "shift rows": trace("shift rows", shifts[:, 0]),
            "shift columns": trace("shift columns", shifts[:, 1]),
        }
    far = (np.abs(shifts) > FAR * np.array(recording.shape)).any(axis=1)
    if far.any():
        changes["warnings"] = (
            *recording.warnings,
            f"{int(far.sum())} of {len(shifts)} frames were shifted by more than {FAR:.0%} of the "
            f"picture, first frame {int(np.flatnonzero(far)[0])}: see whether that is right.",
        )
    return changes
