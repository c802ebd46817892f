"""An atlas of outlines that a user drew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from napari_cortex_decoder.atlas.area import Area, overlap_warnings, side_of
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS

DRAWN = "drawn"
"""Name of such an atlas."""


def draw_atlas(
    outlines: Iterable[tuple[str, ArrayLike]],
    landmarks: Mapping[str, tuple[float, float]] = LANDMARKS,
) -> Atlas:
    """Make an atlas of drawn outlines, acronyms and points (n, 2) in mm from bregma.

    What was drawn on a movie goes through `Registration.to_mm` first. The side follows from x: an
    outline that reaches across the midline by more than a tenth of its area is on ``"both"``. With
    landmarks, (x, y) in mm by name, it can be placed on the next mouse. It has a warning for each
    pair of outlines that overlap. Raises AtlasError if an outline bounds no area or crosses itself,
    or two of one side share their acronym.
    """
    areas = []
    for acronym, outline in outlines:
        points = np.asarray(outline, dtype=np.float64)
        areas.append(Area(acronym, acronym, side_of(points), points))
    return Atlas(DRAWN, tuple(areas), landmarks, "drawn by the user", overlap_warnings(areas))
