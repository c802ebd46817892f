"""Atlases by name and by file: this project's, wfield's, GeoJSON, drawn by the user."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage.measure import find_contours

from napari_cortex_decoder.atlas import Area, Registration, load_atlas
from napari_cortex_decoder.atlas.drawn import draw_atlas
from napari_cortex_decoder.errors import AtlasError

SQUARE = np.array([(1, 1), (2, 1), (2, 2), (1, 2)], dtype=float)


def test_the_50_rois_keep_their_numbers_and_say_that_they_are_approximate():
    atlas = load_atlas("ajioka-50")
    assert [area.acronym for area in atlas.areas] == [f"ROI {n}" for n in range(1, 51)]
    assert [area.side for area in atlas.areas] == ["left"] * 25 + ["right"] * 25
    assert any("approximate" in warning for warning in atlas.warnings)
    for left, right in zip(atlas.areas[:25], atlas.areas[25:], strict=True):
        centers = left.polygon.mean(0), right.polygon.mean(0)
        assert centers[0] * (-1, 1) == pytest.approx(centers[1])
        assert left.name.split("(")[1] == right.name.split("(")[1]
    limb = [area.acronym for area in atlas.areas if "limb" in area.name]
    assert limb == [f"ROI {n}" for n in (6, 7, 8, 9, 31, 32, 33, 34)]


def test_the_50_rois_lie_on_the_cortex_and_apart(atlas):
    rois = Registration.upright(load_atlas("ajioka-50"), 0.02, (280, 260)).label_image((540, 520))
    cortex = Registration.upright(atlas, 0.02, (280, 260)).label_image((540, 520))
    assert (cortex[rois > 0] > 0).mean() > 0.95
    sizes = np.bincount(rois.ravel(), minlength=51)[1:]
    assert sizes.min() > 0.98 * sizes.max()  # none is hidden by another


def test_the_50_rois_are_within_half_a_mm_of_the_published_map(shared_data):
    import pandas as pd

    published = pd.read_csv(shared_data / "ajioka2024/rois50.csv")
    ours = np.array([area.polygon.mean(0) for area in load_atlas("ajioka-50").areas])
    theirs = published[["x_mm_rough", "y_mm_rough_posterior"]].to_numpy()
    assert np.linalg.norm(ours - theirs, axis=1).max() < 0.1


def wfield_record(acronym: str, mask: np.ndarray) -> dict:
    """One area as wfield's allen_flatten_areas saves it: contours at 10 µm, bregma taken off."""
    contour = find_contours(mask.astype(float), 0.5)[0]
    rows, columns = (contour - (540, 570)).T * 0.01
    mirrored = (mask.shape[1] - contour[:, 1] - 570) * 0.01
    return {
        "acronym": acronym,
        "name": f"{acronym} in words",
        "reference": [540, 570],
        "resolution": 10,
        "left_x": columns.tolist(),
        "left_y": rows.tolist(),
        "right_x": mirrored.tolist(),
        "right_y": rows.tolist(),
    }


def test_wfield_labels_are_read_in_mm_from_bregma(tmp_path):
    mask = np.zeros((1320, 1140), bool)
    mask[600:700, 300:450] = True
    path = tmp_path / "dorsal_cortex_ccf_labels.json"
    path.write_text(json.dumps([wfield_record("MOs", mask)]))
    atlas = load_atlas(path)
    assert [area.label for area in atlas.areas] == ["MOs left", "MOs right"]
    assert atlas.areas[0].name == "MOs in words"
    left, right = (area.polygon for area in atlas.areas)
    assert left.min(0) == pytest.approx([-2.70, 0.60], abs=0.011)
    assert left.max(0) == pytest.approx([-1.20, 1.60], abs=0.011)
    assert right.max(0)[0] == pytest.approx(2.70, abs=0.011)


def geojson(*features) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def feature(ring, kind="Polygon", **properties) -> dict:
    coordinates = [np.asarray(ring).tolist()]
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {
            "type": kind,
            "coordinates": coordinates if kind == "Polygon" else [coordinates],
        },
    }


def test_geojson_areas_keep_their_names_and_take_their_side_from_x(tmp_path):
    path = tmp_path / "mine.geojson"
    path.write_text(
        geojson(
            feature(SQUARE, acronym="A", name="Area A"),
            feature(SQUARE * (-1, 1), "MultiPolygon", name="B"),
            feature(SQUARE - (1.5, 5), acronym="C"),
        )
    )
    atlas = load_atlas(str(path))
    assert [area.label for area in atlas.areas] == ["A right", "B left", "C"]
    assert atlas.areas[0].name == "Area A"
    assert atlas.warnings == ()


