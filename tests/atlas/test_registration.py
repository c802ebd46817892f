"""A registration: there and back, what it paints, and how it is moved by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.poses import pose
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.drawn import draw_atlas
from napari_cortex_decoder.errors import AtlasError

ATLAS = load_atlas("dorsal-cortex")
coordinate = st.floats(-12, 12)


@given(
    points=st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=20),
    stretch=st.floats(0.5, 60),
    degrees=st.floats(-180, 180),
    sides=st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)),
    mirrored=st.booleans(),
)
def test_mm_come_back_from_pixels(points, stretch, degrees, sides, mirrored):
    base = pose(ATLAS, pixel_size=1 / stretch, degrees=degrees, mirrored=mirrored)
    left, right = (base.matrix @ np.diag([side, 1, 1]) for side in sides)
    for placed in (base, Registration(ATLAS, left, right)):
        assert np.abs(placed.to_mm(placed.to_px(points)) - points).max() < 1e-9


def test_x_is_the_column_and_y_the_row(atlas):
    placed = Registration.upright(atlas, 0.1, bregma=(30, 50))
    assert placed.to_px([(1.0, 2.0)]).tolist() == [[50.0, 60.0]]
    assert placed.to_mm([(50.0, 60.0)]) == pytest.approx(np.array([[1.0, 2.0]]))


def test_turning_is_clockwise_on_screen(atlas):
    placed = Registration.upright(atlas, 0.1, bregma=(30, 50)).nudged(degrees=90)
    # what was to the right of bregma is now below it
    assert placed.to_px([(1.0, 0.0)]) == pytest.approx(np.array([[40.0, 50.0]]))
    assert placed.rotation == pytest.approx(90)


def test_nudging_moves_the_landmarks_along(atlas):
    placed = atlas.register({"bregma": (60.0, 64.0), "left": (30.0, 20.0), "right": (28.0, 99.0)})
    moved = placed.nudged(rows=3, columns=-2, degrees=11, zoom=1.2)
    assert [r.px for r in moved.residuals()] == pytest.approx(
        [r.px * 1.2 for r in placed.residuals()]
    )
    assert moved.scale == pytest.approx(1.2 * placed.scale)
    shift = moved.to_px([(0, 0)]) - placed.to_px([(0, 0)])
    assert shift == pytest.approx(np.array([[3.0, -2.0]]))


@pytest.mark.parametrize("degrees", [0, 17, -64])
def test_every_pixel_of_the_cortex_belongs_to_one_area(atlas, degrees):
    placed = pose(atlas, degrees=degrees)
    image = placed.label_image((256, 256))
    assert set(np.unique(image)) == set(range(len(atlas.areas) + 1))
    rows, columns = np.nonzero(image)
    import shapely

    centers = shapely.points(placed.to_mm(np.stack([rows, columns], axis=1)))
    for i, area in enumerate(atlas.areas):
        own = centers[image[rows, columns] == i + 1]
        assert shapely.distance(shapely.Polygon(area.polygon), own).max() < 1e-9
    union = shapely.union_all([shapely.Polygon(area.polygon) for area in atlas.areas])
    assert len(centers) * 0.05**2 == pytest.approx(union.area, rel=0.01)


def test_a_small_area_inside_a_large_one_is_not_hidden():
    box = np.array([(0, 0), (8, 0), (8, 8), (0, 8)], dtype=float)
    atlas = draw_atlas([("spot", box / 4 + 3), ("sheet", box), ("speck", box / 8 + 3.5)])
    image = Registration.upright(atlas, 1, (0, 0)).label_image((9, 9))
    assert image[4, 4] == atlas.index("speck", "right") + 1
    assert image[3, 3] == atlas.index("spot", "right") + 1
    assert image[1, 1] == atlas.index("sheet", "right") + 1


def test_outlines_bend_at_the_midline_where_hemispheres_have_a_matrix_each():
    bar = np.array([(-2, 0), (2, 0), (2, 1), (-2, 1)], dtype=float)
    atlas = draw_atlas([("bar", bar)])
    left = np.array([[10.0, 0, 50], [5.0, 10, 50], [0, 0, 1]])
    right = np.array([[10.0, 0, 50], [-5.0, 10, 50], [0, 0, 1]])
    (outline,) = Registration(atlas, left, right).outlines()
    assert [50.0, 50.0] in outline.tolist()
    assert len(outline) == 6


def test_the_outside_of_the_frame_is_cut_off(atlas):
    image = Registration.upright(atlas, 0.01, (500, 500)).label_image((64, 64))
    assert image.shape == (64, 64)


def test_a_movie_of_another_size_is_not_painted_with_a_foreign_registration(atlas):
    placed = atlas.register({"bregma": (30, 32), "lambda": (60, 32)}, shape=(64, 64))
    assert placed.nudged(rows=1).label_image((64, 64)).any()
    with pytest.raises(AtlasError, match="made on frames of 64 × 64 pixels, these have 128 × 128"):
        placed.label_image((128, 128))


BROKEN = {
    "flat": (np.array([[1.0, 2, 0], [2, 4, 0], [0, 0, 1]]), "onto a line"),
    "zero": (np.zeros((3, 3)) + np.diag([0, 0, 1.0]), "onto a line"),
    "perspective": (np.array([[1.0, 0, 0], [0, 1, 0], [0.1, 0, 1]]), "must be affine"),
    "too small": (np.eye(2), "give 3 × 3"),
    "not finite": (np.diag([np.nan, 1, 1]), "not finite"),
}


@pytest.mark.parametrize(("matrix", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_matrix_with_no_way_back_is_refused(atlas, matrix, said):
    with pytest.raises(AtlasError, match=said):
        Registration(atlas, matrix)


def test_hemispheres_that_tear_apart_are_refused(atlas):
    shifted = np.eye(3) + np.array([[0, 0, 1.0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(AtlasError, match="disagree on the midline"):
        Registration(atlas, np.eye(3), shifted)


def test_points_of_another_shape_are_refused(atlas):
    with pytest.raises(AtlasError, match="give \\(n, 2\\)"):
        Registration.upright(atlas, 1, (0, 0)).to_px([1.0, 2.0, 3.0])


@pytest.mark.parametrize("size", [0, -1, float("nan")])
def test_an_impossible_pixel_size_is_refused(atlas, size):
    with pytest.raises(AtlasError, match="pixel size"):
        Registration.upright(atlas, size, (0, 0))
