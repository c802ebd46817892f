"""From atlas millimetres to movie pixels and back: one affine, or one for each hemisphere."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.errors import AtlasError


class Transform:
    """The mapping by the matrices of whoever inherits it.

    Pixel (0, 0) has its *centre* at row 0, column 0, as in napari and scikit-image.
    """

    # shape (3, 3): atlas (x, y, 1) in mm → movie (x, y, 1) in px, where x is the column
    matrix: Floats
    # the same for x > 0 where the hemispheres have a matrix each (`matrix` is then the left one);
    # both agree on the midline. Else None
    right_matrix: Floats | None

    @property
    def matrices(self) -> tuple[Floats, ...]:
        """The matrix, or those of the left and the right hemisphere."""
        return (self.matrix,) if self.right_matrix is None else (self.matrix, self.right_matrix)

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged on the movie."""
        return any(np.linalg.det(m[:2, :2]) < 0 for m in self.matrices)

    @property
    def scale(self) -> float:
        """Pixels a mm: the square root of the area of 1 mm² on the movie."""
        return float(np.sqrt(np.mean([abs(np.linalg.det(m[:2, :2])) for m in self.matrices])))

    @property
    def rotation(self) -> float:
        """Clockwise turn on screen of the midline against the columns, in degrees (−180, 180]."""
        down = self.matrix[:2, 1]
        return float(np.degrees(np.arctan2(-down[0], down[1])))

    def to_px(self, xy_mm: ArrayLike) -> Floats:
        """Map atlas (x, y) in mm, shape (n, 2), to movie (row, column) in px, shape (n, 2)."""
        points = as_points(xy_mm)
        px = apply_affine(self.matrix, points)
        if self.right_matrix is not None:
            right = points[:, 0] > 0
            px[right] = apply_affine(self.right_matrix, points[right])
        return px[:, ::-1]

    def to_mm(self, yx_px: ArrayLike) -> Floats:
        """Map movie (row, column) in px, shape (n, 2), to atlas (x, y) in mm, shape (n, 2)."""
        points = as_points(yx_px)[:, ::-1]
        mm = apply_affine(self._inverses[0], points)
        if self.right_matrix is not None:
            right = mm[:, 0] > 0
            mm[right] = apply_affine(self._inverses[1], points[right])
        return mm

    @cached_property
    def _inverses(self) -> tuple[Floats, ...]:
        return tuple(np.asarray(np.linalg.inv(m), dtype=np.float64) for m in self.matrices)

    def along_midline(self, ring: Floats) -> Floats:
        """Add to a ring, (n, 2) mm, the points where it crosses the midline and may bend."""
        x = ring[:, 0]
        if self.right_matrix is None or not (x.min() < 0 < x.max()):
            return ring
        following = np.roll(ring, -1, axis=0)
        places = np.flatnonzero(x * following[:, 0] < 0)
        share = (x / (x - following[:, 0]))[places, None]
        crossings = ring[places] + share * (following[places] - ring[places])
        crossings[:, 0] = 0
        return np.insert(ring, places + 1, crossings, axis=0)


def checked_matrices(
    matrix: ArrayLike, right_matrix: ArrayLike | None
) -> tuple[Floats, Floats | None]:
    """Return read-only copies of the matrices of a `Transform`.

    Raises AtlasError if one is no invertible affine matrix, or the two disagree on the midline.
    """
    whole = _checked(matrix)
    if right_matrix is None:
        return whole, None
    right = _checked(right_matrix)
    # x = 0 must land on one line, or a pixel near it would belong to both or none
    if not np.allclose(whole[:, 1:], right[:, 1:], atol=1e-6):
        raise AtlasError(
            "the matrices of the two hemispheres disagree on the midline; fit them together."
        )
    return whole, right


def _checked(matrix: ArrayLike) -> Floats:
    """Return a read-only copy of an affine matrix that has an inverse."""
    values = np.array(matrix, dtype=np.float64)
    if values.shape != (3, 3) or not np.isfinite(values).all():
        raise AtlasError(
            f"a registration has a matrix of shape {values.shape} or with values that are not "
            "finite; give 3 × 3 numbers."
        )
    if not np.allclose(values[2], (0, 0, 1)):
        raise AtlasError(
            "the last row of a registration's matrix is not (0, 0, 1); it must be affine."
        )
    stretches = np.linalg.svd(values[:2, :2], compute_uv=False)
    if stretches[1] <= 1e-9 * max(stretches[0], 1.0):
        raise AtlasError(
            "a registration's matrix squeezes the atlas onto a line; "
            "use landmarks that do not lie on one line."
        )
    values.flags.writeable = False
    return values


def apply_affine(matrix: Floats, points: Floats) -> Floats:
    """Map points, shape (n, 2), by a 3 × 3 matrix."""
    mapped: Floats = points @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def as_points(values: ArrayLike) -> Floats:
    """Return points as shape (n, 2), float; `AtlasError` if they have another shape."""
    points = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise AtlasError(f"points have shape {points.shape}; give (n, 2).")
    return points
