from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.toys import probabilities_of
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.importing import import_decoder
from napari_cortex_decoder.decoder.importing.keras import import_keras
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.simulation import simulate_recording

GRU = {
    "name": "gru",
    "batch_input_shape": [None, 31, 50],
    "units": 32,
    "activation": "tanh",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": True,
    "reset_after": False,
    "go_backwards": False,
    "return_sequences": False,
    "stateful": False,
}
DENSE = {"name": "dense", "units": 1, "activation": "sigmoid", "use_bias": True}


def write_model(
    path: Path,
    gru: dict | None = None,
    dense: dict | None = None,
    change: Callable[[h5py.File], object] = lambda file: None,
) -> Path:
    """A model with random weights, as Keras lays it out."""
    layers = [
        {"class_name": "GRU", "config": GRU | (gru or {})},
        {"class_name": "Dense", "config": DENSE | (dense or {})},
    ]
    rng = np.random.default_rng(0)
    shapes = {
        "gru/gru/kernel:0": (50, 96),
        "gru/gru/recurrent_kernel:0": (32, 96),
        "gru/gru/bias:0": (96,),
        "dense/dense/kernel:0": (32, 1),
        "dense/dense/bias:0": (1,),
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}
        )
        for name, shape in shapes.items():
            values = rng.normal(0, 0.4, shape).astype(np.float32)
            file.create_dataset(f"model_weights/{name}", data=values)
        file.create_dataset("optimizer_weights/training/Adam/iter:0", data=np.int64(7))
        change(file)
    return path


