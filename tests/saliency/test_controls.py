"""Controls of maps: random weights change them, and the decoder needs what they show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from helpers.toys import SIZE, Linear, two_places
from helpers.waves import make_network, make_recording
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, Window, make_decoder
from napari_cortex_decoder.decoder.networks import reestimate_batch_norm
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.saliency import (
    Randomization,
    deletion_insertion,
    judge_maps,
    randomized_weights,
)
from napari_cortex_decoder.saliency.maps.randomization import images_from_all_over, likeness
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder

MakeLinear = Callable[..., tuple[Decoder, Linear]]

UPPER_LEFT = np.zeros((SIZE, SIZE))
UPPER_LEFT[:16, :16] = 0.01
FRAMES = np.arange(20, 120)


def test_random_weights_change_the_map_layer_by_layer() -> None:
    config = CnnRnnConfig(
        window=Window(past=0, future=0),
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
    )
    decoder = make_decoder(config, make_network(config), name="waves", hash="0" * 64)
    recording = make_recording(80)
    masked = MaskedDecoder(decoder, recording, report=lambda _: None)
    reestimate_batch_norm(decoder.network.cnn, images_from_all_over(masked))
    before = {name: t.clone() for name, t in decoder.network.state_dict().items()}
    found = randomized_weights(decoder, recording, 20, 22, method="grad-cam", seed=7)
    layers = list(found.table["layer"])
    assert layers[:3] == ["none", "recurrent head", "last convolution"]
    assert layers[-2:] == ["stage 1", "stem"]
    first, last = found.table.iloc[0], found.table.iloc[-1]
    assert first["spearman"] > 0.99  # it had this batch normalisation already
    assert last["spearman_abs"] < 0.5
    # what would make the control pass for nothing: a map of a random network that is empty
    assert found.table.drop(columns="layer").notna().all(axis=None)
    for name, tensor in decoder.network.state_dict().items():
        assert tensor.equal(before[name]), f"{name} of the decoder was changed"
    short = randomized_weights(decoder, recording, 20, 21, method="grad-cam", layers=1)
    assert list(short.table["layer"]) == ["none", "recurrent head"]


def test_likeness_is_1_for_the_same_and_0_for_others() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 32, 32)).astype(np.float32)
    same = likeness(one, 5 * one)
    assert all(value == pytest.approx(1, abs=1e-6) for value in same.values())
    apart = likeness(one, other)
    assert all(abs(value) < 0.1 for value in apart.values())


def test_taking_away_what_is_read_costs_more_than_random_places(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    good = deletion_insertion(decoder, recording, UPPER_LEFT, ethogram, squares=4, frames=FRAMES)
    assert good.p == pytest.approx(1 / 20) and good.advantage > 0.1
    assert good.deletion[-1] == pytest.approx(0.5) and good.insertion[3] > 0.9
    bad = deletion_insertion(decoder, recording, -UPPER_LEFT, ethogram, squares=4, frames=FRAMES)
    assert bad.p == 1 and bad.advantage < 0


def test_a_picture_of_other_proportions_is_refused(linear: MakeLinear) -> None:
    decoder, network = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    with pytest.raises(RecordingError, match="same proportions"):
        deletion_insertion(decoder, recording, np.zeros((10, 20)), ethogram)
    assert network.encoded == 0


def judged(spearman: float, ssim: float, layer: str = "stem") -> Randomization:
    row = {"layer": layer, "spearman": spearman, "spearman_abs": spearman, "ssim": ssim}
    return Randomization(maps=None, table=pd.DataFrame([row]))  # type: ignore[arg-type]


def test_the_verdict_on_maps_has_its_reason(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    good = deletion_insertion(decoder, recording, UPPER_LEFT, ethogram, squares=4, frames=FRAMES)
    bad = deletion_insertion(decoder, recording, -UPPER_LEFT, ethogram, squares=4, frames=FRAMES)
    assert judge_maps(judged(0.1, 0.1), good).kind == "holds"
    alike = judge_maps(judged(0.9, 0.8), good)
    assert alike.kind == "not supported" and "shows the movie" in alike.reason
    useless = judge_maps(judged(0.1, 0.1), bad)
    assert useless.kind == "not supported" and "random order" in useless.reason
    assert judge_maps(judged(0.1, 0.1)).kind == "weak"
    partly = judge_maps(judged(0.1, 0.1, "recurrent head"), good)
    assert partly.kind == "weak" and "only randomized down to recurrent head" in partly.reason
