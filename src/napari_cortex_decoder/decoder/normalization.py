"""From raw frames to the frames that the encoder sees: resampled, centred and scaled.

One streaming pass gives each pixel's mean and the standard deviation of the whole recording
(Ajioka et al. 2024 normalise a session so); a second one, while decoding, applies them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.resampling import Resampling
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording


@dataclass(frozen=True, eq=False)
class Statistics:
    """What one pass over a recording finds, on frames resampled for the encoder.

    Attributes
    ----------
    mean
        Mean of each pixel over the session, shape (y, x), float32.
    sd
        Standard deviation of all frames, of the kind that ``Preprocessing.scale`` asks for.
    resampling
        From the recording's frames to images.
    """

    mean: NDArray[np.float32]
    sd: float
    resampling: Resampling

    def normalize(self, frames: NDArray[np.number]) -> NDArray[np.float32]:
        """Turn raw frames, shape (n, y, x), into shape (n, *image_size); margins are 0."""
        pixels = self.resampling.resample(frames)
        pixels -= self.mean
        pixels /= np.float32(self.sd)
        return self.resampling.pad(pixels)


class StatisticsAccumulator:
    """Gather the statistics of a recording, block by block, in double precision.

    Means and sums of squared deviations of blocks are merged (Chan, Golub & LeVeque 1983), so
    nothing cancels however large the offset is or however long the recording.
    """

    def __init__(self, recording: Recording, preprocessing: Preprocessing) -> None:
        self._where = str(recording.path or recording.name)
        self._scale = preprocessing.scale
        self._resampling = Resampling(recording.shape, preprocessing.image_size)
        self._n = 0
        self._mean = np.zeros(self._resampling.inner_shape)
        self._squares = np.zeros(self._resampling.inner_shape)

    def update(self, start: int, frames: NDArray[np.number]) -> None:
        """Take in the block of frames, shape (n, y, x), that begins with frame `start`.

        Raises
        ------
        RecordingError
            If a pixel is NaN, infinite or beyond 32-bit floats.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is told below
            pixels = self._resampling.resample(frames)
        if not np.issubdtype(frames.dtype, np.integer):
            finite = np.isfinite(pixels).all(axis=(1, 2))
            if not finite.all():
                raise RecordingError(
                    f"{self._where}: frame {start + int(np.argmin(finite))} has pixels that are "
                    "NaN, infinite or beyond 32-bit floats; repair the frame or crop it away."
                )
        n = len(pixels)
        mean = pixels.mean(axis=0, dtype=np.float64)
        deviations = pixels - mean
        step = mean - self._mean
        self._squares += np.einsum("tyx,tyx->yx", deviations, deviations)
        self._squares += step**2 * (self._n * n / (self._n + n))
        self._n += n
        self._mean += step * (n / self._n)

    def result(self) -> Statistics:
        """Give the statistics of all frames so far (at least one).

        Raises
        ------
        RecordingError
            If they do not vary, so that there is nothing to scale by.
        """
        variance = float(self._squares.mean()) / self._n
        if self._scale == "movie-sd":
            variance += float(self._mean.var())
        if not variance > 0:
            raise RecordingError(
                f"{self._where}: all frames of the movie are alike, so there is nothing to decode; "
                "check that the right file was exported."
            )
        return Statistics(self._mean.astype(np.float32), variance**0.5, self._resampling)


def movie_statistics(recording: Recording, preprocessing: Preprocessing) -> Statistics:
    """Measure a recording in one streaming pass.

    Raises
    ------
    RecordingError
        If a pixel is NaN, infinite or beyond 32-bit floats (names the frame), or if nothing
        varies.
    """
    accumulator = StatisticsAccumulator(recording, preprocessing)
    for start, frames in read_blocks(recording.movie):
        accumulator.update(start, frames)
    return accumulator.result()
