"""OpenVINO encodes the same, or leaves it to PyTorch and says why."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.waves import make_network, make_recording
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.engine import image_engine as engine_module
from napari_cortex_decoder.decoder.engine import openvino_encoder as module


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    """One that lets OpenVINO encode even short movies; nothing is remembered between tests."""
    monkeypatch.setattr(engine_module, "WORTH_COMPILING", 1)
    monkeypatch.setattr(module, "_compiled", {})
    module._openvino.cache_clear()
    config = CnnRnnConfig(
        window=Window(past=1, future=1),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    )
    yield make_decoder(config, make_network(config), name="quick")
    module._openvino.cache_clear()


def test_openvino_gives_the_same_probabilities(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)  # the test imports it, too
    pytest.importorskip("openvino", reason="the extra `fast` is not installed")
    monkeypatch.setattr(module, "_AT_ONCE_PIXELS", 2 * 32 * 32)  # several parts, the last smaller
    recording = make_recording(24)
    fast = decoder.decode(recording, compute=Compute(device="cpu", batch_size=7)).probability
    assert [compiled is not None for compiled in module._compiled.values()] == [True]
    monkeypatch.setattr(engine_module, "WORTH_COMPILING", 1000)
    plain = decoder.decode(recording, compute=Compute(device="cpu", batch_size=7)).probability
    assert plain[2:-2].std(axis=0).min() > 0.03
    np.testing.assert_allclose(fast, plain, atol=1e-4, rtol=0)
    assert not np.array_equal(fast, plain, equal_nan=True)  # else it has not been asked


def test_without_openvino_pytorch_encodes_and_the_log_says_so(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording = make_recording(12)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.WARNING):
        found = decoder.decode(recording, compute=CPU)
    assert np.isfinite(found.probability[2:-2]).all()
    assert "napari-cortex-decoder[fast]" in caplog.text
    assert found.warnings == ()


def test_an_encoder_that_openvino_cannot_take_is_pytorch_s_and_the_log_says_so(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)
    openvino = pytest.importorskip("openvino", reason="the extra `fast` is not installed")

    def refuse(self: object, *args: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(openvino.Core, "compile_model", refuse)
    with caplog.at_level(logging.WARNING):
        found = decoder.decode(make_recording(12), compute=CPU)
    assert np.isfinite(found.probability[2:-2]).all()
    assert "no such instruction" in caplog.text
    assert found.warnings == ()
