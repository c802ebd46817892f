from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_cortex_decoder.atlas import Atlas, Registration, load_atlas
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions.preprocessed import on_pixels
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

SHAPE, PIXEL = (128, 128), 0.08


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas("dorsal-cortex")


@pytest.fixture
def placing(atlas: Atlas) -> PlacingModel:
    """An atlas placed upright, with wfield's four landmarks."""
    movie = MovieModel()
    movie.show(Recording(movie=da.zeros((2, *SHAPE)), name="m", pixel_size=PIXEL))
    model = PlacingModel(movie)
    model.choose_landmarks("wfield's four")
    model.begin(Registration.upright(atlas, PIXEL, (52.0, 64.0)))
    return model


def landmarks(model: PlacingModel) -> dict[str, tuple[float, float]]:
    assert model.registration is not None
    return dict(model.registration.landmarks)


def bregma(model: PlacingModel) -> tuple[float, float]:
    assert model.registration is not None
    return tuple(model.registration.to_px([(0.0, 0.0)])[0])


def shifted(places: dict[str, tuple[float, float]], rows: float) -> dict[str, tuple[float, float]]:
    return {name: (row + rows, column) for name, (row, column) in places.items()}


def test_a_placing_from_elsewhere_gets_landmarks_where_it_says_they_are(
    placing: PlacingModel,
) -> None:
    assert list(landmarks(placing)) == ["OB_left", "OB_center", "OB_right", "RSP_base"]
    assert placing.registration is not None
    assert max(r.px for r in placing.registration.residuals()) < 1e-9


def test_a_drag_of_many_moves_is_one_step_of_undo(placing: PlacingModel) -> None:
    before = placing.placing
    for rows in (1, 2, 3):
        placing.move_landmarks(shifted(landmarks(placing), 1), done=rows == 3)
    assert bregma(placing) == pytest.approx((55.0, 64.0))
    placing.undo()
    assert placing.placing is before and not placing.can_undo
    placing.redo()
    assert bregma(placing) == pytest.approx((55.0, 64.0)) and not placing.can_redo


def test_a_run_of_the_same_nudge_is_one_step_of_undo(placing: PlacingModel) -> None:
    for _ in range(4):
        placing.nudge(right=0.05)
    for _ in range(3):
        placing.nudge(degrees=0.5)
    assert placing.registration is not None
    assert placing.registration.rotation == pytest.approx(1.5)
    placing.undo()
    assert placing.registration.rotation == pytest.approx(0.0)
    assert bregma(placing) == pytest.approx((52.0, 64 + 0.2 / PIXEL))
    placing.undo()
    assert bregma(placing) == pytest.approx((52.0, 64.0))
    assert not placing.can_undo


def test_a_change_after_undo_forgets_what_was_undone(placing: PlacingModel) -> None:
    placing.nudge(down=1)
    placing.undo()
    placing.nudge(zoom=1.1)
    assert not placing.can_redo


def test_a_nudge_takes_the_landmarks_along(placing: PlacingModel) -> None:
    placing.nudge(right=0.4, zoom=1.02, degrees=3)
    assert placing.registration is not None
    assert max(r.mm for r in placing.registration.residuals()) < 1e-9


def test_landmarks_that_allow_no_fit_leave_the_atlas_where_it_is(placing: PlacingModel) -> None:
    before = bregma(placing)
    placing.remove_landmarks("OB_left", "OB_center", "OB_right")
    assert placing.placing is not None and "too few" in placing.placing.problem
    assert list(landmarks(placing)) == ["RSP_base"] and bregma(placing) == before
    placing.undo()
    assert placing.placing.problem == "" and len(landmarks(placing)) == 4


def test_a_landmark_dragged_off_the_movie_is_a_problem_until_it_is_back(
    placing: PlacingModel,
) -> None:
    places = landmarks(placing)
    placing.move_landmarks({**places, "RSP_base": (500.0, 64.0)}, done=False)
    assert placing.placing is not None and "outside" in placing.placing.problem
    placing.move_landmarks(places)
    assert placing.placing.problem == ""