def test_a_geojson_area_in_pieces_keeps_the_largest_and_says_so(tmp_path):
    pieces = feature(SQUARE, acronym="A")
    pieces["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [[SQUARE.tolist()], [(SQUARE * 2 + (1, 1)).tolist()]],
    }
    path = tmp_path / "mine.geojson"
    path.write_text(geojson(pieces))
    atlas = load_atlas(path)
    assert atlas.areas[0].size == pytest.approx(4)
    assert "largest is kept" in atlas.warnings[0]


BOW_TIE = [(0, 0), (1, 1), (1, 0), (0, 1)]
BROKEN = {
    "self-crossing": (geojson(feature(BOW_TIE, acronym="A")), "crosses or touches itself"),
    "no name": (geojson(feature(SQUARE)), "no 'acronym' or 'name'"),
    "a line": (geojson(feature(SQUARE, "LineString", acronym="A")), "is a LineString"),
    "text": (geojson(feature([["a", "b"]], acronym="A")), "no usable coordinates"),
    "two points": (geojson(feature(SQUARE[:2], acronym="A")), "2 points"),
    "odd side": (geojson(feature(SQUARE, acronym="A", side="up")), "side 'up'"),
    "twice": (geojson(*[feature(SQUARE, acronym="A")] * 2), "'A right' more than once"),
    "no features": (geojson(), "has no areas"),
    "features of text": ('{"type": "FeatureCollection", "features": "x"}', "has no areas"),
    "something else": ('{"type": "Topology"}', "no file of outlines"),
    "a number": ("3", "no file of outlines"),
    "wfield without outline": ('[{"acronym": "A"}]', "area 0: no outline in left_x"),
    "wfield with text": ('["A"]', "area 0: no outline"),
    "not json": ("<xml>", "is not JSON"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_outline_files_that_cannot_be_meant_are_refused(tmp_path, content, said):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(AtlasError, match=said):
        load_atlas(path)


def test_the_projects_own_file_can_be_edited_and_read_back(tmp_path):
    from importlib import resources

    for stem, name in (("dorsal_cortex", "dorsal-cortex"), ("ajioka_50", "ajioka-50")):
        own = resources.files("napari_cortex_decoder.atlas") / f"data/{stem}.json"
        path = tmp_path / f"{stem}.json"
        path.write_text(own.read_text(encoding="utf-8").replace(f'"{name}"', '"mine"'))
        assert load_atlas(path).name == "mine"


@pytest.mark.parametrize("name", ["nowhere.json", "labels.tif", "../escape", "no such atlas"])
def test_a_name_that_is_nothing_is_refused_in_one_sentence(name):
    with pytest.raises(AtlasError):
        load_atlas(name)


def test_outlines_drawn_on_a_movie_become_an_atlas(atlas):
    placed = Registration.upright(atlas, 0.1, (50, 50)).nudged(degrees=20)
    drawn_px = placed.to_px(SQUARE)
    mine = draw_atlas([("whisker spot", placed.to_mm(drawn_px))])
    (area,) = mine.areas
    assert area.label == "whisker spot right"
    assert area.polygon == pytest.approx(SQUARE)


def test_drawn_outlines_that_overlap_are_named():
    mine = draw_atlas([("A", SQUARE), ("B", SQUARE + 0.5), ("C", SQUARE + 1)])
    assert len(mine.warnings) == 2
    assert "A right and B right overlap" in mine.warnings[0]


AREAS = {
    "crossing itself": (BOW_TIE, "crosses or touches itself"),
    "two points": (SQUARE[:2], "2 points"),
    "on a line": ([(0, 0), (1, 1), (2, 2)], "crosses or touches itself|encloses nothing"),
    "not finite": ([(0, 0), (1, 0), (float("nan"), 1)], "not finite"),
    "three columns": (np.ones((4, 3)), r"\(n, 2\)"),
}


@pytest.mark.parametrize(("points", "said"), AREAS.values(), ids=AREAS.keys())
def test_an_outline_that_bounds_no_area_is_refused(points, said):
    with pytest.raises(AtlasError, match=said):
        Area("A", "A", "left", np.asarray(points, dtype=float))


def test_a_closed_ring_is_taken_as_well_as_an_open_one():
    closed = Area("A", "A", "left", np.vstack([SQUARE, SQUARE[:1]]))
    assert (closed.polygon == SQUARE).all()


def test_an_area_that_is_not_there_is_named(atlas):
    with pytest.raises(AtlasError, match="no area 'V1' on side 'left'"):
        atlas.area("V1", "left")
    with pytest.raises(AtlasError, match="side 'up'"):
        Area("A", "A", "up", SQUARE)  # type: ignore[arg-type]
