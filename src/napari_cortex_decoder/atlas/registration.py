"""The registration: where the atlas lies on a movie, and in which direction the numbers go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.errors import AtlasError

FitKind = Literal["similarity", "affine", "hemispheres"]
"""What a fit may do: move, turn and scale; also shear; or shear each hemisphere by itself."""

DIRECTION = "atlas mm (x, y) -> movie px (x, y)"
"""What the matrices of a registration map, in words: x is the column, y the row."""


class Residual(NamedTuple):
    """How far a landmark lies from where the fit puts it."""

    name: str
    mm: float
    px: float


@dataclass(frozen=True, eq=False)
class Registration:
    """An atlas placed on a movie.

    Pixel (0, 0) has its *centre* at row 0, column 0, as in napari and scikit-image.

    Attributes
    ----------
    atlas
        What is placed.
    matrix
        Shape (3, 3): atlas (x, y, 1) in mm → movie (x, y, 1) in px, where x is the column.
    right_matrix
        The same for x > 0 where the hemispheres have a matrix each (`matrix` is then the left
        one); both agree on the midline. Else None.
    landmarks
        (row, column) in px of the landmarks it was fitted to, by name.
    pixel_size
        Edge of a pixel in mm as the recording says, or None.
    shape
        Rows and columns of the movie it was made on, or None where that is not known.
    method
        How it was made: a `FitKind`, ``"upright"``, ``"guess"``, or ``"imported from …"``.
    warnings
        Sentences that a user should read: mirrored, odd scale, ….

    Raises
    ------
    AtlasError
        If a matrix is no invertible affine transform.
    """

    atlas: Atlas
    matrix: NDArray[np.float64]
    right_matrix: NDArray[np.float64] | None = None
    landmarks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pixel_size: float | None = None
    shape: tuple[int, int] | None = None
    method: str = "affine"
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the way back exists."""
        unknown = [name for name in self.landmarks if name not in self.atlas.landmarks]
        if unknown:
            raise AtlasError(
                f"atlas {self.atlas.name!r} has no landmark {unknown[0]!r}; "
                f"it has {', '.join(self.atlas.landmarks) or 'none'}."
            )
        object.__setattr__(self, "matrix", _checked(self.matrix))
        if self.right_matrix is not None:
            object.__setattr__(self, "right_matrix", _checked(self.right_matrix))
            # x = 0 must land on one line, or a pixel near it would belong to both or none
            if not np.allclose(self.matrix[:, 1:], self.right_matrix[:, 1:], atol=1e-6):
                raise AtlasError(
                    "the matrices of the two hemispheres disagree on the midline; "
                    "fit them together."
                )

    @classmethod
    def upright(cls, atlas: Atlas, pixel_size: float, bregma: tuple[float, float]) -> Registration:
        """Place an atlas unturned, at `pixel_size` mm a pixel, with bregma at (row, column)."""
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise AtlasError(f"the pixel size is {pixel_size}; give a positive number of mm.")
        scale, (row, column) = 1 / pixel_size, bregma
        matrix = np.array([[scale, 0, column], [0, scale, row], [0, 0, 1]])
        return cls(atlas, matrix, pixel_size=pixel_size, method="upright")

    @property
    def matrices(self) -> tuple[NDArray[np.float64], ...]:
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

    def to_px(self, xy_mm: ArrayLike) -> NDArray[np.float64]:
        """Map atlas (x, y) in mm, shape (n, 2), to movie (row, column) in px, shape (n, 2)."""
        points = _points(xy_mm)
        px = _apply(self.matrix, points)
        if self.right_matrix is not None:
            right = points[:, 0] > 0
            px[right] = _apply(self.right_matrix, points[right])
        return px[:, ::-1]

    def to_mm(self, yx_px: ArrayLike) -> NDArray[np.float64]:
        """Map movie (row, column) in px, shape (n, 2), to atlas (x, y) in mm, shape (n, 2)."""
        points = _points(yx_px)[:, ::-1]
        mm = _apply(self._inverses[0], points)
        if self.right_matrix is not None:
            right = mm[:, 0] > 0
            mm[right] = _apply(self._inverses[1], points[right])
        return mm

    @cached_property
    def _inverses(self) -> tuple[NDArray[np.float64], ...]:
        return tuple(np.asarray(np.linalg.inv(m), dtype=np.float64) for m in self.matrices)

    def nudged(
        self,
        *,
        rows: float = 0.0,
        columns: float = 0.0,
        degrees: float = 0.0,
        zoom: float = 1.0,
    ) -> Registration:
        """Move the whole placing by hand, landmarks included.

        Parameters
        ----------
        rows, columns
            Shift on the movie in px.
        degrees
            Clockwise turn on screen about bregma.
        zoom
            Factor of size about bregma, over 0.
        """
        if not zoom > 0:
            raise AtlasError(f"zoom is {zoom}; give a factor over 0.")
        y, x = self.to_px([(0.0, 0.0)])[0]
        c, s = zoom * np.cos(np.radians(degrees)), zoom * np.sin(np.radians(degrees))
        turn = np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1]])
        turn[:2, 2] += columns, rows
        moved = {
            name: tuple(_apply(turn, _points([place[::-1]]))[0, ::-1].tolist())
            for name, place in self.landmarks.items()
        }
        right = None if self.right_matrix is None else turn @ self.right_matrix
        return replace(self, matrix=turn @ self.matrix, right_matrix=right, landmarks=moved)

    def residuals(self) -> tuple[Residual, ...]:
        """Give, for each landmark, its distance from the fit in mm and in px."""
        px = _points(list(self.landmarks.values()))
        mm = _points([self.atlas.landmarks[name] for name in self.landmarks])
        off_px = np.linalg.norm(self.to_px(mm) - px, axis=1)
        off_mm = np.linalg.norm(self.to_mm(px) - mm, axis=1)
        return tuple(
            Residual(name, float(a), float(b))
            for name, a, b in zip(self.landmarks, off_mm, off_px, strict=True)
        )

    def outlines(self) -> list[NDArray[np.float64]]:
        """Give the outline of each area on the movie, each (n, 2) row, column in px."""
        rings = [self._along_midline(area.polygon) for area in self.atlas.areas]
        cuts = np.cumsum([len(ring) for ring in rings])[:-1]
        return np.split(self.to_px(np.concatenate(rings)), cuts)

    def _along_midline(self, ring: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the points where a ring crosses x = 0, where hemispheres bend against each other."""
        x = ring[:, 0]
        if self.right_matrix is None or not (x.min() < 0 < x.max()):
            return ring
        following = np.roll(ring, -1, axis=0)
        places = np.flatnonzero(x * following[:, 0] < 0)
        share = (x / (x - following[:, 0]))[places, None]
        crossings = ring[places] + share * (following[places] - ring[places])
        crossings[:, 0] = 0
        return np.insert(ring, places + 1, crossings, axis=0)

    def label_image(self, shape: tuple[int, int]) -> NDArray[np.int32]:
        """Paint the areas on a frame.

        Parameters
        ----------
        shape
            Rows and columns.

        Returns
        -------
        numpy.ndarray
            Shape `shape`, int32: 0 where there is no area, i + 1 where ``atlas.areas[i]`` is. A
            pixel belongs to the area its centre lies in; on a shared border, or where outlines
            overlap, to the smaller one.

        Raises
        ------
        AtlasError
            If the registration was made on frames of another shape.
        """
        if self.shape is not None and tuple(shape) != self.shape:
            raise AtlasError(
                f"the registration was made on frames of {self.shape[0]} × {self.shape[1]} pixels, "
                f"these have {shape[0]} × {shape[1]}; use the registration of this movie."
            )
        from skimage.draw import polygon

        image = np.zeros(shape, dtype=np.int32)
        outlines = self.outlines()
        for i in self.atlas.largest_first:
            image[polygon(outlines[i][:, 0], outlines[i][:, 1], shape)] = i + 1
        return image

    def save(self, path: str | Path) -> None:
        """Write it as JSON with its atlas, direction by name; see `registration_file`."""
        from napari_cortex_decoder.atlas.registration_file import save_registration

        save_registration(self, path)


def _checked(matrix: ArrayLike) -> NDArray[np.float64]:
    """Give a read-only copy of an affine matrix that has an inverse."""
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


def _apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def _points(values: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise AtlasError(f"points have shape {points.shape}; give (n, 2).")
    return points