def test_another_kind_of_fit_can_be_undone_and_shows_again(placing: PlacingModel) -> None:
    places = landmarks(placing)
    placing.move_landmarks({**places, "OB_left": (places["OB_left"][0] + 4, 30.0)})
    off = sum(r.px for r in placing.registration.residuals())
    placing.set_kind("affine")
    assert placing.placing is not None and placing.placing.kind == "affine"
    assert sum(r.px for r in placing.registration.residuals()) < off
    placing.undo()
    assert placing.placing.kind == "similarity"


def test_another_set_of_landmarks_keeps_those_that_are_placed(placing: PlacingModel) -> None:
    placing.add_landmark("bregma")
    moved = {**landmarks(placing), "bregma": (50.0, 60.0)}
    placing.move_landmarks(moved)
    matrix = placing.registration.matrix
    placing.choose_landmarks("MesoNet's nine")
    assert len(landmarks(placing)) == 9 and landmarks(placing)["bregma"] == (50.0, 60.0)
    np.testing.assert_array_equal(placing.registration.matrix, matrix)


def test_a_landmark_of_ones_own_has_a_place_on_the_atlas(placing: PlacingModel) -> None:
    failures: list[Exception] = []
    placing.failed.connect(failures.append)
    placing.make_landmark("whisker", 3.0, 1.5)
    at = (52 + 1.5 / PIXEL, 64 + 3 / PIXEL)
    assert landmarks(placing)["whisker"] == pytest.approx(at)
    placing.make_landmark("whisker", 0.0, 0.0)
    placing.make_landmark("  ", 0.0, 0.0)
    assert ["whisker" in str(failures[0]), "no name" in str(failures[1])] == [True, True]
    assert len(landmarks(placing)) == 5


def test_a_point_set_on_the_movie_is_the_missing_landmark_of_the_set(
    placing: PlacingModel,
) -> None:
    at = landmarks(placing)["OB_left"]
    placing.remove_landmarks("OB_left")
    placing.add_points([(at[0] + 2, at[1])])
    assert landmarks(placing)["OB_left"] == (at[0] + 2, at[1])
    assert max(r.px for r in placing.registration.residuals()) > 0.1


def test_a_point_beyond_the_set_pins_the_atlas_where_it_lies(placing: PlacingModel) -> None:
    matrix = placing.registration.matrix
    placing.add_points([(80.0, 30.0)])
    assert landmarks(placing)["pin 1"] == (80.0, 30.0)
    np.testing.assert_allclose(placing.registration.matrix, matrix, atol=1e-9)
    placing.move_landmarks({**landmarks(placing), "pin 1": (90.0, 30.0)})
    assert bregma(placing)[0] > 52.5


def test_another_atlas_lies_where_the_one_before_did(placing: PlacingModel) -> None:
    placing.make_landmark("mine", 1.0, 1.0)
    rois = load_atlas("ajioka-50")
    placing.set_atlas(rois)
    assert placing.registration.atlas is rois and bregma(placing) == pytest.approx((52.0, 64.0))
    assert "mine" not in landmarks(placing)
    placing.undo()
    assert placing.registration.atlas.name == "dorsal-cortex"


def test_other_pixels_take_registration_landmarks_and_undo_along(placing: PlacingModel) -> None:
    placing.nudge(down=0.8)
    # as after cropping 10 rows and 20 columns and binning by 2
    crop_and_bin = np.array([[0.5, 0, -10.25], [0, 0.5, -5.25], [0, 0, 1]])
    placing.move_pixels(crop_and_bin, (59, 54))
    assert bregma(placing) == pytest.approx((0.5 * 62 - 5.25, 0.5 * 64 - 10.25))
    assert max(r.px for r in placing.registration.residuals()) < 1e-9
    assert placing.registration.pixel_size == pytest.approx(2 * PIXEL)
    assert placing.registration.label_image((59, 54)).any()
    placing.undo()
    assert bregma(placing) == pytest.approx((0.5 * 52 - 5.25, 0.5 * 64 - 10.25))


def test_there_and_back_again_is_the_same_registration(atlas: Atlas) -> None:
    placed = Registration.upright(atlas, 0.05, (40.0, 50.0)).nudged(degrees=7)
    matrix = np.array([[0.5, 0, -3.0], [0, 0.5, 2.0], [0, 0, 1]])
    back = on_pixels(on_pixels(placed, matrix, (40, 40)), np.linalg.inv(matrix), (80, 80))
    np.testing.assert_allclose(back.matrix, placed.matrix, atol=1e-12)
