"""What the network learns from: normalised frames on disk, images and windows drawn from them."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

from napari_cortex_decoder.decoder.config import Preprocessing, Window
from napari_cortex_decoder.labels import Bout, Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.frames import (
    CachedRecording,
    ImageDataset,
    WindowDataset,
    cache_recording,
)

PREPROCESSING = Preprocessing(image_size=(32, 32), scale="centered-sd")


@pytest.fixture
def recording() -> Recording:
    movie = np.random.default_rng(0).integers(500, 900, (40, 32, 32), dtype=np.uint16)
    return Recording(movie=da.from_array(movie, chunks=(16, 32, 32)), name="mouse", frame_rate=30.0)


@pytest.fixture
def ethogram() -> Ethogram:
    return Ethogram(("rest", "run"), (Bout(0, 20, "rest"), Bout(25, 40, "run")), 40)


def test_cached_frames_are_the_movie_normalised(
    recording: Recording, ethogram: Ethogram, tmp_path: Path
) -> None:
    cached = cache_recording(recording, ethogram, PREPROCESSING, tmp_path / "mouse.npy")
    movie = recording.movie.compute().astype(np.float64)
    centered = movie - movie.mean(axis=0)
    np.testing.assert_allclose(cached.frames, centered / centered.std(), atol=2e-3)
    np.testing.assert_array_equal(cached.labels, ethogram.frames())


def test_a_cached_recording_is_not_read_again(
    recording: Recording, ethogram: Ethogram, tmp_path: Path
) -> None:
    file = tmp_path / "mouse.npy"
    first = cache_recording(recording, ethogram, PREPROCESSING, file)

    def fail(block: np.ndarray) -> np.ndarray:
        raise AssertionError("the movie was read again")

    unreadable = recording.replace(
        movie=recording.movie.map_blocks(fail, meta=recording.movie._meta)
    )
    second = cache_recording(unreadable, ethogram, PREPROCESSING, file)
    np.testing.assert_array_equal(first.frames, second.frames)


def test_a_cache_that_was_interrupted_is_not_taken_for_whole(
    recording: Recording, ethogram: Ethogram, tmp_path: Path
) -> None:
    file = tmp_path / "mouse.npy"

    def fail(block: np.ndarray) -> np.ndarray:
        raise OSError("disk gone")

    broken = recording.replace(movie=recording.movie.map_blocks(fail, meta=recording.movie._meta))
    with pytest.raises(OSError, match="disk gone"):
        cache_recording(broken, ethogram, PREPROCESSING, file)
    assert not file.exists()
    assert np.isfinite(cache_recording(recording, ethogram, PREPROCESSING, file).frames).all()


def test_an_image_has_the_frame_before_and_after_as_channels_and_unknown_frames_are_left_out() -> (
    None
):
    frames = np.arange(10, dtype=np.float16)[:, None, None] * np.ones((1, 4, 4), np.float16)
    labels = np.array([0, 0, -1, 1, 1, 1, -1, 0, 0, 0])
    dataset = ImageDataset([CachedRecording(frames, labels)], PREPROCESSING, stride=1)
    drawn = [(image[:, 0, 0].tolist(), int(label)) for image, label in dataset]
    expected = [([t - 1, t, t + 1], labels[t]) for t in (1, 3, 4, 5, 7, 8)]
    assert drawn == expected


def test_windows_hold_the_features_around_their_frame_and_stay_where_features_are() -> None:
    features = torch.arange(20.0)[:, None] * torch.ones(1, 3)
    labels = np.where(np.arange(20) % 2, 1, 0)
    labels[9] = -1
    dataset = WindowDataset([features], [labels], Window(past=2, future=1), [(4, 16)])
    drawn = {int(window[2, 0]): (window[:, 0].tolist(), int(label)) for window, label in dataset}
    assert set(drawn) == set(range(6, 15)) - {9}
    assert drawn[7] == ([5, 6, 7, 8], 1)
