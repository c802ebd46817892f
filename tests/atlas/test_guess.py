"""The first guess: where the midline is, on simulated mice and on real ones marked by eye."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.io import imread
from skimage.transform import rotate

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.atlas.guess import guess_registration
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.simulation import simulate_recording

MIDLINES = pd.read_csv(Path(__file__).parent / "data/midlines.csv", comment="#")
UNCLEAR = "No clear midline"


def midline_error(
    guessed: Registration, ends: np.ndarray, pixel_size: float
) -> tuple[float, float]:
    """Mean distance (mm) and angle (degrees) between a guessed midline and the true one.

    `ends` are its front and back, (row, column).
    """
    off = np.abs(guessed.to_mm(np.linspace(*ends, 20))[:, 0]).mean() * guessed.scale * pixel_size
    rows, columns = ends[1] - ends[0]
    return off, abs(guessed.rotation + np.degrees(np.arctan2(columns, rows)))


def turned(image: np.ndarray, ends: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn an image clockwise on screen, and (row, column) points with it."""
    middle = (np.array(image.shape) - 1) / 2
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    dark = float(np.percentile(image, 1))
    return (
        rotate(image, -degrees, preserve_range=True, cval=dark),
        (ends - middle) @ np.array([[c, s], [-s, c]]).T + middle,
    )


@cache
def simulated(subject: int) -> tuple[Registration, float, np.ndarray]:
    """The true pose of a simulated mouse, its pixel size, and its mean image."""
    mouse = simulate_recording(seed=3, subject=subject, seconds=0.2)
    return mouse.truth.registration, mouse.pixel_size, np.asarray(mouse.movie[:6].mean(axis=0))


@pytest.mark.parametrize(("degrees", "known"), [(0, True), (0, False), (-17, False), (23, True)])
def test_the_midline_of_simulated_mice_is_found(degrees, known):
    found, bregma = [], []
    for subject in range(6):
        truth, pixel_size, upright = simulated(subject)
        image, points = turned(upright, truth.to_px([(0, -1.5), (0, 3), (0, 0)]), degrees)
        guessed = guess_registration(image, pixel_size=pixel_size if known else None)
        found.append(midline_error(guessed, points[:2], pixel_size))
        bregma.append(np.linalg.norm(guessed.to_px([(0, 0)])[0] - points[2]) * pixel_size)
        assert not any(UNCLEAR in warning for warning in guessed.warnings)
        assert guessed.scale == pytest.approx(truth.scale, rel=0.08)
    # not only in the median: no mouse is missed
    off, angle = np.max(found, axis=0)
    assert off <= 0.3
    assert angle <= 5
    assert np.median(bregma) <= 0.3


@pytest.mark.parametrize("known", [True, False], ids=["pixel size known", "unknown"])
def test_the_midline_of_real_brains_is_where_the_eye_sees_it(shared_data, known):
    found = []
    for brain in MIDLINES.itertuples():
        image = imread(shared_data / brain.file).astype(float)
        image = image.mean(axis=0) if image.ndim == 3 else image
        ends = np.array(
            [[brain.front_row, brain.front_column], [brain.back_row, brain.back_column]]
        )
        guessed = guess_registration(image, pixel_size=brain.pixel_size_mm if known else None)
        found.append(midline_error(guessed, ends, brain.pixel_size_mm))
        assert not any(UNCLEAR in warning for warning in guessed.warnings), brain.file
    assert len(found) == 8
    off, angle = np.max(found, axis=0)
    assert off <= 0.3
    assert angle <= 5


def test_a_guess_says_that_it_is_one():
    image = np.asarray(simulate_recording(seed=1, seconds=0.1).movie[0])
    known, unknown = guess_registration(image, pixel_size=0.08), guess_registration(image)
    assert known.method == "guess"
    assert any("adjust" in warning for warning in known.warnings)
    assert any("pixel size is unknown" in warning for warning in unknown.warnings)


def test_the_picture_may_have_any_size_and_shape():
    mouse = simulate_recording(seed=1, seconds=0.1, shape=(200, 260))
    image = np.asarray(mouse.movie[0])
    truth = mouse.truth.registration.to_px([(0, -1.5), (0, 3)])
    off, angle = midline_error(
        guess_registration(image, pixel_size=mouse.pixel_size), truth, mouse.pixel_size
    )
    assert off < 0.3
    assert angle < 5


@pytest.mark.parametrize("kind", ["noise", "blob"])
def test_where_no_midline_is_to_be_seen_the_guess_says_so(kind):
    y, x = np.mgrid[:96, :96]
    picture = (
        np.random.default_rng(0).random((96, 96))
        if kind == "noise"
        else np.exp(-((x - 40) ** 2 + (y - 50) ** 2) / 1500)
    )
    assert any(
        UNCLEAR in warning for warning in guess_registration(picture, pixel_size=0.1).warnings
    )


def test_another_atlas_is_placed_in_the_same_pose():
    image = np.asarray(simulate_recording(seed=1, seconds=0.1).movie[0])
    rois = load_atlas("ajioka-50")
    assert (
        guess_registration(image, pixel_size=0.08, atlas=rois).matrix
        == guess_registration(image, pixel_size=0.08).matrix
    ).all()
    assert guess_registration(image, pixel_size=0.08, atlas=rois).atlas is rois


def test_pixels_that_are_not_numbers_are_taken_for_dark():
    image = np.asarray(simulate_recording(seed=1, seconds=0.1).movie[0]).astype(float)
    holed = np.where(image < np.percentile(image, 5), np.nan, image)
    assert guess_registration(holed, pixel_size=0.08).rotation == pytest.approx(
        guess_registration(image, pixel_size=0.08).rotation, abs=2
    )


WRONG = {
    "flat": (np.ones((64, 64)), None, "does not vary"),
    "nothing but NaN": (np.full((64, 64), np.nan), None, "does not vary"),
    "a movie": (np.ones((3, 64, 64)), None, "give rows and columns"),
    "tiny": (np.ones((8, 8)), None, "32 or more"),
    "pixel size": (np.ones((64, 64)), -0.1, "pixel size is -0.1"),
}


@pytest.mark.parametrize(("image", "pixel_size", "said"), WRONG.values(), ids=WRONG.keys())
def test_pictures_that_show_no_brain_are_refused(image, pixel_size, said):
    with pytest.raises(AtlasError, match=said):
        guess_registration(image, pixel_size=pixel_size)
