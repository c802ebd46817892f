"""The atlas, and the registration: where it lies on a movie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas.area import Area, Side
from napari_cortex_decoder.atlas.fit import Residual, doubts, fit_landmarks, refuse_unknown
from napari_cortex_decoder.atlas.transform import (
    Transform,
    apply_affine,
    as_points,
    checked_matrices,
)
from napari_cortex_decoder.choices import FitKind
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import json_with, write_json

DIRECTION = "atlas mm (x, y) -> movie px (x, y)"
"""What the matrices of a registration map, in words: x is the column, y the row."""

REGISTRATION_FORMAT, REGISTRATION_VERSION = "cortex-registration", 1
"""Of the file that `Registration.save` writes."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """Areas and landmarks of a dorsal cortex in one frame: mm from bregma, y posterior.

    Attributes
    ----------
    name
        Short name, such as ``"dorsal-cortex"``.
    areas
        In the order of the label image: `areas[i]` is label i + 1.
    landmarks
        Position (x, y) in mm by name.
    source
        Where the outlines come from, for figures and files.
    warnings
        Sentences a user should read before relying on it.

    Raises
    ------
    AtlasError
        If there is no area, or two of one acronym on one side.
    """

    name: str
    areas: tuple[Area, ...]
    landmarks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    source: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that each area can be told from the others."""
        if not self.areas:
            raise AtlasError(f"atlas {self.name!r} has no areas; give at least one outline.")
        labels = [area.label for area in self.areas]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise AtlasError(
                f"atlas {self.name!r} has {twice[0]!r} more than once; rename one of them."
            )
        # A copy: a view of somebody's mapping may change, and some cannot go to another process.
        object.__setattr__(self, "landmarks", dict(self.landmarks))

    @cached_property
    def _index(self) -> dict[tuple[str, str], int]:
        return {(area.acronym, area.side): i for i, area in enumerate(self.areas)}

    @cached_property
    def largest_first(self) -> tuple[int, ...]:
        """Places in `areas` by falling size: the order to paint in, so that none is hidden."""
        sizes = [area.size for area in self.areas]
        return tuple(int(i) for i in np.argsort(sizes, kind="stable")[::-1])

    @property
    def acronyms(self) -> tuple[str, ...]:
        """Each acronym once, in the order of the areas."""
        return tuple(dict.fromkeys(area.acronym for area in self.areas))

    def index(self, acronym: str, side: Side) -> int:
        """Return the place of an area in `areas`; its label in a label image is one more.

        Raises AtlasError if there is no such area.
        """
        try:
            return self._index[acronym, side]
        except KeyError:
            raise AtlasError(
                f"atlas {self.name!r} has no area {acronym!r} on side {side!r}; "
                f"its areas are {', '.join(self.acronyms)}."
            ) from None

    def area(self, acronym: str, side: Side) -> Area:
        """Return one area by acronym and side. Raises AtlasError if there is none."""
        return self.areas[self.index(acronym, side)]

    def register(
        self,
        landmarks: Mapping[str, tuple[float, float]],
        *,
        kind: FitKind = "similarity",
        pixel_size: float | None = None,
        shape: tuple[int, int] | None = None,
    ) -> Registration:
        """Place the atlas on a movie by landmarks, by least squares over their distances in px.

        Parameters
        ----------
        landmarks
            (row, column) in px by name; names are those of `Atlas.landmarks`.
        kind
            ``"similarity"`` moves, turns and scales (2 landmarks or more); ``"affine"`` also
            shears and stretches (3); ``"hemispheres"`` stretches each hemisphere by itself and
            keeps them together along the midline (4, with one on each side).
        pixel_size
            Edge of a pixel in mm as the recording says, to compare the fitted scale with.
        shape
            Rows and columns of the movie, to refuse landmarks outside it.

        Returns
        -------
        Registration
            With `warnings` for a mirrored brain, an odd scale, stretch or rotation, and for
            landmarks far from their fit.

        Raises
        ------
        AtlasError
            If landmarks are unknown, too few, outside the movie, coincident, or on one line.
        """
        found = fit_landmarks(self.landmarks, landmarks, kind, atlas_name=self.name, shape=shape)
        px = dict(landmarks)
        placed = Registration(
            self, found.matrix, found.right_matrix, px, pixel_size, shape, method=kind
        )
        return placed.doubted(mirrored=found.mirrored)

    def as_data(self) -> dict[str, Any]:
        """Return it as what JSON can hold; `registration_file.atlas_from_data` reads it."""
        return {
            "name": self.name,
            "source": self.source,
            "warnings": list(self.warnings),
            "landmarks_x_y_mm": {name: list(place) for name, place in self.landmarks.items()},
            "areas": [area.as_data() for area in self.areas],
        }


