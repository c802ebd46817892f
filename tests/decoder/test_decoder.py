from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.waves import make_recording
from napari_cortex_decoder.compute import CPU, Compute
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    DecodeEvent,
    Decoder,
    Provenance,
    list_decoders,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.networks import CnnRnn, Encoder, reestimate_batch_norm
from napari_cortex_decoder.errors import DecoderError, FrameRateError


def test_the_network_has_as_many_parameters_as_the_papers() -> None:
    network = CnnRnn(CnnRnnConfig())
    assert sum(p.numel() for p in network.cnn.parameters()) == 4_008_829
    assert sum(p.numel() for p in network.parameters()) == 4_649_470


def test_batch_norm_is_reestimated_so_that_random_weights_tell_images_apart() -> None:
    torch.manual_seed(0)
    encoder, images = Encoder().eval(), torch.randn(16, 3, 32, 32)
    with torch.no_grad():
        assert encoder.features(images).std(dim=0).mean() < 1e-6
        weights = {name: p.clone() for name, p in encoder.named_parameters()}
        reestimate_batch_norm(encoder, images)
        assert encoder.features(images).std(dim=0).mean() > 1e-2
    assert all(torch.equal(p, weights[name]) for name, p in encoder.named_parameters())
    assert not any(module.training for module in encoder.modules())
    assert encoder._bn0.momentum == 0.01


@pytest.mark.parametrize("rate", [1.0, 26.9, 33.1])
def test_a_frame_rate_more_than_a_tenth_off_is_refused(decoder: Decoder, rate: float) -> None:
    sentence = f"waves has {rate:g} frames a second .* learned from 30; .*--any-rate"
    with pytest.raises(FrameRateError, match=sentence):
        decoder.stream(make_recording(20, rate=rate), compute=CPU)


@pytest.mark.parametrize("rate", [27.0, 29.97, 33.0])
def test_a_frame_rate_up_to_a_tenth_off_passes_without_a_word(
    decoder: Decoder, rate: float
) -> None:
    assert decoder.decode(make_recording(14, rate=rate), compute=CPU).warnings == ()


def test_any_rate_decodes_and_the_result_carries_the_warning(decoder: Decoder) -> None:
    prediction = decoder.decode(make_recording(20, rate=1.0), compute=CPU, any_rate=True)
    (warning,) = prediction.warnings
    assert re.search(r"waves has 1 frames a second, .*learned from 30", warning)
    assert prediction.settings["any_rate"] is True
    np.testing.assert_array_equal(prediction.times, np.arange(20.0))


def test_a_recording_without_a_frame_rate_must_be_told_it(decoder: Decoder) -> None:
    with pytest.raises(FrameRateError, match="--frame-rate"):
        decoder.decode(make_recording(20, rate=None), compute=CPU, any_rate=True)


def test_a_prediction_says_whose_it_is(decoder: Decoder) -> None:
    recording = make_recording(20).replace(warnings=("3 frames were dropped.",))
    prediction = decoder.decode(recording, compute=Compute(device="cpu", batch_size=4))
    assert prediction.behaviors == ("rest", "run")
    assert (prediction.decoder, prediction.decoder_hash) == ("waves", decoder.hash)
    assert prediction.device == "cpu"
    assert prediction.warnings == ("3 frames were dropped.",)
    assert prediction.settings["batch_size"] == 4
    assert prediction.probability.dtype == np.float32
    known = prediction.probability[6:-6]
    np.testing.assert_allclose(known.sum(axis=1), 1, atol=1e-6)


def test_progress_is_told_every_event(decoder: Decoder) -> None:
    events: list[DecodeEvent] = []
    prediction = decoder.decode(
        make_recording(30), compute=Compute(device="cpu", batch_size=5), progress=events.append
    )
    assert {event.stage for event in events} == {"measuring the movie", "decoding"}
    assert events[-1].prediction is prediction
    streamed = np.full((30, 2), np.nan, np.float32)
    for event in events:
        if event.probability is not None:
            streamed[event.start : event.start + len(event.probability)] = event.probability
    np.testing.assert_array_equal(streamed, prediction.probability)


def test_a_name_that_is_no_decoder_is_refused_with_the_names_that_are(
    small_config: CnnRnnConfig, decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cortex_decoder.decoder.file.BUNDLED", tmp_path)
    with pytest.raises(DecoderError, match="there are: none"):
        load_decoder("run-rest")
    decoder.save(tmp_path / "fast.safetensors")
    with pytest.raises(DecoderError, match="there are: fast"):
        load_decoder("run-rest")
    with pytest.raises(DecoderError, match="does not exist"):
        load_decoder("run-rest.safetensors")
    assert load_decoder("fast").config == small_config


def test_bundled_decoders_are_listed_from_their_headers(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cortex_decoder.decoder.file.BUNDLED", tmp_path)
    for name in ("b", "a"):
        provenance = Provenance(summary=f"decoder {name}", simulated=True)
        config = decoder.config.model_copy(update={"provenance": provenance})
        make_decoder(config, decoder.network, name=name).save(tmp_path / f"{name}.safetensors")
    cards = list_decoders()
    assert list(cards) == ["a", "b"]
    assert cards["a"].provenance.summary == "decoder a"


def test_the_first_choice_is_the_decoder_that_needs_no_atlas() -> None:
    assert next(iter(list_decoders())) == "run-rest"


def test_listing_the_bundled_decoders_loads_no_torch() -> None:
    code = (
        "import sys; from napari_cortex_decoder.decoder import list_decoders; list_decoders()\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", list_decoders())
def test_every_bundled_decoder_loads_and_says_what_it_learned_from(name: str) -> None:
    decoder = load_decoder(name)
    assert decoder.provenance.summary
    assert decoder.provenance.trained_on
    assert decoder.provenance.metrics
