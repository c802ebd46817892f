"""A small atlas in BrainGlobe's own on-disk format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

STRUCTURES = {
    # id: (acronym, name, path)
    997: ("root", "root", [997]),
    315: ("Isocortex", "Isocortex", [997, 315]),
    985: ("MOp", "Primary motor area", [997, 315, 500, 985]),
    320: ("MOp1", "Primary motor area, Layer 1", [997, 315, 500, 985, 320]),
    648: ("MOp5", "Primary motor area, Layer 5", [997, 315, 500, 985, 648]),
    500: ("MO", "Somatomotor areas", [997, 315, 500]),
    385: ("VISp", "Primary visual area", [997, 315, 669, 385]),
    593: ("VISp1", "Primary visual area, layer 1", [997, 315, 669, 385, 593]),
    669: ("VIS", "Visual areas", [997, 315, 669]),
    894: ("RSPagl", "Retrosplenial area, lateral agranular part", [997, 315, 894]),
    512: ("CB", "Cerebellum", [997, 512]),
}
SHAPE = (132, 40, 114)  # voxels of 100 µm: front–back, top–bottom, right–left
MICRONS = 100.0


def annotation() -> np.ndarray:
    """Two hemispheres seen from the front right: MOp before VISp, RSPagl between, CB behind."""
    volume = np.zeros(SHAPE, np.uint32)
    volume[20:120, 9:11, 5:109] = 997  # an unassigned rim over everything
    for side in (slice(60, 90), slice(24, 54)):  # left and right of the midline at 57
        volume[30:60, 10, side] = 320
        volume[30:60, 11:20, side] = 648
        volume[60:100, 10:20, side] = 593
    volume[70:90, 10:20, 50:64] = 894  # across the midline
    volume[95:115, 10:20, 24:90] = 512
    volume[95:115, 20:25, 24:90] = 593  # cortex under the cerebellum is not seen from above
    volume[40, 10:20, 95] = 593  # a speck
    return volume


def write_atlas(folder: Path, name: str, structures=None, volume=None) -> None:
    """Write an atlas where BrainGlobe looks for it, below `folder`."""
    nz = pytest.importorskip("ngff_zarr")
    root = folder / "brainglobe-atlasapi"
    volume = annotation() if volume is None else volume
    parts = {
        "terminology": f"/terminologies/{name}/1_0",
        "coordinate_space": f"/coordinate-spaces/{name}/1_0",
        "annotation_set": f"/annotation-sets/{name}/1_0",
        "template": f"/templates/{name}/1_0",
    }
    for part in parts.values():
        (root / part[1:]).mkdir(parents=True)
    for part, file, dtype in (
        ("annotation_set", "annotations_compressed.ome.zarr", np.uint32),
        ("template", "template.ome.zarr", np.uint16),
    ):
        image = nz.to_ngff_image(
            volume.astype(dtype), dims=["z", "y", "x"], scale=dict.fromkeys("zyx", MICRONS / 1000)
        )
        target = root / parts[part][1:] / file
        nz.to_ngff_zarr(str(target), nz.to_multiscales(image, scale_factors=[]), version="0.5")
    rows = [
        {
            "identifier": identifier,
            "parent_identifier": path[-2] if len(path) > 1 else None,
            "annotation_value": identifier,
            "name": words,
            "abbreviation": acronym,
            "color_hex_triplet": "#1F9D5A",
            "root_identifier_path": path,
        }
        for identifier, (acronym, words, path) in (structures or STRUCTURES).items()
    ]
    table = pd.DataFrame(rows).astype({"parent_identifier": "UInt32"})
    table.to_csv(root / parts["terminology"][1:] / "terminology.csv", index=False)
    manifest = {
        "name": name,
        "citation": "Somebody et al. 2020",
        "atlas_link": "http://example.org",
        "species": "Mus musculus",
        "symmetric": True,
        "resolution": [MICRONS] * 3,
        "orientation": "asr",
        "shape": list(volume.shape),
        "version": "1.0",
        "additional_references": [],
        "terminology": {"name": name, "location": parts["terminology"]},
        "coordinate_space": {"name": name, "location": parts["coordinate_space"]},
        "annotation_set": {
            "name": name,
            "location": parts["annotation_set"],
            "template": {"name": name, "location": parts["template"]},
        },
    }
    place = root / "atlases" / name / "1_0"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps(manifest))
