"""Decoders that divide by the SD of raw frames read no ΔF/F, and say so."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from tests.helpers.waves import make_network

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, make_decoder
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording, preprocess
from napari_cortex_decoder.recording.preprocessing import DeltaF, Detrend, Step

RATE = 30.0


@pytest.fixture(scope="module")
def paper() -> Decoder:
    config = CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32)))
    return make_decoder(config, make_network(config), name="paper")


@pytest.fixture(scope="module")
def centered() -> Decoder:
    config = CnnRnnConfig(preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"))
    return make_decoder(config, make_network(config), name="centered")


def raw_frames() -> np.ndarray:
    """Make a brain of uneven brightness whose pixels change by 2 %."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.uniform(4e3, 12e3, (32, 32)) * rng.normal(1, 0.02, (40, 32, 32)))


def recording_of(frames: np.ndarray) -> Recording:
    movie = da.from_array(frames.astype(np.float32), chunks=(16, -1, -1))
    return Recording(movie=movie, name="m", frame_rate=RATE)


@pytest.mark.parametrize("step", [DeltaF(), DeltaF(baseline="percentile"), Detrend(window=0.5)])
def test_a_movie_without_its_baseline_is_refused(
    paper: Decoder, centered: Decoder, step: Step
) -> None:
    recording = preprocess(recording_of(raw_frames()), [step])
    with pytest.raises(RecordingError, match=r"^m: the decoder divides by the SD of raw frames"):
        paper.decode(recording, compute=CPU, cached=False)
    assert np.isfinite(centered.decode(recording, compute=CPU, cached=False).probability).any()


@pytest.mark.parametrize("kind", ["ratio", "percent", "percentile", "z score", "F/F0", "in %"])
def test_one_that_came_so_from_a_file_is_refused_too(paper: Decoder, kind: str) -> None:
    frames = raw_frames()
    mean, spread = frames.mean(axis=0), frames.std(axis=0)
    change = frames / mean - 1
    low = np.percentile(frames, 10, axis=0)
    made = {
        "ratio": change,
        "percent": 100 * change,
        "percentile": frames / low - 1,
        "z score": (frames - mean) / spread,
        "F/F0": 1 + change,
        "in %": 100 + 100 * change,
    }[kind]
    made[:, :4] = 0  # outside a mask
    with pytest.raises(RecordingError, match="decode the raw movie"):
        paper.decode(recording_of(made), compute=CPU, cached=False)


@pytest.mark.parametrize("factor", [1.0, 1 / 65_535, 1e-3])
def test_raw_frames_of_real_numbers_are_decoded(paper: Decoder, factor: float) -> None:
    prediction = paper.decode(recording_of(raw_frames() * factor), compute=CPU, cached=False)
    assert np.isfinite(prediction.probability).any()
