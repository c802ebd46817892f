"""Every path that computes runs on an accelerator, rehearsed on one without values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from rehearsal import Rehearsal, rehearsed
from tuned_mice import blank_decoder, patchy_mouse
from waves import make_network

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    Decoder,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
)
from napari_cortex_decoder.decoder.config import DecoderConfig
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import (
    area_importance,
    cutout_importance,
    randomized_weights,
    saliency,
)

SMALL = Preprocessing(image_size=(32, 32), scale="centered-sd")


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with rehearsed(monkeypatch) as rehearsal:
        yield rehearsal
        assert rehearsal.operations, "nothing was computed there"


@pytest.fixture(scope="module")
def mouse() -> tuple[Recording, Ethogram]:
    return patchy_mouse(300)


@pytest.fixture(scope="module")
def registration() -> Registration:
    return Registration.upright(
        load_atlas("dorsal-cortex"), pixel_size=10.24 / 32, bregma=(14, 15.5)
    )


def decoder_of(config: DecoderConfig) -> Decoder:
    torch.manual_seed(0)
    known = isinstance(config, CnnConfig | CnnRnnConfig)
    network: Any = make_network(config) if known else build_network(config)
    return Decoder(config, network.eval(), name="rehearsed")


IMAGES: dict[str, DecoderConfig] = {
    "cnn": CnnConfig(preprocessing=SMALL),
    "cnn-gru": CnnRnnConfig(preprocessing=SMALL),
    "cnn-lstm": CnnRnnConfig(preprocessing=SMALL, recurrent="lstm"),
    "causal": CnnRnnConfig(
        preprocessing=Preprocessing(
            image_size=(32, 32),
            scale="centered-sd",
            statistics="running",
            channel_offsets=(-2, -1, 0),
            warm_up_seconds=2.0,
        ),
        window=Window(past=5, future=0),
    ),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("how", ["full", "half", "looked at"])
def test_decoding_images(
    name: str, how: str, mouse: tuple[Recording, Ethogram], accelerator: Rehearsal
) -> None:
    decoder = decoder_of(IMAGES[name])
    events = list(
        decoder.stream(
            mouse[0],
            device="meta",
            precision="half" if how == "half" else "full",
            looked_at=(lambda: 150) if how == "looked at" else None,
        )
    )
    assert events[-1].done == events[-1].total
    assert next(decoder.network.parameters()).device.type == "cpu"


def test_decoding_area_traces(
    mouse: tuple[Recording, Ethogram], registration: Registration, accelerator: Rehearsal
) -> None:
    areas = ("MOp left", "MOp right", "VISp left", "VISp right")
    config = RoiRnnConfig(
        preprocessing=TracePreprocessing(areas=areas, detrend_seconds=None, scaling="sd"),
        window=Window(past=5, future=5),
    )
    decoder_of(config).decode(mouse[0], device="meta", registration=registration)


def test_importance_and_maps(
    mouse: tuple[Recording, Ethogram], registration: Registration, accelerator: Rehearsal
) -> None:
    recording, ethogram = mouse
    decoder = blank_decoder(recording)
    frames = np.arange(50, 90)
    options: dict[str, Any] = {"device": "meta"}
    for fill in ("mean", "blurred", "shuffled"):
        area_importance(
            decoder, recording, registration, ethogram, targets="hemispheres", fills=(fill,),
            frames=frames, patches=1, draws=5, **options,
        )  # fmt: skip
    cutout_importance(decoder, recording, ethogram, frames=frames, draws=5, **options)
    for method in ("integrated-gradients", "grad-cam", "occlusion"):
        saliency(decoder, recording, 60, 62, method=method, grid=4, steps=2, **options)
    randomized_weights(decoder, recording, 60, layers=1, grid=4, steps=2, **options)


def test_a_device_mixed_in_by_mistake_is_found(accelerator: Rehearsal) -> None:
    images, weights = torch.empty(2, 3, 8, 8, device="meta"), torch.ones(4, 3, 3, 3)
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.functional.conv2d(images, weights)
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.functional.linear(torch.empty(2, 3, device="meta"), torch.ones(4, 3))


def test_numbers_of_64_bits_are_found(accelerator: Rehearsal) -> None:
    with pytest.raises(TypeError, match="float64"):
        torch.ones(3, device="meta").double()
    with pytest.raises(TypeError, match="float64"):
        torch.as_tensor(torch.ones(3, device="meta"), dtype=torch.float64)
