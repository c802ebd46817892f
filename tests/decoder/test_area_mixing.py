"""Mixtures of areas: by weights that the recording is asked for, whatever its units and areas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import load_decoder, make_decoder
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.decoder.networks.area_mixing import mirrored
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder, reads_traces
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording

AREAS = ("MOs left", "MOs right", "SSp-ul left", "SSp-ul right", "VISp left", "VISp right")


def described(areas: tuple[str, ...] = AREAS, **changes: object) -> TemporalCnnConfig:
    how = {"scaling": "mean-sd", "beside_raw": True, "fewest": 2, "detrend_seconds": 20.0}
    return TemporalCnnConfig(
        window=Window(past=15, future=15),
        channels=8,
        n_blocks=4,
        mixtures=3,
        preprocessing=TracePreprocessing(areas=areas, **{**how, **changes}),  # type: ignore[arg-type]
    )


def decoder(areas: tuple[str, ...] = AREAS) -> TraceDecoder:
    torch.manual_seed(0)
    config = described(areas)
    return reads_traces(make_decoder(config, build_network(config).eval(), name="mixing"))


@pytest.fixture(scope="module")
def traces() -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    shared = np.convolve(rng.standard_normal(700), np.ones(20), "same")[:, None]
    return 100 + shared * rng.uniform(0.2, 1, 6) + 3 * rng.standard_normal((700, 6))


def test_neither_unit_nor_offset_of_the_traces_matters(traces: NDArray[np.float64]) -> None:
    one = decoder()
    said = one.decode_traces(traces)
    assert np.isfinite(said).all() and said[:, 1].std() > 1e-3
    np.testing.assert_allclose(one.decode_traces(7 * traces - 40), said, atol=1e-5)


def test_how_much_an_area_changes_beside_the_others_does(traces: NDArray[np.float64]) -> None:
    louder = traces * np.array([1, 1, 1, 1, 5, 5])
    one = decoder()
    assert np.abs(one.decode_traces(louder) - one.decode_traces(traces)).max() > 1e-3


def test_areas_in_another_order_are_read_alike(traces: NDArray[np.float64]) -> None:
    one, order = decoder(), np.array([4, 5, 0, 1, 2, 3])
    other = decoder(tuple(AREAS[i] for i in order))
    state = one.network.state_dict()
    state["mixing.own"] = state["mixing.own"][order]
    other.network.load_state_dict(state)
    np.testing.assert_allclose(
        other.decode_traces(traces[:, order]), one.decode_traces(traces), atol=1e-5
    )


def test_an_area_that_is_not_seen_weighs_nothing_in_any_mixture(
    traces: NDArray[np.float64],
) -> None:
    mixing = decoder().network.mixing
    inputs = np.concatenate([traces - traces.mean(axis=0)] * 2, axis=1)
    inputs[:, [2, 8]] = 0
    _, descriptions = mixing.described(torch.from_numpy(inputs).float())
    weights = mixing.weights(descriptions[None])[0]
    assert (weights[2] == 0).all() and (weights[[0, 1, 3]] != 0).all()
    assert weights[:, 0].sum().item() == pytest.approx(1, abs=1e-5)  # the mean of what is seen


def test_each_recording_gets_weights_of_its_own(traces: NDArray[np.float64]) -> None:
    mixing = decoder().network.mixing
    found = []
    for values in (traces, traces[:, ::-1].copy()):
        inputs = np.concatenate([values - values.mean(axis=0)] * 2, axis=1)
        _, descriptions = mixing.described(torch.from_numpy(inputs).float())
        found.append(mixing.weights(descriptions[None])[0].detach().numpy())
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_a_movie_is_decoded_and_a_file_keeps_it(tmp_path: Path) -> None:
    mouse: SimulatedRecording = simulate_recording(
        seed=1, subject=1, seconds=40, frame_rate=20, shape=(48, 48)
    )
    movie = Recording(
        movie=mouse.movie, name="m", frame_rate=20.0, registration=mouse.truth.registration
    )
    one = decoder(tuple(area.label for area in mouse.truth.registration.atlas.areas))
    said = one.decode(movie, compute=CPU).probability
    assert np.isfinite(said).all() and said[:, 1].std() > 1e-4
    one.save(tmp_path / "mixing.safetensors")
    again = load_decoder(tmp_path / "mixing.safetensors").decode(movie, compute=CPU)
    np.testing.assert_array_equal(again.probability, said)


def test_sides_are_found_by_name() -> None:
    np.testing.assert_array_equal(mirrored(("A left", "B left", "A right", "C")), [2, 1, 0, 3])


@pytest.mark.parametrize(
    "changes",
    [{"statistics": "running"}, {"scaling": "sd"}, {"beside_raw": False}, {"areas": ()}],
)
def test_mixtures_of_what_they_cannot_be_made_of_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="mixtures need"):
        described(**{"areas": AREAS, **changes})  # type: ignore[arg-type]
