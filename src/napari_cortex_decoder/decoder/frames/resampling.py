"""Frames of any size, fitted into the images that the encoder takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Bools, Singles
from napari_cortex_decoder.movie_blocks import seen_pixels
from napari_cortex_decoder.recording import Recording


def _area_weights(n_in: int, n_out: int) -> Singles:
    """Return the (n_out, n_in) weights that average over the area each output pixel covers."""
    edges = np.linspace(0, n_in, n_out + 1)
    pixels = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _linear_weights(n_in: int, n_out: int) -> Singles:
    """Return the (n_out, n_in) weights of linear interpolation between pixel centres."""
    centers = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    distance = np.abs(centers[:, None] - np.arange(n_in))
    return np.asarray(np.clip(1 - distance, 0, None), dtype=np.float32)


class _Taps:
    """A weighted sum along one axis, of the few neighbours that each output needs."""

    def __init__(self, weights: Singles, axis: int) -> None:
        n_in = weights.shape[1]
        first = (weights > 0).argmax(axis=1)
        count = (weights > 0).sum(axis=1).max()
        self._axis = axis
        self._taps = []
        for position in first + np.arange(count)[:, None]:
            index = np.minimum(position, n_in - 1)
            weight = np.where(position < n_in, weights[np.arange(len(weights)), index], 0)
            shape = (-1, 1) if axis == 1 else (-1,)
            self._taps.append((index, weight.astype(np.float32).reshape(shape)))

    def __call__(self, frames: NDArray[np.number]) -> Singles:
        total: Singles | None = None
        for index, weight in self._taps:
            part = np.multiply(frames.take(index, self._axis), weight, dtype=np.float32)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None  # every output has at least one neighbour
        return total


class Resampling:
    """Fit frames of one shape into images of another, keeping their aspect.

    Shrinking averages over the area that an output pixel covers, by any factor; enlarging
    interpolates linearly, one axis after the other. (Libraries at hand average over whole pixels
    only: torch's adaptive pooling, Pillow's box filter, scikit-image's block_reduce.) What a frame
    does not fill of an image is margin on both sides. What is not `seen`, NaN or not, has no part
    in a pixel of an image; None: all is seen.
    """

    def __init__(
        self, shape: tuple[int, int], image_size: tuple[int, int], seen: Bools | None = None
    ) -> None:
        self.image_size = image_size
        factor = min(image_size[0] / shape[0], image_size[1] / shape[1])
        rows, columns = (max(1, round(size * factor)) for size in shape)
        self.inner_shape = rows, columns
        """Rows and columns that the frame fills."""
        top, left = (image_size[0] - rows) // 2, (image_size[1] - columns) // 2
        self.inside = slice(top, top + rows), slice(left, left + columns)
        """Rows and columns of an image that the frame fills; the rest is margin."""
        self._along: tuple[_Taps, _Taps] | None = None
        if self.inner_shape != shape:
            weights = _area_weights if factor < 1 else _linear_weights
            self._along = (
                _Taps(weights(shape[0], rows), axis=1),
                _Taps(weights(shape[1], columns), axis=2),
            )
        self._seen = None if seen is None or seen.all() else seen
        self._covered: Singles | None = None
        if self._seen is not None:
            self._covered = self._resampled(self._seen[None].astype(np.float32))

    @classmethod
    def of(cls, recording: Recording, image_size: tuple[int, int]) -> Resampling:
        """Return how the frames of a recording are fitted, without what is outside its mask."""
        return cls(recording.shape, image_size, seen_pixels(recording.movie))

    @property
    def inside_mask(self) -> Bools:
        """Which resampled pixels are not outside a mask, shape `inner_shape`."""
        if self._covered is None:
            return np.ones(self.inner_shape, bool)
        return np.asarray(self._covered[0] > 0)

    def resample(self, frames: NDArray[np.number]) -> Singles:
        """Resample frames, shape (n, y, x), to `inner_shape`; gives a new float32 array.

        What lies wholly outside a mask is 0.
        """
        if self._seen is None or self._covered is None:
            return self._resampled(frames)
        pixels = self._resampled(np.where(self._seen, frames, 0))
        return np.divide(pixels, self._covered, out=pixels, where=self._covered > 0)

    def measured(self, frames: NDArray[np.number]) -> NDArray[np.number]:
        """Return the pixels of frames, shape (n, y, x), that are not outside a mask; others 0."""
        return frames if self._seen is None else np.where(self._seen, frames, 0)

    def _resampled(self, frames: NDArray[np.number]) -> Singles:
        if self._along is None:
            return frames.astype(np.float32)
        rows, columns = self._along
        return columns(rows(frames))

    def pad(self, frames: Singles) -> Singles:
        """Put frames of `inner_shape` in the middle of images of `image_size`, zeros around."""
        if self.inner_shape == self.image_size:
            return frames
        images = np.zeros((len(frames), *self.image_size), np.float32)
        images[:, *self.inside] = frames
        return images
