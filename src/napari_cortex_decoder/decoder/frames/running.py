"""Statistics of the frames up to now: what a decoder may know that runs beside an experiment."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.arrays import Bools, Singles
from napari_cortex_decoder.errors import RecordingError


class RunningStatistics:
    """Normalise each frame by the mean and the SD of all frames up to and with it.

    Sums of squared deviations are updated frame by frame (Welford 1962), in double precision. The
    `warm_up` at the beginning may be all alike; `inside`, (y, x), are the pixels not outside a
    mask.
    """

    def __init__(self, where: str, scale: str, warm_up: int, inside: Bools | None = None) -> None:
        self._where = where
        self._scale = scale
        self._warm_up = warm_up
        self._inside = inside
        self._n = 0
        self._mean = np.zeros(())
        self._squares = 0.0

    def apply(self, pixels: Singles) -> Singles:
        """Normalise the next frames, shape (n, y, x), in place.

        Raises RecordingError if nothing has varied by the end of the warm-up.
        """
        reference = self._mean if self._n else pixels[0].astype(np.float64)
        counts = np.arange(self._n + 1, self._n + len(pixels) + 1, dtype=np.float64)
        deviations = pixels - reference
        steps = np.cumsum(deviations, axis=0)  # of the mean, away from the reference
        steps /= counts[:, None, None]
        deviations -= steps
        # Welford's product of the deviations from the mean before a frame and the mean after it
        gained = np.einsum("tyx,tyx->t", deviations, deviations)
        gained[counts == 1] = 0
        gained *= counts / np.maximum(counts - 1, 1)
        squares = self._squares + np.cumsum(gained)
        inside = np.ones(pixels.shape[1:], bool) if self._inside is None else self._inside
        variance = squares / (counts * inside.sum())
        if self._scale == "movie-sd":
            variance = variance + (reference + steps)[:, inside].var(axis=1)
        still = (counts > self._warm_up) & ~(variance > 0)
        if still.any():
            raise RecordingError(
                f"{self._where}: its first {int(counts[still][0])} frames are all alike, so there "
                "is nothing to decode; crop them away, or check that the right file was exported."
            )
        sd = np.sqrt(np.where(variance > 0, variance, 1.0))
        pixels[:] = deviations / sd[:, None, None]
        self._n += len(pixels)
        self._mean = reference + steps[-1]
        self._squares = float(squares[-1])
        return pixels
