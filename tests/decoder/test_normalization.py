from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Preprocessing
from napari_cortex_decoder.decoder.frames.normalization import (
    Statistics,
    movie_statistics,
)
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording

SIZE = (32, 32)
MOVIE_SD = Preprocessing(image_size=SIZE, scale="movie-sd")
CENTERED_SD = Preprocessing(image_size=SIZE, scale="centered-sd")


def recorded(frames: NDArray[np.number], chunk: int = 7) -> Recording:
    return Recording(movie=da.from_array(frames, chunks=(chunk, -1, -1)), name="m1")


def measured(frames: NDArray[np.number], preprocessing: Preprocessing) -> Statistics:
    return movie_statistics(recorded(frames), preprocessing)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 40),
    chunk=st.integers(1, 40),
    dtype=st.sampled_from(["uint8", "uint16", "int32", "float32", "float64"]),
    seed=st.integers(0, 2**31),
)
def test_mean_and_sd_are_the_whole_movies_however_it_is_cut(
    n: int, chunk: int, dtype: str, seed: int
) -> None:
    # pixels that are 0 in all frames lie outside a mask
    frames = np.random.default_rng(seed).uniform(1, 250, (n, *SIZE)).astype(dtype)
    exact = frames.astype(np.float64)
    recording = recorded(frames, chunk)
    paper = movie_statistics(recording, MOVIE_SD)
    centered = movie_statistics(recording, CENTERED_SD)
    np.testing.assert_allclose(paper.mean, exact.mean(0), rtol=1e-6)
    assert paper.sd == pytest.approx(exact.std(), rel=1e-6)
    assert centered.sd == pytest.approx((exact - exact.mean(0)).std(), rel=1e-6)
    np.testing.assert_allclose(
        paper.normalize(frames), (exact - exact.mean(0)) / exact.std(), atol=1e-4
    )


@pytest.mark.parametrize(("dtype", "offset"), [("uint16", 65_000), ("float32", 2.0**20)])
def test_a_small_signal_on_a_large_offset_keeps_its_sd(dtype: str, offset: float) -> None:
    flicker = np.random.default_rng(0).integers(0, 2, (3000, *SIZE))
    frames = (flicker + offset).astype(dtype)
    exact = (flicker - flicker.mean(0)).std()
    assert movie_statistics(recorded(frames, 500), CENTERED_SD).sd == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.nan, r"m1: the movie is nan in frame 13 at row 5, column 6; fill such gaps"),
        (np.inf, r"m1: the movie is inf in frame 13 at row 5, column 6; fill such gaps"),
        (-np.inf, r"m1: the movie is -inf in frame 13 at row 5, column 6; fill such gaps"),
        (1e300, r"m1: frame 13 has pixels beyond 32-bit floats"),
    ],
)
def test_the_pixel_that_cannot_be_used_is_named(value: float, sentence: str) -> None:
    frames = np.random.default_rng(0).normal(size=(20, 48, 48))
    frames[13, 5, 6] = value
    with pytest.raises(RecordingError, match=sentence):
        measured(frames, MOVIE_SD)


def test_a_movie_of_one_value_has_nothing_to_decode() -> None:
    with pytest.raises(RecordingError, match="alike"):
        measured(np.full((9, *SIZE), 7, np.uint16), MOVIE_SD)


def test_a_still_picture_has_no_sd_of_its_own_once_centered() -> None:
    still = np.broadcast_to(np.arange(32 * 32, dtype=np.uint16).reshape(SIZE), (9, *SIZE))
    assert measured(still, MOVIE_SD).sd > 0
    with pytest.raises(RecordingError, match="alike"):
        measured(still, CENTERED_SD)


@pytest.mark.parametrize(("shape", "inner"), [((96, 48), (32, 16)), ((10, 20), (16, 32))])
def test_a_frame_that_is_not_square_keeps_its_aspect_between_margins_of_zero(
    shape: tuple[int, int], inner: tuple[int, int]
) -> None:
    frames = np.random.default_rng(0).integers(100, 200, (6, *shape), dtype=np.uint16)
    statistics = measured(frames, CENTERED_SD)
    images = statistics.normalize(frames)
    assert images.shape == (6, *SIZE)
    filled = np.argwhere((images != 0).any(axis=0))
    top, left = filled.min(axis=0)
    assert tuple(filled.max(axis=0) + 1 - (top, left)) == inner
    assert (top, left) == ((32 - inner[0]) // 2, (32 - inner[1]) // 2)
    inside = images[:, top : top + inner[0], left : left + inner[1]]
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-5)
    assert inside.std() == pytest.approx(1, rel=1e-4)
