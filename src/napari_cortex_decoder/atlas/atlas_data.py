"""An atlas as plain data, for JSON files that carry one."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cortex_decoder.atlas.atlas import Area, Atlas


def atlas_as_data(atlas: Atlas) -> dict[str, Any]:
    """Give an atlas as what JSON can hold."""
    return {
        "name": atlas.name,
        "source": atlas.source,
        "warnings": list(atlas.warnings),
        "landmarks_x_y_mm": {name: list(place) for name, place in atlas.landmarks.items()},
        "areas": [
            {
                "acronym": area.acronym,
                "name": area.name,
                "side": area.side,
                "outline_x_y_mm": area.polygon.tolist(),
            }
            for area in atlas.areas
        ],
    }


def atlas_from_data(data: dict[str, Any]) -> Atlas:
    """Make an atlas of what `atlas_as_data` gave.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a field is missing or of the wrong type; `AtlasError` if the outlines are unusable.
    """
    return Atlas(
        str(data["name"]),
        tuple(
            Area(
                str(area["acronym"]),
                str(area["name"]),
                area["side"],
                np.asarray(area["outline_x_y_mm"], dtype=np.float64),
            )
            for area in data["areas"]
        ),
        {str(n): (float(x), float(y)) for n, (x, y) in data["landmarks_x_y_mm"].items()},
        str(data["source"]),
        tuple(str(sentence) for sentence in data["warnings"]),
    )
