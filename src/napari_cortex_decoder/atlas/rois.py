"""Regions of interest given as points: discs of one size, mirrored."""

from __future__ import annotations

from importlib import resources

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


def bundled_rois(stem: str) -> Atlas:
    """Return an atlas of discs that comes with the package, by the stem of its data file."""
    file = resources.files("napari_cortex_decoder.atlas") / "data" / f"{stem}.json"
    return read_rois(file.read_text(encoding="utf-8"), file.name)


def read_rois(text: str, where: str) -> Atlas:
    """Make an atlas of the text of a file of points, such as ``atlas/data/ajioka_50.json``.

    Raises AtlasError if it is not such a file, or is of a newer version.

    Returns
    -------
    Atlas
        In the order of the numbers of the ROIs, so that ``areas[i]`` is ROI i + 1.
    """
    data = parse_json(text, where, AtlasError)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise AtlasError(f"{where} is not a file of ROIs: its 'format' is not {FORMAT!r}.")
    check_version(where, data.get("version"), VERSION, AtlasError)
    turns = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    try:
        disc = float(data["radius_mm"]) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        numbered: dict[int, Area] = {}
        for roi in data["rois"]:
            for side, sign in _SIGNS.items():
                number = int(roi[side])
                numbered[number] = Area(
                    f"ROI {number}",
                    f"ROI {number} ({roi['group']})",
                    side,
                    np.array([sign * float(roi["x"]), float(roi["y"])]) + disc,
                )
        return Atlas(
            str(data["name"]),
            tuple(numbered[number] for number in sorted(numbered)),
            LANDMARKS,
            str(data["source"]),
            (str(data["warning"]),),
        )
    except AtlasError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AtlasError(
            f"{where} lacks a field or has one of the wrong type ({error!r}); "
            "compare it with the file that comes with the package."
        ) from error