@dataclass(frozen=True, eq=False)
class Registration(Transform):
    """An atlas placed on a movie.

    Attributes
    ----------
    atlas
        What is placed.
    matrix, right_matrix
        Atlas mm → movie px, as in `Transform`.
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
    matrix: Floats
    right_matrix: Floats | None = None
    landmarks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pixel_size: float | None = None
    shape: tuple[int, int] | None = None
    method: str = "affine"
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the way back exists."""
        refuse_unknown(self.atlas.landmarks, self.landmarks, self.atlas.name)
        matrix, right = checked_matrices(self.matrix, self.right_matrix)
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "right_matrix", right)

    @classmethod
    def upright(cls, atlas: Atlas, pixel_size: float, bregma: tuple[float, float]) -> Registration:
        """Place an atlas unturned, at `pixel_size` mm a pixel, with bregma at (row, column)."""
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise AtlasError(f"the pixel size is {pixel_size}; give a positive number of mm.")
        scale, (row, column) = 1 / pixel_size, bregma
        matrix = np.array([[scale, 0, column], [0, scale, row], [0, 0, 1]])
        return cls(atlas, matrix, pixel_size=pixel_size, method="upright")

    def doubted(self, *, mirrored: bool = False, before: tuple[str, ...] = ()) -> Registration:
        """Return it with warnings: some from before, and what is odd about it."""
        found = doubts(
            self, self.residuals(), pixel_size=self.pixel_size, mirrored=mirrored or self.mirrored
        )
        return replace(self, warnings=(*before, *found))

    def moved(self, matrix: Floats) -> Registration:
        """Move the whole placing, landmarks included, by a 3 × 3 matrix from px (x, y, 1) to px."""
        right = None if self.right_matrix is None else matrix @ self.right_matrix
        places = apply_affine(matrix, as_points([*self.landmarks.values()])[:, ::-1])[:, ::-1]
        landmarks = {
            name: (row, column)
            for name, (row, column) in zip(self.landmarks, places.tolist(), strict=True)
        }
        return replace(self, matrix=matrix @ self.matrix, right_matrix=right, landmarks=landmarks)

    def nudged(
        self, *, rows: float = 0.0, columns: float = 0.0, degrees: float = 0.0, zoom: float = 1.0
    ) -> Registration:
        """Move the whole placing by hand, landmarks included.

        Rows and columns are a shift on the movie in px, degrees a clockwise turn on screen about
        bregma, and zoom, over 0, a factor of size about it.
        """
        if not zoom > 0:
            raise AtlasError(f"zoom is {zoom}; give a factor over 0.")
        y, x = self.to_px([(0.0, 0.0)])[0]
        c, s = zoom * np.cos(np.radians(degrees)), zoom * np.sin(np.radians(degrees))
        turn = np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1]])
        turn[:2, 2] += columns, rows
        return self.moved(turn)

    def residuals(self) -> tuple[Residual, ...]:
        """Return, for each landmark, its distance from the fit in mm and in px."""
        px = as_points([*self.landmarks.values()])
        mm = as_points([self.atlas.landmarks[name] for name in self.landmarks])
        off_px = np.linalg.norm(self.to_px(mm) - px, axis=1)
        off_mm = np.linalg.norm(self.to_mm(px) - mm, axis=1)
        return tuple(
            Residual(name, float(a), float(b))
            for name, a, b in zip(self.landmarks, off_mm, off_px, strict=True)
        )

    def outlines(self) -> list[Floats]:
        """Return the outline of each area on the movie, each (n, 2) row, column in px."""
        rings = [self.along_midline(area.polygon) for area in self.atlas.areas]
        cuts = np.cumsum([len(ring) for ring in rings])[:-1]
        return np.split(self.to_px(np.concatenate(rings)), cuts)

    def label_image(self, shape: tuple[int, int]) -> NDArray[np.int32]:
        """Paint the areas on a frame of so many rows and columns, int32.

        0 where there is no area, i + 1 where ``atlas.areas[i]`` is. A pixel belongs to the area its
        centre lies in; on a shared border, or where outlines overlap, to the smaller one. Raises
        AtlasError if the registration was made on frames of another shape.
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

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write it as JSON with its atlas; what is no registration is replaced by `overwrite` only.

        Raises AtlasError if the folder cannot be written to.
        """
        right = self.right_matrix
        data = {
            "format": REGISTRATION_FORMAT,
            "version": REGISTRATION_VERSION,
            "direction": DIRECTION,
            "matrix": self.matrix.tolist(),
            "right_matrix": None if right is None else right.tolist(),
            "method": self.method,
            "landmarks_row_column_px": {n: list(p) for n, p in self.landmarks.items()},
            "pixel_size_mm": self.pixel_size,
            "movie_shape": self.shape and list(self.shape),
            "warnings": list(self.warnings),
            "atlas": self.atlas.as_data(),
        }
        kind = json_with("format", "direction", "matrix", "atlas")
        write_json(path, data, AtlasError, kind=kind, overwrite=overwrite)
