"""Streaming normalisation: what is known at a frame, and nothing of what comes after it."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.waves import make_network, make_recording, moving_frames
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    Decoder,
    DecoderConfig,
    LinearConfig,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.frames.detrending import Detrending, TrailingWindow
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.moving import MovingWindow

CAUSAL = {"statistics": "running", "warm_up_seconds": 0.5}
IMAGES = {"image_size": (32, 32), "scale": "centered-sd", "channel_offsets": (-2, -1, 0)}
PAST = Window(past=4, future=0)

CONFIGS: dict[str, DecoderConfig] = {
    "cnn": CnnConfig(preprocessing=Preprocessing(**IMAGES, **CAUSAL)),
    "cnn-rnn": CnnRnnConfig(window=PAST, preprocessing=Preprocessing(**IMAGES, **CAUSAL)),
    "cnn-rnn, paper's scale": CnnRnnConfig(
        window=PAST, preprocessing=Preprocessing(**IMAGES | {"scale": "movie-sd"}, **CAUSAL)
    ),
    "cnn-rnn, detrended": CnnRnnConfig(
        window=PAST, preprocessing=Preprocessing(**IMAGES, **CAUSAL, detrend_seconds=1)
    ),
    "roi-rnn": RoiRnnConfig(window=PAST, preprocessing=TracePreprocessing(**CAUSAL)),
    "linear, sd": LinearConfig(
        window=PAST, preprocessing=TracePreprocessing(**CAUSAL, scaling="sd", detrend_seconds=1)
    ),
}


def made(config: DecoderConfig) -> Decoder:
    """A decoder whose probabilities tell one frame from another."""
    torch.manual_seed(0)
    if isinstance(config, CnnConfig | CnnRnnConfig):
        return make_decoder(config, make_network(config), name="causal")
    network = build_network(config)
    with torch.no_grad():
        network.linear_out.weight *= 10
    return make_decoder(config, network, name="causal")


def recorded(frames: NDArray[np.uint16], chunk: int = 17) -> Recording:
    movie = da.from_array(frames, chunks=(chunk, -1, -1))
    return Recording(movie=movie, name="waves", frame_rate=30.0)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_what_comes_after_a_frame_changes_nothing_up_to_it(config: DecoderConfig) -> None:
    decoder, frames, t = made(config), moving_frames(60, (32, 32)), 40
    other = frames.copy()
    other[t + 1 :] = moving_frames(60, (32, 32), seed=9)[t + 1 :] // 3 + 9000
    one, two = (decoder.decode(recorded(f), compute=CPU).probability for f in (frames, other))
    known = one[: t + 1][np.isfinite(one[: t + 1, 0])]
    assert len(known) == t + 1 - 15 - config.frames_before
    assert known.std(axis=0).min() > 0.01
    np.testing.assert_allclose(one[: t + 1], two[: t + 1], atol=1e-6)
    assert np.abs(one[t + 1 :] - two[t + 1 :]).max() > 0.01


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_nothing_is_predicted_from_the_warm_up(config: DecoderConfig) -> None:
    probability = made(config).decode(make_recording(40), compute=CPU).probability
    assert np.flatnonzero(np.isfinite(probability[:, 0]))[0] == 15 + config.frames_before
    assert np.isfinite(probability[15 + config.frames_before :]).all()


def test_a_recording_of_no_more_than_the_warm_up_is_too_short() -> None:
    decoder = made(CONFIGS["cnn"])
    with pytest.raises(RecordingError, match=r"needs 18;"):
        decoder.stream(make_recording(17), compute=CPU)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(8, 40),
    chunk=st.integers(1, 40),
    scale=st.sampled_from(["movie-sd", "centered-sd"]),
    offset=st.sampled_from([0, 50_000]),
)
def test_running_statistics_are_those_of_the_frames_so_far_however_they_are_cut(
    n: int, chunk: int, scale: str, offset: int
) -> None:
    frames = np.random.default_rng(n).integers(0, 900, (n, 32, 32)) + offset
    preprocessing = Preprocessing(**IMAGES | {"scale": scale}, **CAUSAL)
    images = np.concatenate(list(normalized_frames(recorded(frames, chunk), preprocessing)))
    for t in range(3, n):
        past = frames[: t + 1].astype(np.float64)
        # each frame was centred by the mean that was known when it came
        means = past.mean(axis=0)
        centered = np.sqrt(((past - means) ** 2).mean())
        sd = past.std() if scale == "movie-sd" else centered
        np.testing.assert_allclose(images[t], (past[t] - means) / sd, atol=1e-4)


def test_a_movie_that_is_still_beyond_the_warm_up_is_one_sentence() -> None:
    frames = moving_frames(40, (32, 32))
    frames[:30] = frames[0]
    with pytest.raises(RecordingError, match="its first 16 frames are all alike"):
        list(normalized_frames(recorded(frames), CONFIGS["cnn"].preprocessing))
    frames = moving_frames(40, (32, 32))
    frames[:10] = frames[0]
    for images in normalized_frames(recorded(frames), CONFIGS["cnn"].preprocessing):
        assert np.isfinite(images).all()


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 60),
    window=st.integers(1, 70),
    cuts=st.lists(st.integers(1, 30), max_size=6),
    trailing=st.booleans(),
)
def test_a_movie_is_detrended_the_same_however_it_comes(
    n: int, window: int, cuts: list[int], trailing: bool
) -> None:
    frames = np.random.default_rng(0).normal(1000, 5, (n, 3, 2)).astype(np.float32)
    moving = (TrailingWindow if trailing else MovingWindow)(window)
    detrending, parts = Detrending(moving), []
    for block in np.split(frames, np.minimum(np.cumsum(cuts), n)):
        if len(block):
            parts.append(detrending.push(block))
    parts.append(detrending.finish())
    expected = [
        frames[t]
        - frames[max(0, t - moving.before) : t + moving.after + 1].mean(axis=0, dtype=float)
        for t in range(n)
    ]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-3)


def test_a_drift_is_gone_from_a_detrended_movie_and_the_rest_is_still_there() -> None:
    frames = moving_frames(300, (32, 32))
    bleaching = (3000 * np.linspace(1, 0, 300))[:, None, None].astype(np.uint16)
    preprocessing = Preprocessing(**IMAGES | {"channel_offsets": (-1, 0, 1)}, detrend_seconds=4)
    plain, drifting = (
        np.concatenate(list(normalized_frames(recorded(f), preprocessing)))
        for f in (frames, frames + bleaching)
    )
    middle = np.s_[60:-60]  # where the window is whole
    assert np.abs(plain[middle] - drifting[middle]).max() < 0.05 * plain[middle].std()
