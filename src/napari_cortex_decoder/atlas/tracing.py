"""From a label image to outlines that share their borders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Bools
from napari_cortex_decoder.atlas.area import Area, Side
from napari_cortex_decoder.errors import AtlasError

if TYPE_CHECKING:
    import shapely

_ONE_SIDED = 0.9  # share of a label on one side of the midline that makes it an area of that side
_WORTH_SAYING = 0.05  # share of an area in pieces or holes, above which it is said


@dataclass(frozen=True)
class Named:
    """What a label stands for."""

    # as in `Area`
    acronym: str
    name: str
    # as in `Area`; None to tell it by the midline, splitting a label that lies on both sides
    side: Side | None = None


def trace_labels(
    image: NDArray[np.integer],
    names: Mapping[int, Named],
    *,
    pixel_size: tuple[float, float],
    bregma: tuple[float, float],
    where: str,
) -> tuple[tuple[Area, ...], tuple[str, ...]]:
    """Outline each label of an image, (y, x), neighbors along the same border; give sentences, too.

    Borders follow the pixel edges and are then straightened together (Visvalingam & Whyatt's method
    on a coverage, by GEOS), so that no gap opens between neighbors. An area is one closed outline:
    of a label in several pieces the largest is kept, and one that lost more than 5 % to pieces or
    holes is said. Labels that `names` lacks are left out; `pixel_size` is height and width in mm,
    `bregma` (row, column) in px. Raises AtlasError if none of the labels is in the image.
    """
    import shapely

    column_of_midline = bregma[1]
    keys: list[tuple[Named, Side]] = []
    shapes: list[shapely.Polygon] = []
    warnings: list[str] = []
    for label, named in names.items():
        whole = _covered(image == label)
        for side, part in _sides(whole, named.side, column_of_midline):
            polygons = [p for p in shapely.get_parts(part) if isinstance(p, shapely.Polygon)]
            largest = max(polygons, key=lambda p: p.area)
            kept = shapely.Polygon(largest.exterior)
            lost = part.symmetric_difference(kept).area / part.area
            if lost > _WORTH_SAYING:
                warnings.append(
                    f"{where}: {named.acronym} {side} is in pieces or has holes; its outline is "
                    f"that of the largest piece ({lost:.0%} differs)."
                )
            keys.append((named, side))
            shapes.append(kept)
    if not shapes:
        raise AtlasError(f"{where} holds none of the labels that its table names; check both.")
    # a neighbor's corner must be a point of both outlines for the border to be shared
    straight = shapely.coverage_simplify(shapely.segmentize(np.array(shapes), 1.0), 1.0)
    areas = []
    for (named, side), shape, exact in zip(keys, straight, shapes, strict=True):
        outline = shape if isinstance(shape, shapely.Polygon) and shape.is_valid else exact
        columns, rows = np.array(outline.exterior.coords)[:-1].T
        # the first pixel reaches from −0.5 to 0.5
        xy = np.stack([columns - 0.5 - bregma[1], rows - 0.5 - bregma[0]], axis=1)
        xy *= pixel_size[::-1]
        areas.append(Area(named.acronym, named.name, side, xy))
    return tuple(areas), tuple(warnings)


def _covered(mask: Bools) -> shapely.Geometry:
    """Return the ground that True pixels cover, each a unit square from its own index."""
    import shapely

    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    return shapely.union_all(shapely.box(starts, rows, stops, rows + 1))


def _sides(
    whole: shapely.Geometry, side: Side | None, bregma_column: float
) -> list[tuple[Side, shapely.Geometry]]:
    """Return the side of a label, or its two parts where it lies on both."""
    import shapely

    if whole.area == 0:
        return []
    if side is not None:
        return [(side, whole)]
    # a whole pixel edge, so that the halves keep sharing corners with their neighbors
    midline = float(np.round(bregma_column + 0.5))
    left, top, right, bottom = whole.bounds
    halves = {
        "left": whole.intersection(shapely.box(min(left, midline), top, midline, bottom)),
        "right": whole.intersection(shapely.box(midline, top, max(right, midline), bottom)),
    }
    for name, half in halves.items():
        if half.area > _ONE_SIDED * whole.area:
            return [(cast(Side, name), whole)]
    return [(cast(Side, name), half) for name, half in halves.items()]
