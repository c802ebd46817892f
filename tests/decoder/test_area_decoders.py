"""Decoders of area traces, from a movie and a registration to probabilities."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.toys import probabilities_of
from napari_cortex_decoder.atlas import Area, Atlas, Registration, area_traces
from napari_cortex_decoder.atlas.area import Side
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import (
    CnnConfig,
    DecodeEvent,
    Decoder,
    LinearConfig,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    make_decoder,
)
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.decoder.networks import build_network, probabilities
from napari_cortex_decoder.errors import DecoderError, DeviceError, RecordingError
from napari_cortex_decoder.recording import Recording

SQUARE = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)])


def square(acronym: str, side: Side, x: float, y: float) -> Area:
    return Area(acronym, acronym, side, SQUARE + np.array([x, y]))


ATLAS = Atlas(
    "squares",
    (
        square("A", "right", 0.5, -1.8),
        square("B", "right", 0.5, 0.8),
        square("C", "left", -1.5, -1),
    ),
)
REGISTRATION = Registration.upright(ATLAS, 0.125, (16, 16))
AREAS = ("C left", "A right")


def make_recording(n: int = 90, seed: int = 0, chunk: int = 20) -> Recording:
    """Areas that go up and down on their own, over a brain of uneven brightness."""
    rng = np.random.default_rng(seed)
    frames = 5000 + rng.normal(0, 30, (n, 32, 32)) + 2000 * rng.random((32, 32))
    labels = REGISTRATION.label_image((32, 32))
    for number in range(1, 4):
        course = 600 * np.sin(np.arange(n) / (2 + number))[:, None] + 5 * np.arange(n)[:, None]
        frames[:, labels == number] += course
    movie = da.from_array(frames.astype(np.uint16), chunks=(chunk, -1, -1))
    return Recording(movie=movie, name="m1", frame_rate=30.0)


def area_decoder(config: TraceConfig) -> Decoder:
    torch.manual_seed(0)
    network = build_network(config).eval()
    with torch.no_grad():
        network.linear_out.weight *= 5
    return make_decoder(config, network, name="areas")


def preprocessing(**changes: object) -> TracePreprocessing:
    return TracePreprocessing(
        **{"areas": AREAS, "atlas": "squares", "detrend_seconds": 1.0} | changes
    )


CONFIGS = {
    "roi-rnn": RoiRnnConfig(window=Window(past=3, future=2), preprocessing=preprocessing()),
    "LSTM, three behaviors": RoiRnnConfig(
        behaviors=("rest", "run", "groom"), recurrent="lstm", preprocessing=preprocessing()
    ),
    "published cell": RoiRnnConfig(recurrent="keras-gru", preprocessing=preprocessing()),
    "not detrended": RoiRnnConfig(preprocessing=preprocessing(detrend_seconds=None)),
    "linear": LinearConfig(preprocessing=preprocessing(scaling="sd"), temperature=2),
    "global mean": LinearConfig(preprocessing=preprocessing(areas=())),
}


def expected_inputs(config: TraceConfig, recording: Recording) -> NDArray[np.float64]:
    """What the network sees, computed in one go and the plain way."""
    frames = recording.movie.compute().astype(np.float64)
    labels = REGISTRATION.label_image((32, 32))
    columns = [labels == ATLAS.index("C", "left") + 1, labels == ATLAS.index("A", "right") + 1]
    if not config.preprocessing.areas:
        columns = [np.ones((32, 32), bool)]
    traces = np.stack([frames[:, mask].mean(axis=1) for mask in columns], axis=1)
    change = traces / traces.mean(axis=0) - 1
    if config.preprocessing.detrend_seconds is not None:
        n = round(config.preprocessing.detrend_seconds * 30)
        change = change - [
            change[max(0, t - n // 2) : t + n - n // 2].mean(axis=0) for t in range(len(change))
        ]
    if config.preprocessing.scaling == "sd":
        return (change - change.mean(axis=0)) / change.std(axis=0)
    return (change - change.min(axis=0)) / np.ptp(change, axis=0)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_movie_is_decoded_as_its_traces_are_window_by_window(config: TraceConfig) -> None:
    decoder, recording = area_decoder(config), make_recording()
    inputs = torch.from_numpy(expected_inputs(config, recording)).float()
    length = config.window.length
    windows = torch.stack([inputs[i : i + length] for i in range(len(inputs) - length + 1)])
    with torch.no_grad():
        expected = probabilities(decoder.network(windows) / config.temperature).numpy()
    assert expected.std(axis=0).min() > 0.005
    prediction = decoder.decode(recording, registration=REGISTRATION, compute=Compute(batch_size=7))
    first, stop = config.window.past, 90 - config.window.future
    np.testing.assert_allclose(prediction.probability[first:stop], expected, atol=1e-5)
    assert np.isnan(prediction.probability[:first]).all()
    assert np.isnan(prediction.probability[stop:]).all()
    assert prediction.behaviors == config.behaviors
    assert prediction.device == "cpu"


def test_traces_alone_give_what_the_movie_gives() -> None:
    decoder, recording = area_decoder(CONFIGS["roi-rnn"]), make_recording()
    labels = REGISTRATION.label_image((32, 32))
    every = area_traces(recording.movie, labels, 3)
    traces = every[:, [ATLAS.index("C", "left"), ATLAS.index("A", "right")]]
    expected = decoder.decode(recording, registration=REGISTRATION).probability
    np.testing.assert_allclose(decoder.decode_traces(traces), expected, atol=1e-6)
    change = traces / traces.mean(axis=0) - 1
    np.testing.assert_allclose(decoder.decode_traces(change), expected, atol=1e-5)
    done = preprocess_traces(traces, decoder.config.preprocessing, 30.0)
    ready = probabilities_of(decoder, done)
    np.testing.assert_allclose(ready, expected, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    factor=st.floats(1e-3, 1e4),
    offset=st.floats(-1e4, 1e4),
    running=st.booleans(),
    scaling=st.sampled_from(["min-max", "sd"]),
)
def test_neither_gain_nor_offset_of_a_camera_matters(
    factor: float, offset: float, running: bool, scaling: str
) -> None:
    traces = np.random.default_rng(0).normal(size=(60, 2))
    how = preprocessing(
        statistics="running" if running else "session", scaling=scaling, warm_up_seconds=0.3
    )
    one = preprocess_traces(traces, how, 30.0)
    two = preprocess_traces(traces * factor + offset * factor, how, 30.0)
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_progress_is_told_and_the_prediction_says_how_it_was_made() -> None:
    events: list[DecodeEvent] = []
    decoder = area_decoder(CONFIGS["roi-rnn"])
    prediction = decoder.decode(
        make_recording(),
        registration=REGISTRATION,
        progress=events.append,
        compute=Compute(batch_size=10),
    )
    read = [e.done for e in events if e.stage == "measuring the movie"]
    assert read[0] == 0 and read[-1] == 90 and read == sorted(set(read))
    decoding = [(e.done, e.total) for e in events if e.stage == "decoding"]
    assert decoding[0] == (10, 85)
    assert decoding[-1] == (85, 85)
    assert prediction.settings["atlas"] == "squares"
    assert prediction.settings["registration"] == REGISTRATION.matrix.tolist()


@pytest.mark.parametrize(
    ("areas", "registration", "said"),
    [
        (AREAS, None, r"reads 2 areas, .* registration of the atlas 'squares' .*--registration"),
        (("D left",), REGISTRATION, r"atlas 'squares' on m1 has no 'D left', which"),
        (("A left", "X right", "A right"), REGISTRATION, r"no 'A left' and 1 more areas, which"),
        (
            AREAS,
            Registration.upright(ATLAS, 0.125, (16, 2)),
            r"'C left', which this decoder reads, covers no pixel of m1",
        ),
    ],
    ids=["no registration", "missing", "on the other side", "out of view"],
)
def test_an_area_that_is_not_to_be_found_is_one_sentence(
    areas: tuple[str, ...], registration: Registration | None, said: str
) -> None:
    config = RoiRnnConfig(preprocessing=preprocessing(areas=areas))
    with pytest.raises(DecoderError, match=said):
        area_decoder(config).stream(make_recording(), registration=registration)


def test_a_trace_that_does_not_vary_is_named() -> None:
    recording = make_recording()
    labels = REGISTRATION.label_image((32, 32))
    frames = recording.movie.compute()
    frames[:, labels == ATLAS.index("A", "right") + 1] = 777
    still = recording.replace(movie=da.from_array(frames))
    for name in ("roi-rnn", "not detrended", "linear"):
        with pytest.raises(RecordingError, match=r"m1: the trace of A right does not vary"):
            area_decoder(CONFIGS[name]).decode(still, registration=REGISTRATION)


def test_a_frame_with_an_unusable_pixel_is_named() -> None:
    recording = make_recording()
    frames = recording.movie.compute().astype(np.float32)
    frames[33, 16 + 6, 4] = np.nan  # in no area
    decoder = area_decoder(CONFIGS["roi-rnn"])
    whole = recording.replace(movie=da.from_array(frames))
    assert np.isfinite(decoder.decode(whole, registration=REGISTRATION).probability[40]).all()
    frames[44, REGISTRATION.label_image((32, 32)) == 1] = np.inf
    damaged = recording.replace(movie=da.from_array(frames))
    with pytest.raises(RecordingError, match="m1: frame 44 has pixels"):
        decoder.decode(damaged, registration=REGISTRATION)


@pytest.mark.parametrize(
    ("traces", "said"),
    [
        (np.zeros((40, 3)), r"shape \(40, 3\) .* shape \(frames, 2\)"),
        (np.zeros(40), r"shape \(40,\)"),
        (np.full((40, 2), np.nan), "NaN"),
        (np.full((40, 2), "a"), "numbers"),
    ],
)
def test_traces_of_something_else_are_refused(traces: NDArray[np.generic], said: str) -> None:
    with pytest.raises(DecoderError, match=said):
        area_decoder(CONFIGS["roi-rnn"]).decode_traces(traces)


def test_a_decoder_of_images_has_no_use_for_traces() -> None:
    config = CnnConfig()
    decoder = make_decoder(config, torch.nn.Identity(), name="cnn")
    with pytest.raises(DecoderError, match="'cnn' reads images, not traces"):
        decoder.decode_traces(np.zeros((40, 2)))


def test_a_batch_of_no_windows_is_refused() -> None:
    with pytest.raises(DeviceError, match="batch size is 0"):
        area_decoder(CONFIGS["roi-rnn"]).decode(
            make_recording(), registration=REGISTRATION, compute=Compute(batch_size=0)
        )


def test_an_area_decoder_is_saved_and_comes_back(tmp_path) -> None:
    from napari_cortex_decoder.decoder import load_decoder

    decoder = area_decoder(CONFIGS["published cell"])
    decoder.save(tmp_path / "areas.safetensors")
    again = load_decoder(tmp_path / "areas.safetensors")
    assert again.config == decoder.config
    traces = np.random.default_rng(0).normal(size=(60, 2))
    np.testing.assert_array_equal(again.decode_traces(traces), decoder.decode_traces(traces))
