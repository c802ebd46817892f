"""Areas: named outlines in millimetres from bregma, and on which side they lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.errors import AtlasError

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
    polygon: Floats

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

    def as_data(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "acronym": self.acronym,
            "name": self.name,
            "side": self.side,
            "outline_x_y_mm": self.polygon.tolist(),
        }


def _refuse_self_crossing(label: str, points: Floats) -> None:
    import shapely

    polygon = shapely.Polygon(points)
    if not shapely.is_valid(polygon):
        raise AtlasError(
            f"the outline of {label} crosses or touches itself "
            f"({shapely.is_valid_reason(polygon)} mm); redraw it there."
        )
    if polygon.area <= 0:
        raise AtlasError(f"the outline of {label} encloses nothing; draw it around an area.")


def side_of(points: Floats) -> Side:
    """Return on which side of the midline (x = 0) an outline lies, shape (n, 2) mm."""
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
