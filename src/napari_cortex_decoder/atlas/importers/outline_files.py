"""Outlines in files: this project's own, wfield's labels, GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas import outlines, rois
from napari_cortex_decoder.atlas.area import Area, Side, overlap_warnings, side_of
from napari_cortex_decoder.atlas.atlas import Atlas
from napari_cortex_decoder.atlas.landmarks import LANDMARKS
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import parse_json, read_bytes
from napari_cortex_decoder.reading import reads


@reads("outlines", AtlasError)
def read_outline_file(path: str | Path) -> Atlas:
    """Read an atlas from JSON, told apart by its content.

    It is this project's outlines or ROIs; wfield's ``…_ccf_labels.json``, a list of areas with
    ``left_x``, ``left_y``, ``right_x``, ``right_y`` in mm from bregma (Couto et al. 2021); or a
    GeoJSON FeatureCollection of (Multi)Polygons in mm from bregma, x to the right, y posterior,
    whose properties name the area in ``acronym`` (or ``name``, ``label``, ``id``) and may give its
    ``side``. Raises AtlasError if it is none of these, or its outlines are unusable.
    """
    path = Path(path)
    content = read_bytes(path, AtlasError)
    data = parse_json(content, str(path), AtlasError)
    if isinstance(data, list):
        return _wfield(data, path)
    kind = data.get("format", data.get("type")) if isinstance(data, dict) else None
    if kind == outlines.FORMAT:
        return outlines.read_outlines(content.decode("utf-8"), str(path))
    if kind == rois.FORMAT:
        return rois.read_rois(content.decode("utf-8"), str(path))
    if kind == "FeatureCollection":
        return _geojson(data, path)
    raise AtlasError(
        f"{path} is no file of outlines; give this program's, wfield's ccf_labels or GeoJSON."
    )


def _wfield(records: list[Any], path: Path) -> Atlas:
    areas: list[Area] = []
    for number, record in enumerate(records):
        for side in ("left", "right"):
            try:
                acronym = str(record["acronym"])
                ring = np.stack(
                    [np.asarray(record[f"{side}_{axis}"], dtype=np.float64) for axis in "xy"],
                    axis=1,
                )
                name = str(record.get("name", acronym))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise AtlasError(
                    f"{path}, area {number}: no outline in {side}_x and {side}_y ({error!r}); "
                    "give wfield's ccf_labels.json."
                ) from error
            areas.append(_area(path, acronym, name, side, ring))
    return Atlas(path.stem, tuple(areas), LANDMARKS, f"wfield {path.name} (Allen CCF)")


def _geojson(data: dict[str, Any], path: Path) -> Atlas:
    areas: list[Area] = []
    warnings: list[str] = []
    features = data.get("features")
    for number, feature in enumerate(features if isinstance(features, list) else []):
        where = f"{path}, feature {number}"
        acronym, name, side = _properties(feature, where)
        rings = list(_rings(feature, where))
        largest = max(rings, key=lambda ring: abs(_doubled_area(ring)))
        if len(rings) > 1:
            warnings.append(f"{where}: {acronym} is in {len(rings)} rings; the largest is kept.")
        areas.append(_area(path, acronym, name, side or side_of(largest), largest))
    said = (*warnings, *overlap_warnings(areas))
    return Atlas(path.stem, tuple(areas), LANDMARKS, f"GeoJSON {path.name}", said)


def _properties(feature: Any, where: str) -> tuple[str, str, Side | None]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    named = [properties.get(key) for key in ("acronym", "name", "label", "id")]
    found = [str(value) for value in named if isinstance(value, str | int) and str(value)]
    if not found:
        raise AtlasError(f"{where} has no 'acronym' or 'name' in its properties; name each area.")
    side = properties.get("side")
    if side not in (None, "left", "right", "both"):
        raise AtlasError(f"{where}: side {side!r} is not left, right or both.")
    return found[0], str(properties.get("name") or found[0]), side


def _rings(feature: dict[str, Any], where: str) -> Iterator[Floats]:
    """Return all rings of a Polygon or MultiPolygon, holes too, each (n, 2)."""
    given = feature.get("geometry")
    geometry: dict[str, Any] = given if isinstance(given, dict) else {}
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise AtlasError(f"{where} is a {kind}; an area is a Polygon or MultiPolygon.")
    try:
        polygons = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
        rings = [np.asarray(ring, dtype=np.float64)[:, :2] for rings in polygons for ring in rings]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise AtlasError(f"{where} has no usable coordinates ({error!r}).") from error
    if not rings:
        raise AtlasError(f"{where} has no coordinates; remove or draw it.")
    yield from rings


def _doubled_area(ring: Floats) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def _area(path: Path, acronym: str, name: str, side: Side, ring: Floats) -> Area:
    try:
        return Area(acronym, name, side, ring)
    except AtlasError as error:
        raise AtlasError(f"{path}: {error}") from error
