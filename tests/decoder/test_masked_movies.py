"""Pixels outside a mask, NaN or 0 in all frames, are no part of a mean."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_cortex_decoder.atlas import area_traces
from napari_cortex_decoder.decoder import Preprocessing
from napari_cortex_decoder.decoder.config import TracePreprocessing
from napari_cortex_decoder.decoder.engine.area_places import locate_areas
from napari_cortex_decoder.decoder.engine.traces import read_traces
from napari_cortex_decoder.decoder.frames.normalization import movie_statistics, normalized_frames
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording, preprocess
from napari_cortex_decoder.recording.preprocessing import (
    DeltaF,
    Detrend,
    Hemodynamics,
    Resample,
)

OUTSIDE = [np.nan, 0.0]


def brain(n: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(4e3, 9e3, (64, 64)) * rng.normal(1, 0.02, (n, 64, 64)))


def recording_of(frames: np.ndarray, reference: np.ndarray | None = None) -> Recording:
    def lazy(movie: np.ndarray) -> da.Array:
        return da.from_array(movie.astype(np.float32), chunks=(16, -1, -1))

    return Recording(
        movie=lazy(frames),
        reference=None if reference is None else lazy(reference),
        reference_lag=0.0,
        name="m",
        frame_rate=30.0,
    )


def masked(frames: np.ndarray, outside: float) -> np.ndarray:
    frames = frames.copy()
    frames[:, :, 40:] = outside
    return frames


@pytest.mark.parametrize("outside", OUTSIDE)
def test_area_traces_are_of_the_pixels_inside(outside: float) -> None:
    frames = brain()
    labels = np.ones((64, 64), np.int32)
    labels[:, 48:] = 2  # an area that lies wholly outside
    traces = area_traces(da.from_array(masked(frames, outside)), labels, 2)
    np.testing.assert_allclose(traces[:, 0], frames[:, :, :40].mean(axis=(1, 2)), rtol=1e-6)
    assert np.isnan(traces[:, 1]).all()


@pytest.mark.parametrize("outside", OUTSIDE)
def test_the_mean_of_the_frame_is_of_the_pixels_inside(outside: float) -> None:
    frames = brain()
    recording = recording_of(masked(frames, outside))
    labels = locate_areas(TracePreprocessing(), recording, None)
    read = np.concatenate([block for _, block in read_traces(recording, labels, 1)])
    np.testing.assert_allclose(read[:, 0], frames[:, :, :40].mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("scale", ["movie-sd", "centered-sd"])
@pytest.mark.parametrize("statistics", ["session", "running"])
def test_frames_are_scaled_by_what_is_inside(outside: float, scale: str, statistics: str) -> None:
    how = Preprocessing(
        image_size=(32, 32), scale=scale, statistics=statistics, warm_up_seconds=0.1
    )
    frames = brain()
    images = np.concatenate(list(normalized_frames(recording_of(masked(frames, outside)), how)))
    assert (images[:, :, 20:] == 0).all()
    inside = recording_of(frames[:, :, :40])
    small = Preprocessing(
        image_size=(32, 32), scale=scale, statistics=statistics, warm_up_seconds=0.1
    )
    alone = np.concatenate(list(normalized_frames(inside, small)))
    # the frame of 64 x 40 is shrunk by the same factor, and lies in the middle of the image
    np.testing.assert_allclose(images[5:, :, :20], alone[5:, :, 6:26], atol=1e-3)


def test_a_mask_changes_no_pixel_inside_at_its_edge() -> None:
    frames = brain()
    edge = masked(frames, np.nan)
    edge[:, :, 39] = np.nan  # half of a pixel of the image lies outside
    found = movie_statistics(recording_of(edge), Preprocessing(image_size=(32, 32)))
    expected = frames[:, :, 38].reshape(60, 32, 2).mean(axis=(0, 2))
    np.testing.assert_allclose(found.mean[:, 19], expected, rtol=1e-5)


def test_steps_leave_what_is_outside_and_correct_what_is_inside() -> None:
    frames, blood = brain(300), brain(300, seed=1)
    steps = [DeltaF(), Hemodynamics(highpass=None), Detrend(window=2), Resample(frame_rate=20)]
    recording = recording_of(masked(frames, np.nan), masked(blood, np.nan))
    out = np.asarray(preprocess(recording, steps).movie.compute())
    whole = np.asarray(preprocess(recording_of(frames, blood), steps).movie.compute())
    np.testing.assert_allclose(out[:, :, :40], whole[:, :, :40], atol=1e-5)


def test_a_gap_is_no_mask() -> None:
    frames = brain()
    frames[17, 3, 5] = np.nan
    with pytest.raises(RecordingError, match=r"frame 17 .*row 3, column 5|frame 17 "):
        movie_statistics(recording_of(frames), Preprocessing(image_size=(32, 32)))
    with pytest.raises(RecordingError, match="frame 17"):
        preprocess(recording_of(frames), [DeltaF()])
    frames[:] = np.nan
    with pytest.raises(RecordingError, match="frame 0"):
        movie_statistics(recording_of(frames), Preprocessing(image_size=(32, 32)))
