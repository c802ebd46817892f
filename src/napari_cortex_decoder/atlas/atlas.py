"""The atlas: named areas of the cortex as outlines in millimetres from bregma."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.errors import AtlasError

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas.registration import FitKind, Registration

Side = Literal["left", "right", "both"]
"""Hemisphere of an area; ``"both"`` for one that crosses the midline."""


@dataclass(frozen=True, eq=False)
class Area:
    """One named region on one side.

    Attributes
    ----------
    acronym
        Short name, such as ``"SSp-ul"``; unique within its side.
    name
        Name in words.
    side
        ``"left"``, ``"right"``, or ``"both"`` for an area across the midline.
    polygon
        Shape (n, 2), float: x to the right and y posterior of bregma, mm. Not closed: the last
        point is not the first again.

    Raises
    ------
    AtlasError
        If the outline has fewer than three points, is not finite, or crosses itself.
    """

    acronym: str
    name: str
    side: Side
    polygon: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Take a closed ring as well as an open one, and check that it bounds an area."""
        points = np.array(self.polygon, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise AtlasError(
                f"the outline of {self.label} has shape {points.shape} or values that are not "
                "finite; give points as (n, 2) numbers."
            )
        if len(points) > 1 and (points[0] == points[-1]).all():
            points = points[:-1]
        if len(points) < 3:
            raise AtlasError(
                f"the outline of {self.label} has {len(points)} points; draw at least three."
            )
        if self.side not in ("left", "right", "both"):
            raise AtlasError(
                f"area {self.acronym} is on side {self.side!r}; use 'left', 'right' or 'both'."
            )
        _refuse_self_crossing(self.label, points)
        points.flags.writeable = False
        object.__setattr__(self, "polygon", points)

    @property
    def size(self) -> float:
        """Enclosed area in mm² (shoelace formula)."""
        x, y = self.polygon.T
        return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)

    @property
    def label(self) -> str:
        """Acronym and side, as shown: ``"MOs left"``."""
        return self.acronym if self.side == "both" else f"{self.acronym} {self.side}"


def _refuse_self_crossing(label: str, points: NDArray[np.float64]) -> None:
    import shapely

    polygon = shapely.Polygon(points)
    if not shapely.is_valid(polygon):
        raise AtlasError(
            f"the outline of {label} crosses or touches itself "
            f"({shapely.is_valid_reason(polygon)} mm); redraw it there."
        )
    if polygon.area <= 0:
        raise AtlasError(f"the outline of {label} encloses nothing; draw it around an area.")


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
        """Give the place of an area in `areas`; its label in a label image is one more.

        Raises
        ------
        AtlasError
            If there is no such area.
        """
        try:
            return self._index[acronym, side]
        except KeyError:
            raise AtlasError(
                f"atlas {self.name!r} has no area {acronym!r} on side {side!r}; "
                f"its areas are {', '.join(self.acronyms)}."
            ) from None

    def area(self, acronym: str, side: Side) -> Area:
        """Give one area by acronym and side.

        Raises
        ------
        AtlasError
            If there is no such area.
        """
        return self.areas[self.index(acronym, side)]

    def register(
        self,
        landmarks: Mapping[str, tuple[float, float]],
        kind: FitKind = "similarity",
        *,
        pixel_size: float | None = None,
        shape: tuple[int, int] | None = None,
    ) -> Registration:
        """Place the atlas on a movie by landmarks; see `fit.register`."""
        from napari_cortex_decoder.atlas.fit import register

        return register(self, landmarks, kind, pixel_size=pixel_size, shape=shape)

    @classmethod
    def from_polygons(
        cls,
        polygons: Mapping[str, ArrayLike],
        *,
        name: str = "drawn",
        landmarks: Mapping[str, tuple[float, float]] | None = None,
        source: str = "drawn by the user",
    ) -> Atlas:
        """Make an atlas of outlines that a user drew.

        Parameters
        ----------
        polygons
            Shape (n, 2) by name, mm: x to the right, y posterior of bregma. Outlines drawn on a
            movie go through `Registration.to_mm` first. The side follows from x: an outline that
            reaches across the midline by more than a tenth of its area is on ``"both"``.
        name, landmarks, source
            As in `Atlas`; the landmarks of the dorsal cortex by default, so that outlines drawn on
            one mouse can be placed on the next.
        """
        areas = tuple(
            Area(acronym, acronym, side_of(np.asarray(points, dtype=np.float64)), points)  # type: ignore[arg-type]
            for acronym, points in polygons.items()
        )
        places = LANDMARKS if landmarks is None else landmarks
        return cls(name, areas, places, source, overlap_warnings(areas))


def side_of(points: NDArray[np.float64]) -> Side:
    """Tell on which side of the midline (x = 0) an outline lies, shape (n, 2) mm."""
    import shapely

    outline = shapely.make_valid(shapely.Polygon(points)) if len(points) > 2 else None
    if outline is None or outline.area == 0:
        return "both"
    low, high = float(points[:, 1].min()), float(points[:, 1].max())
    reach = float(np.abs(points[:, 0]).max())
    right = outline.intersection(shapely.box(0.0, low, reach, high)).area / outline.area
    return "right" if right > 0.9 else "left" if right < 0.1 else "both"


def overlap_warnings(areas: Iterable[Area]) -> tuple[str, ...]:
    """Name the pairs of areas that overlap by more than 1 % of the smaller one."""
    import shapely

    areas = tuple(areas)
    if len(areas) < 2:
        return ()
    shapes = [shapely.Polygon(area.polygon) for area in areas]
    tree = shapely.STRtree(shapes)
    found = []
    for i, j in zip(*tree.query(shapes, predicate="overlaps"), strict=True):
        if i < j and shapes[i].intersection(shapes[j]).area > 0.01 * min(
            shapes[i].area, shapes[j].area
        ):
            found.append(
                f"{areas[i].label} and {areas[j].label} overlap; shared pixels go to the smaller."
            )
    return tuple(found)
