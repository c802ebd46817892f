from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_cortex_decoder.recording.preprocessing.activity import activity_of


def test_activity_is_percent_of_each_pixels_mean_and_nothing_outside_the_brain() -> None:
    brain = np.full((20, 16), 1000.0)
    brain[:, 8:] = 3000.0
    brain[:4] = 0.0
    course = 1 + 0.03 * np.sin(np.arange(100) / 5)
    movie = da.from_array(np.round(brain * course[:, None, None] * 10).astype(np.uint16))
    shown, end = activity_of(movie)
    relative = 100 * (course / course.mean() - 1)
    assert shown.dtype == np.float32 and shown.shape == movie.shape
    for pixel in ((10, 3), (10, 12)):
        assert np.asarray(shown[:, *pixel]) == pytest.approx(relative, abs=0.02)
    assert not np.asarray(shown[:, :4]).any()
    assert end == pytest.approx(3, abs=0.3)


def test_what_varies_around_zero_already_is_a_fraction_and_only_multiplied() -> None:
    changes = np.random.default_rng(0).normal(0, 0.02, (60, 8, 8)).astype(np.float32)
    shown, end = activity_of(da.from_array(changes))
    np.testing.assert_allclose(np.asarray(shown[7]), 100 * changes[7], rtol=1e-5)
    assert 4 < end < 8


def test_a_movie_without_light_or_change_is_shown_as_nothing() -> None:
    shown, end = activity_of(da.zeros((5, 4, 4), dtype=np.uint16))
    assert not np.asarray(shown[2]).any() and end == 1.0


def test_a_movie_that_shows_nothing_but_brain_is_shown_everywhere() -> None:
    course = 1000 + 10 * np.sin(np.arange(50) / 3)
    shown, end = activity_of(da.from_array(np.ones((1, 6, 6)) * course[:, None, None]))
    assert np.asarray(shown[4]).all() and end == pytest.approx(1, abs=0.2)
