"""Reading the project's own outlines: one hemisphere as nodes and shared arcs, mirrored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas.area import Area
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import check_version, parse_json

FORMAT = "cortex-atlas-outlines"
VERSION = 1


def read_outlines(text: str, where: str) -> Atlas:
    """Make an atlas of the text of an outlines file, such as ``atlas/data/dorsal_cortex.json``.

    Left and right of each area follow each other, exact mirror images. Raises AtlasError if it is
    not such a file, is of a newer version, or its arcs do not close.
    """
    data = parse_json(text, where, AtlasError)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise AtlasError(f"{where} is not an outlines file: its 'format' is not {FORMAT!r}.")
    check_version(where, data.get("version"), VERSION, AtlasError)
    try:
        areas = [
            area
            for acronym, about in data["areas"].items()
            for area in _both_sides(acronym, str(about["name"]), _ring(data, acronym, where))
        ]
        return Atlas(str(data["name"]), tuple(areas), LANDMARKS, str(data["source"]))
    except AtlasError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AtlasError(
            f"{where} lacks a field or has one of the wrong type ({error}); "
            "compare it with the outlines file that comes with the package."
        ) from error


def _ring(data: dict[str, Any], acronym: str, where: str) -> Floats:
    """Chain the arcs around one area end to end into an open ring, shape (n, 2)."""
    pending = [
        (arc["from"], arc["to"], [data["nodes"][arc["from"]], *arc["via"]])
        for arc in data["arcs"]
        if acronym in arc["between"]
    ]
    start, node, points = pending.pop(0) if pending else ("", None, [])
    while node != start:
        step = next((arc for arc in pending if node in arc[:2]), None)
        if step is None:
            raise AtlasError(
                f"{where}: the arcs around {acronym} do not close at node {node!r}; "
                "each node of an area joins two of its arcs."
            )
        pending.remove(step)
        if step[0] == node:
            points, node = [*points, *step[2]], step[1]
        else:
            points, node = [*points, data["nodes"][node], *reversed(step[2][1:])], step[0]
    if pending or not points:
        raise AtlasError(
            f"{where}: {len(pending)} arcs of {acronym} are not part of its outline; "
            "an area is one closed ring of arcs."
        )
    return np.asarray(points, dtype=np.float64)


def _both_sides(acronym: str, name: str, right: Floats) -> Iterable[Area]:
    # reversed, so that left and right run round the same way on screen
    yield Area(acronym, name, "left", (right * (-1.0, 1.0))[::-1])
    yield Area(acronym, name, "right", right)