def evaluate(path: Path, windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(run) of windows, shape (n, length, inputs), by the gates as Keras's documentation has them.

    z and r: hard_sigmoid(x W + h U + b); candidate: tanh(x W + (r ∘ h) U + b), each with its
    third of the matrices in the order z, r, h; h ← z ∘ h + (1 − z) ∘ candidate.
    """
    with h5py.File(path) as file:
        weights = file["model_weights"]
        w, u, b = (
            weights[f"gru/gru/{name}:0"][()].astype(np.float64)
            for name in ("kernel", "recurrent_kernel", "bias")
        )
        dense, bias = (weights[f"dense/dense/{name}:0"][()] for name in ("kernel", "bias"))
    n = u.shape[0]

    def gate(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(0.2 * x + 0.5, 0, 1)

    result = []
    for window in windows:
        h = np.zeros(n)
        for x in window:
            z = gate(x @ w[:, :n] + h @ u[:, :n] + b[:n])
            r = gate(x @ w[:, n : 2 * n] + h @ u[:, n : 2 * n] + b[n : 2 * n])
            candidate = np.tanh(x @ w[:, 2 * n :] + (r * h) @ u[:, 2 * n :] + b[2 * n :])
            h = z * h + (1 - z) * candidate
        result.append(1 / (1 + np.exp(-(h @ dense + bias))))
    return np.array(result)[:, 0]


def compare(path: Path) -> None:
    decoder = import_decoder(path)
    assert sum(p.numel() for p in decoder.network.parameters()) == 8_001
    traces = np.random.default_rng(1).random((80, 50)).cumsum(axis=0) % 1.0
    expected = evaluate(
        path, np.lib.stride_tricks.sliding_window_view(traces, 31, 0).swapaxes(1, 2)
    )
    assert expected.std() > 0.02
    probability = probabilities_of(decoder, traces)
    np.testing.assert_allclose(probability[15:-15, 1], expected, atol=1e-5, rtol=0)
    assert np.isnan(probability[:15]).all()
    assert np.isnan(probability[-15:]).all()


def test_an_imported_model_gives_what_its_gates_give(tmp_path: Path) -> None:
    compare(write_model(tmp_path / "model.h5"))


def test_the_published_weights_give_what_their_gates_give(shared_data: Path) -> None:
    compare(shared_data / "ajioka2024" / "best_model_GRU.h5")


def test_the_published_decoder_reads_the_papers_areas_and_is_saved(
    shared_data: Path, tmp_path: Path
) -> None:
    decoder = import_decoder(shared_data / "ajioka2024" / "best_model_GRU.h5")
    config = decoder.config
    assert (config.architecture, config.recurrent, config.hidden_size) == (
        "roi-rnn",
        "keras-gru",
        32,
    )
    assert (config.window.past, config.window.future) == (15, 15)
    assert config.preprocessing.areas[:2] == ("ROI 1 left", "ROI 2 left")
    assert config.preprocessing.areas[25] == "ROI 26 right"
    assert config.preprocessing.detrend_seconds == pytest.approx(1000 / 30)
    assert config.preprocessing.scaling == "min-max"
    assert "0.5 mm" in config.provenance.limits[0]
    decoder.save(tmp_path / "published.safetensors")
    assert load_decoder(tmp_path / "published.safetensors").config == config


def test_the_published_decoder_decodes_a_movie_with_its_rois_on_it(shared_data: Path) -> None:
    decoder = import_decoder(shared_data / "ajioka2024" / "best_model_GRU.h5")
    mouse = simulate_recording(seed=1, subject=1, seconds=3, shape=(64, 64))
    truth = mouse.truth.registration
    rois = Registration(load_atlas("ajioka-50"), truth.matrix, truth.right_matrix)
    prediction = decoder.decode(mouse, registration=rois)
    known = prediction.probability[15:-15]
    assert np.isfinite(known).all()
    assert any("approximate" in warning for warning in prediction.warnings)


def refusal(path: Path) -> str:
    with pytest.raises(DecoderError) as raised:
        import_decoder(path)
    sentence = str(raised.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gru": {"reset_after": True}}, "reset_after = True"),
        ({"gru": {"recurrent_activation": "sigmoid"}}, "recurrent_activation = 'sigmoid'"),
        ({"gru": {"batch_input_shape": [None, 30, 50]}}, "sees 30 frames"),
        ({"gru": {"batch_input_shape": [None, 31, 46]}}, "reads 46 traces"),
        ({"gru": {"batch_input_shape": None}}, "model_config"),
        ({"gru": {"batch_input_shape": [None, 10**9 + 1, 50]}}, "more than any decoder"),
        ({"gru": {"units": 10**9}}, "more than any decoder"),
        ({"gru": {"units": 16}}, "kernel:0 has shape (50, 96), the architecture needs (50, 48)"),
        ({"dense": {"units": 3, "activation": "softmax"}}, "3 outputs"),
        ({"dense": {"activation": "linear"}}, "'linear'"),
    ],
    ids=str,
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, changes: dict, said: str) -> None:
    assert said in refusal(write_model(tmp_path / "m.h5", **changes))


def test_layers_that_are_not_known_are_named(tmp_path: Path) -> None:
    def lstm(file: h5py.File) -> None:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"GRU"', '"LSTM"')

    assert "has the layers LSTM, Dense" in refusal(write_model(tmp_path / "m.h5", change=lstm))


def _nan(file: h5py.File) -> None:
    file["model_weights/gru/gru/bias:0"][3] = np.nan


def _missing(file: h5py.File) -> None:
    del file["model_weights/dense/dense/bias:0"]


def _extra(file: h5py.File) -> None:
    file.create_dataset("model_weights/gru/gru/more:0", data=np.zeros(3, np.float32))


def _integers(file: h5py.File) -> None:
    _missing(file)
    file.create_dataset("model_weights/dense/dense/bias:0", data=np.zeros(1, np.int32))


def _huge(file: h5py.File) -> None:
    del file["model_weights/gru/gru/kernel:0"]
    file.create_dataset("model_weights/gru/gru/kernel:0", (10**6, 10**5), np.float32, chunks=True)


def _linked(file: h5py.File) -> None:
    _missing(file)
    file["model_weights/dense/dense/bias:0"] = h5py.ExternalLink("/etc/other.h5", "/bias")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_nan, "gru/gru/bias:0 holds NaN"),
        (_missing, "lacks tensor dense/dense/bias:0"),
        (_extra, "unexpected tensor gru/gru/more:0"),
        (_integers, "dense/dense/bias:0 holds 1 values of int32"),
        (_huge, "gru/gru/kernel:0 holds 100000000000 values"),
        (_linked, "bias:0 lies in the file '/etc/other.h5'"),
    ],
)
def test_every_tensor_is_accounted_for(
    tmp_path: Path, change: Callable[[h5py.File], None], said: str
) -> None:
    assert said in refusal(write_model(tmp_path / "m.h5", change=change))


def test_hdf5_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        file["movie"] = np.zeros((3, 4, 4))
    assert "no Keras model" in refusal(path)
    assert "no such file" in refusal(tmp_path / "none.h5")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_refused_or_does_no_harm(tmp_path: Path, data: st.DataObject) -> None:
    path = write_model(tmp_path / "damaged.h5")
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(9, len(content) - 1))]
    else:
        for _ in range(3):
            content[data.draw(st.integers(9, 6000))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        import_keras(path)
    except DecoderError as error:
        assert "\n" not in str(error)
