"""Regions of interest given as points: discs of one size, mirrored."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.atlas.area import Area, Side
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import check_version, parse_json

FORMAT = "cortex-atlas-rois"
VERSION = 1
_CORNERS = 24
_SIGNS: dict[Side, int] = {"left": -1, "right": 1}


def read_rois(text: str, where: str) -> Atlas:
    """Make an atlas of the text of a file of points, such as ``atlas/data/ajioka_50.json``.

    Raises AtlasError if it is not such a file, or is of a newer version. ``areas[i]`` is ROI i + 1.
    """
    data = parse_json(text, where, AtlasError)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise AtlasError(f"{where} is not a file of ROIs: its 'format' is not {FORMAT!r}.")
    check_version(where, data.get("version"), VERSION, AtlasError)
    turns = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    disc = float(data["radius_mm"]) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    numbered: dict[int, Area] = {}
    for roi in data["rois"]:
        for side, sign in _SIGNS.items():
            number = int(roi[side])
            center = np.array([sign * float(roi["x"]), float(roi["y"])])
            name = f"ROI {number}"
            numbered[number] = Area(name, f"{name} ({roi['group']})", side, center + disc)
    areas = tuple(numbered[number] for number in sorted(numbered))
    said = (str(data["warning"]),)
    return Atlas(str(data["name"]), areas, LANDMARKS, str(data["source"]), said)
