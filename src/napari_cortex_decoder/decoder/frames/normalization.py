"""From raw frames to the frames that the encoder sees: resampled, detrended, centred and scaled.

With session statistics one streaming pass gives each pixel's mean and the standard deviation of the
whole recording (Ajioka et al. 2024 normalise a session so), and a second one, while decoding,
applies them. Running statistics need no first pass: see `running`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.frames.detrending import Detrending, detrending_window
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.decoder.frames.running import RunningStatistics
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.movie_blocks import read_blocks
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.blocks import check_finite


@dataclass(frozen=True, eq=False)
class Statistics:
    """What one pass over a recording finds, on frames resampled for the encoder."""

    mean: Singles  # mean of each pixel over the session, shape (y, x), float32
    sd: float  # standard deviation of all frames, of the kind that ``Preprocessing.scale`` asks for
    resampling: Resampling  # from the recording's frames to images

    def apply(self, pixels: Singles) -> Singles:
        """Centre and scale resampled frames, shape (n, y, x), in place."""
        pixels -= self.mean
        pixels /= np.float32(self.sd)
        return pixels

    def normalize(self, frames: NDArray[np.number]) -> Singles:
        """Turn raw frames, shape (n, y, x), into shape (n, *image_size); margins are 0.

        Any frames in any order; detrended ones need theirs: see `normalized_frames`.
        """
        return self.resampling.pad(self.apply(self.resampling.resample(frames)))


class FrameStream:
    """The frames of one recording in order: resampled, checked, detrended."""

    def __init__(self, recording: Recording, preprocessing: Preprocessing) -> None:
        self.resampling = Resampling.of(recording, preprocessing.image_size)
        self._where = str(recording.path or recording.name)
        self._detrending = None
        if preprocessing.detrend_seconds is not None:
            window = detrending_window(preprocessing, recording.known_frame_rate())
            self._detrending = None if window is None else Detrending(window)

    def push(self, start: int, frames: NDArray[np.number]) -> Singles:
        """Take the block of frames, shape (n, y, x), that begins with frame `start`.

        Gives the next frames, shape (m, *inner_shape); fewer than were taken where a centred moving
        mean waits for later ones. Raises RecordingError if a pixel is NaN, infinite or beyond
        32-bit floats.
        """
        frames = self.resampling.measured(frames)
        check_finite(frames, start, self._where)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is told below
            pixels = self.resampling.resample(frames)
        if not np.issubdtype(frames.dtype, np.integer):
            finite = np.isfinite(pixels).all(axis=(1, 2))
            if not finite.all():
                raise RecordingError(
                    f"{self._where}: frame {start + int(np.argmin(finite))} has pixels beyond "
                    "32-bit floats; save the movie in smaller numbers."
                )
        return pixels if self._detrending is None else self._detrending.push(pixels)

    def finish(self) -> Singles:
        """Return the frames that are left at the end of the movie, shape (m, *inner_shape)."""
        if self._detrending is None:
            return np.empty((0, *self.resampling.inner_shape), np.float32)
        return self._detrending.finish()


class StatisticsAccumulator:
    """Gather the statistics of a recording, block by block, in double precision.

    Means and sums of squared deviations of blocks are merged (Chan, Golub & LeVeque 1983), so
    nothing cancels however large the offset is or however long the recording.
    """

    def __init__(self, recording: Recording, preprocessing: Preprocessing) -> None:
        self._where = str(recording.path or recording.name)
        self._scale = preprocessing.scale
        self._stream = FrameStream(recording, preprocessing)
        self._n = 0
        self._mean = np.zeros(self._stream.resampling.inner_shape)
        self._squares = np.zeros(self._stream.resampling.inner_shape)

    def update(self, start: int, frames: NDArray[np.number]) -> None:
        """Take in the block of frames, shape (n, y, x), that begins with frame `start`.

        Raises RecordingError if a pixel is NaN, infinite or beyond 32-bit floats.
        """
        self._add(self._stream.push(start, frames))

    def _add(self, pixels: Singles) -> None:
        n = len(pixels)
        if not n:
            return
        mean = pixels.mean(axis=0, dtype=np.float64)
        deviations = pixels - mean
        step = mean - self._mean
        self._squares += np.einsum("tyx,tyx->yx", deviations, deviations)
        self._squares += step**2 * (self._n * n / (self._n + n))
        self._n += n
        self._mean += step * (n / self._n)

    def result(self) -> Statistics:
        """Return the statistics, once all frames (at least one) were taken in.

        Raises RecordingError if they do not vary, so that there is nothing to scale by.
        """
        self._add(self._stream.finish())
        inside = self._stream.resampling.inside_mask
        variance = float(self._squares[inside].mean()) / self._n
        if self._scale == "movie-sd":
            variance += float(self._mean[inside].var())
        if not variance > 0:
            raise RecordingError(
                f"{self._where}: all frames of the movie are alike, so there is nothing to decode; "
                "check that the right file was exported."
            )
        return Statistics(self._mean.astype(np.float32), variance**0.5, self._stream.resampling)


def movie_statistics(recording: Recording, preprocessing: Preprocessing) -> Statistics:
    """Measure a recording in one streaming pass.

    Raises RecordingError if a pixel is NaN, infinite or beyond 32-bit floats (names the frame), or
    if nothing varies.
    """
    accumulator = StatisticsAccumulator(recording, preprocessing)
    for start, frames in read_blocks(recording.movie):
        accumulator.update(start, frames)
    return accumulator.result()


def normalized_frames(
    recording: Recording, preprocessing: Preprocessing, statistics: Statistics | None = None
) -> Iterator[Singles]:
    """Read a movie from first frame to last, as the encoder sees it: (n, *image_size) float32.

    Margins are 0. With running statistics the frames of the warm-up come too, though nothing should
    be predicted from them. `statistics` are those of the session, where they are known already.
    Raises RecordingError if a pixel is unusable, or if nothing varies.
    """
    scaling: Statistics | RunningStatistics
    stream = FrameStream(recording, preprocessing)
    if preprocessing.causal:
        warm_up = preprocessing.warm_up_frames(recording.known_frame_rate())
        scaling = RunningStatistics(
            str(recording.path or recording.name),
            preprocessing.scale,
            warm_up,
            stream.resampling.inside_mask,
        )
    else:
        scaling = statistics or movie_statistics(recording, preprocessing)
    for start, frames in read_blocks(recording.movie):
        if len(pixels := stream.push(start, frames)):
            yield stream.resampling.pad(scaling.apply(pixels))
    if len(pixels := stream.finish()):
        yield stream.resampling.pad(scaling.apply(pixels))
