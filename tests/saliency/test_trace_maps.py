"""Saliency of area traces: the linear answer, completeness, and the published decoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.config import (
    LinearConfig,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.saliency import trace_saliency

PREPROCESSING = TracePreprocessing(areas=("A left", "B left", "C left"), detrend_seconds=None)
WINDOW = Window(past=3, future=2)


def linear() -> Decoder:
    config = LinearConfig(window=WINDOW, preprocessing=PREPROCESSING)
    torch.manual_seed(0)
    return make_decoder(config, build_network(config), name="linear", hash="0" * 64)


def traces(n: int = 200) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 3)).cumsum(axis=0)


def expected(decoder: Decoder, values: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Weight times the distance from the mean of each trace."""
    weights = decoder.network.linear_out.weight.detach().numpy().reshape(6, 3)
    windows = np.stack([values[middle + lag] for lag in range(-3, 3)], axis=1)
    return weights * (windows - values.mean(axis=0))


def test_a_linear_decoder_gives_weight_times_distance_from_the_mean() -> None:
    decoder, values = linear(), traces()
    middle = np.arange(10, 60)
    found = trace_saliency(decoder, values, frames=middle, preprocessed=True)
    each = expected(decoder, values, middle)
    np.testing.assert_allclose(found.amount, np.abs(each).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.signed, each.mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(found.lags, np.arange(-3, 3))
    assert found.gap < 0.01 and found.areas == PREPROCESSING.areas
    assert found.table["share"].sum() == pytest.approx(1)


def test_shap_comes_close_to_the_linear_answer() -> None:
    decoder, values = linear(), traces(400)
    found = trace_saliency(decoder, values, method="shap", preprocessed=True, points=200)
    other = trace_saliency(decoder, values, preprocessed=True)
    np.testing.assert_allclose(found.amount, other.amount, rtol=0.15, atol=0.02)


@pytest.mark.parametrize("recurrent", ["gru", "keras-gru"])
def test_a_recurrent_decoder_is_complete_to_a_percent(recurrent: str) -> None:
    config = RoiRnnConfig(window=WINDOW, preprocessing=PREPROCESSING, recurrent=recurrent)
    torch.manual_seed(0)
    decoder = make_decoder(config, build_network(config), name="roi", hash="0" * 64)
    found = trace_saliency(decoder, traces(), frames=np.arange(20, 80))
    assert found.gap <= 0.01 and found.amount.shape == (6, 3) and found.amount.min() > 0


def test_what_cannot_be_attributed_is_refused() -> None:
    decoder = linear()
    for change, error, sentence in (
        ({"behavior": "groom"}, DecoderError, "knows no 'groom'"),
        ({"method": "lime"}, DecoderError, "choose from integrated-gradients, shap"),
        ({"traces": traces()[:, :2]}, DecoderError, r"reads shape \(frames, 3\)"),
        ({"traces": traces(4)}, RecordingError, "no window of 6 frames fits"),
        ({"frames": [0]}, RecordingError, "around any of the frames asked for"),
    ):
        arguments = {"traces": traces(), "preprocessed": True} | change
        with pytest.raises(error, match=sentence):
            trace_saliency(decoder, **arguments)
