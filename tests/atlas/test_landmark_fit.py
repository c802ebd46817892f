"""Fitting a registration to landmarks: right where it can be, refused or doubted where not."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.poses import pose, random_pose, seen_landmarks
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.landmarks import MESONET, WFIELD
from napari_cortex_decoder.errors import AtlasError

NINE, FOUR = list(MESONET), list(WFIELD)
KINDS = ("similarity", "affine", "hemispheres")


def overlaps(one: Registration, other: Registration, shape=(256, 256)) -> np.ndarray:
    """IoU of each area between two placings."""
    a, b = one.label_image(shape), other.label_image(shape)
    n = len(one.atlas.areas) + 1
    both = np.bincount(a[a == b], minlength=n)
    either = np.bincount(a.ravel(), minlength=n) + np.bincount(b.ravel(), minlength=n) - both
    return (both / np.maximum(either, 1))[1:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [NINE, FOUR], ids=["MesoNet", "wfield"])
def test_exact_landmarks_give_the_true_pose(atlas, kind, names):
    truth = pose(atlas, degrees=12)
    fitted = atlas.register(seen_landmarks(truth, names), kind=kind, shape=(256, 256))
    assert np.allclose(fitted.matrix, truth.matrix)
    assert max(residual.px for residual in fitted.residuals()) < 1e-9
    assert fitted.warnings == ()


def test_200_mice_clicked_a_tenth_of_a_mm_off_keep_their_areas(atlas):
    rng = np.random.default_rng(4)
    found = []
    for _ in range(200):
        truth = random_pose(atlas, rng)
        fitted = atlas.register(seen_landmarks(truth, NINE, 0.1, rng), kind="similarity")
        found.append(overlaps(fitted, truth))
    assert np.median(found) >= 0.85


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [NINE, FOUR], ids=["MesoNet", "wfield"])
def test_a_mirrored_mouse_is_told_in_all_of_200_poses(atlas, kind, names):
    rng = np.random.default_rng(5)
    for _ in range(200):
        truth = random_pose(atlas, rng, mirrored=True)
        fitted = atlas.register(seen_landmarks(truth, names, 0.1, rng), kind=kind)
        assert any("mirrored" in warning for warning in fitted.warnings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mouse_that_is_not_mirrored_is_never_called_so(atlas, kind):
    rng = np.random.default_rng(6)
    for _ in range(200):
        truth = random_pose(atlas, rng)
        fitted = atlas.register(seen_landmarks(truth, NINE, 0.1, rng), kind=kind)
        assert not any("mirrored" in warning for warning in fitted.warnings)


@pytest.mark.parametrize("kind", KINDS)
def test_swapped_rows_and_columns_are_told(atlas, kind):
    seen = seen_landmarks(pose(atlas), NINE)
    fitted = atlas.register({name: place[::-1] for name, place in seen.items()}, kind=kind)
    assert any("(row, column)" in warning for warning in fitted.warnings)


def test_a_brain_turned_by_more_than_30_degrees_is_doubted(atlas):
    for degrees in (-40, 40, 180):
        fitted = atlas.register(seen_landmarks(pose(atlas, degrees=degrees), NINE))
        assert abs(fitted.rotation) == pytest.approx(abs(degrees))
        assert any("turned by" in warning for warning in fitted.warnings)


def test_a_scale_unlike_the_recorded_pixel_size_is_doubted(atlas):
    seen = seen_landmarks(pose(atlas, pixel_size=0.05), NINE)
    assert atlas.register(seen, pixel_size=0.052).warnings == ()
    (warning,) = atlas.register(seen, pixel_size=0.1).warnings
    assert "50.0 µm" in warning
    assert "100.0 µm" in warning


def test_a_landmark_far_from_the_others_opinion_is_named(atlas):
    seen = seen_landmarks(pose(atlas), NINE)
    row, column = seen["lambda"]
    fitted = atlas.register(seen | {"lambda": (row + 25, column)})
    assert any(warning.startswith("Landmark 'lambda'") for warning in fitted.warnings)


def test_an_affine_that_stretches_one_axis_is_doubted(atlas):
    truth = pose(atlas)
    stretched = Registration(atlas, truth.matrix @ np.diag([1.5, 1, 1]))
    fitted = atlas.register(seen_landmarks(stretched, NINE), kind="affine")
    assert any("1.5 times" in warning for warning in fitted.warnings)


def test_hemispheres_stretch_by_themselves_and_meet_at_the_midline(atlas):
    truth = pose(atlas, degrees=5)
    wider = Registration(
        atlas, truth.matrix @ np.diag([1.1, 1, 1]), truth.matrix @ np.diag([0.9, 1, 1])
    )
    fitted = atlas.register(seen_landmarks(wider, NINE), kind="hemispheres")
    assert np.allclose(fitted.matrix, wider.matrix)
    assert np.allclose(fitted.right_matrix, wider.right_matrix)


def test_one_pair_of_landmarks_is_enough_for_a_similarity(atlas):
    truth = pose(atlas, degrees=-7)
    fitted = atlas.register(seen_landmarks(truth, ["bregma", "lambda"]))
    assert np.allclose(fitted.matrix, truth.matrix)


REFUSED = {
    "too few": ({"bregma": (1, 1)}, "similarity", "too few"),
    "none": ({}, "similarity", "too few"),
    "two names for one place": (
        {"OB_center": (1, 1), "top center": (9, 9)},
        "similarity",
        "1 landmarks at different places are too few",
    ),
    "two for an affine": ({"bregma": (1, 1), "left": (5, 9)}, "affine", "needs 3"),
    "coincident": (
        {"bregma": (1, 1), "lambda": (1, 1), "left": (3, 9)},
        "similarity",
        "'bregma' and 'lambda' lie on the same pixel",
    ),
    "on one line": (
        {"bregma": (10, 20), "lambda": (40, 20), "top center": (1, 20)},
        "affine",
        "lie on one line",
    ),
    "dragged onto one line": (
        {"bregma": (10, 20), "left": (40, 20), "right": (1, 20)},
        "affine",
        "lie on one line",
    ),
    "one side only": (
        {"bregma": (10, 50), "lambda": (44, 50), "left": (1, 20), "bottom left": (49, 42)},
        "hemispheres",
        "each side",
    ),
    "unknown name": ({"bergma": (1, 1), "left": (3, 9)}, "similarity", "no landmark 'bergma'"),
    "outside": (
        {"bregma": (1, 1), "left": (64, 9)},
        "similarity",
        "'left' at row 64, column 9 is outside the movie's 64 × 64",
    ),
    "not finite": (
        {"bregma": (1, float("nan")), "left": (4, 9)},
        "similarity",
        r"give \(row, column\)",
    ),
    "unknown fit": ({"bregma": (1, 1), "left": (4, 9)}, "rigid", "fit 'rigid' is unknown"),
}


@pytest.mark.parametrize(("landmarks", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_landmarks_that_fix_no_pose_are_refused(atlas, landmarks, kind, said):
    with pytest.raises(AtlasError, match=said):
        atlas.register(landmarks, kind=kind, shape=(64, 64))


def test_an_own_landmark_serves_as_well(atlas):
    from dataclasses import replace

    own = replace(atlas, landmarks={"window corner": (3.0, 3.0), "bregma": (0.0, 0.0)})
    fitted = own.register({"window corner": (90.0, 80.0), "bregma": (30.0, 20.0)})
    assert fitted.scale == pytest.approx(20)


def test_the_landmarks_of_both_tools_are_there():
    names = set(load_atlas("dorsal-cortex").landmarks)
    assert names == set(FOUR) | set(NINE)
    assert len(names) == 13
