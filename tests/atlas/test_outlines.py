"""The project's own outlines: against the reference, themselves and broken copies."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
import shapely
from scipy import ndimage

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.outlines import read_outlines
from napari_cortex_decoder.errors import AtlasError


@pytest.fixture
def data() -> dict:
    file = resources.files("napari_cortex_decoder.atlas") / "data/dorsal_cortex.json"
    return json.loads(file.read_text(encoding="utf-8"))


def at_20_um(atlas: Atlas) -> Registration:
    return Registration(atlas, np.array([[50.0, 0, 300], [0, 50.0, 300], [0, 0, 1]]))


def test_every_area_agrees_with_the_reference_label_image(atlas, shared_data):
    reference = np.load(shared_data / "atlas/dorsal_reference_labels_512.npy")
    about = json.loads((shared_data / "atlas/dorsal_reference.json").read_text())
    scale = about["labels_px_to_mm"]["scale"]
    x, y = about["labels_px_to_mm"]["bregma_px"]
    placed = Registration(atlas, np.array([[1 / scale, 0, x], [0, 1 / scale, y], [0, 0, 1]]))
    ours = placed.label_image(reference.shape)
    overlap = {}
    for label, region in enumerate(about["regions"], start=1):
        mine = ours == atlas.index(region["acronym"], region["side"]) + 1
        theirs = reference == label
        overlap[region["acronym"], region["side"]] = (mine & theirs).sum() / (mine | theirs).sum()
    assert len(overlap) == len(atlas.areas) == 44
    measured = {key: value for key, value in overlap.items() if key[0] != "OB"}
    assert min(measured.values()) >= 0.85
    assert np.mean(list(measured.values())) >= 0.92


def test_neighbors_leave_no_gap_and_do_not_overlap(atlas):
    shapes = [shapely.Polygon(area.polygon) for area in atlas.areas]
    union = shapely.union_all(shapes)
    assert sum(shape.area for shape in shapes) == pytest.approx(union.area, abs=1e-9)
    cortex = max(union.geoms, key=lambda part: part.area)
    assert len(union.geoms) == 3  # the cortex, and two olfactory bulbs in front of it
    assert len(cortex.interiors) == 0


def test_the_union_has_no_hole_at_20_um(atlas):
    painted = at_20_um(atlas).label_image((600, 600)) > 0
    assert (ndimage.binary_fill_holes(painted) == painted).all()


def test_left_and_right_are_exact_mirror_images(atlas):
    for acronym in atlas.acronyms:
        left, right = (atlas.area(acronym, side).polygon for side in ("left", "right"))
        assert (left[::-1] * (-1, 1) == right).all()


def test_every_coordinate_lies_on_the_grid(atlas):
    steps = np.concatenate([area.polygon for area in atlas.areas]) / 0.05
    assert np.abs(steps - np.round(steps)).max() < 1e-9


def test_no_outline_has_a_spur(atlas):
    for area in atlas.areas:
        ahead = np.roll(area.polygon, -1, axis=0) - area.polygon
        behind = np.roll(area.polygon, 1, axis=0) - area.polygon
        cosine = (ahead * behind).sum(1) / np.linalg.norm(ahead, axis=1)
        angle = np.degrees(np.arccos(cosine / np.linalg.norm(behind, axis=1)))
        assert angle.min() > 25, area.label


def test_a_newer_version_is_refused(data):
    with pytest.raises(AtlasError, match=r"version 2.*update"):
        read_outlines(json.dumps(data | {"version": 2}), "new.json")


@pytest.mark.parametrize("version", ["1", None, 0, True, 1.5])
def test_an_odd_version_is_refused(data, version):
    with pytest.raises(AtlasError, match="'version' is"):
        read_outlines(json.dumps(data | {"version": version}), "odd.json")


def test_a_missing_arc_is_refused_by_the_area_it_leaves_open(data):
    data["arcs"] = [arc for arc in data["arcs"] if arc["between"] != ["MOp", "SSp-m"]]
    with pytest.raises(AtlasError, match=r"broken\.json: the arcs around MOp do not close"):
        read_outlines(json.dumps(data), "broken.json")


def test_a_self_crossing_outline_is_refused(data):
    data["nodes"]["MOs RSPd midline"] = [3.0, 5.0]
    with pytest.raises(AtlasError, match="crosses or touches itself"):
        read_outlines(json.dumps(data), "broken.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "cortex-atlas-outlines"}'])
def test_what_is_no_outlines_file_is_refused(text):
    with pytest.raises(AtlasError, match=r"x\.json"):
        read_outlines(text, "x.json")


def test_a_missing_field_is_named(data):
    del data["areas"]["MOs"]["name"]
    with pytest.raises(AtlasError, match="name"):
        read_outlines(json.dumps(data), "x.json")
