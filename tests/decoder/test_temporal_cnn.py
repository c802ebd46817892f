"""The temporal network on area traces: any frame rate, what areas are in view, seconds around."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.choices import Depth
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, load_decoder, make_decoder
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.engine.own_rate import OwnRate
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.decoder.trace_decoder import reads_traces
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import area_importance, area_saliency
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.tuning.fine_tune import fine_tune


@pytest.fixture(scope="module")
def mouse() -> SimulatedRecording:
    return simulate_recording(
        seed=1, subject=1, seconds=60, frame_rate=10, life_steps=3, shape=(48, 48)
    )


def decoder(mouse: SimulatedRecording, *, causal: bool = False) -> Decoder:
    """A small one of random weights, that sees ± 1.5 s, or 3 s back."""
    torch.manual_seed(0)
    config = TemporalCnnConfig(
        window=Window(past=30, future=0) if causal else Window(past=15, future=15),
        channels=8,
        n_blocks=4,
        preprocessing=TracePreprocessing(
            areas=tuple(area.label for area in mouse.truth.registration.atlas.areas),
            scaling="sd",
            beside_raw=True,
            fewest=6,
            statistics="running" if causal else "session",
            warm_up_seconds=5,
        ),
    )
    return make_decoder(config, build_network(config).eval(), name="temporal")


def placed(
    mouse: SimulatedRecording, movie: da.Array | None = None, rate: float = 10.0
) -> Recording:
    movie = mouse.movie if movie is None else movie
    return Recording(movie=movie, name="m", frame_rate=rate, registration=mouse.truth.registration)


def test_a_stretch_is_read_as_its_windows_are(mouse: SimulatedRecording) -> None:
    torch.manual_seed(1)
    one = decoder(mouse)
    inputs = torch.randn(1, 200, one.config.preprocessing.n_inputs)
    with torch.inference_mode():
        whole = one.network.linear_out(one.network.states(inputs))[0]
        windows = inputs[0].unfold(0, one.window.length, 1).transpose(1, 2)
        torch.testing.assert_close(one.network(windows), whole, rtol=1e-4, atol=1e-5)
    assert whole.std() > 0.01


def test_every_frame_is_predicted_and_a_file_keeps_it(
    mouse: SimulatedRecording, tmp_path: Path
) -> None:
    one = decoder(mouse)
    said = one.decode(placed(mouse), compute=CPU).probability
    assert np.isfinite(said).all() and said[:, 1].std() > 1e-3
    one.save(tmp_path / "t.safetensors")
    again = load_decoder(tmp_path / "t.safetensors")
    np.testing.assert_array_equal(again.decode(placed(mouse), compute=CPU).probability, said)


def test_a_faster_camera_tells_the_same(mouse: SimulatedRecording) -> None:
    one = decoder(mouse)
    said = one.decode(placed(mouse), compute=CPU).probability
    fast = placed(mouse, da.repeat(mouse.movie, 3, axis=0), 30.0)
    of_fast = one.decode(fast, compute=CPU).probability
    assert len(of_fast) == 3 * len(said)
    np.testing.assert_allclose(of_fast[1::3], said, atol=1e-5)


def test_a_causal_one_knows_no_later_frame(mouse: SimulatedRecording) -> None:
    one = decoder(mouse, causal=True)
    fast = da.repeat(mouse.movie, 3, axis=0)
    other = da.concatenate([fast[:1000], fast[1000:][::-1]])
    one_way, other_way = (
        one.decode(placed(mouse, movie, 30.0), compute=CPU).probability for movie in (fast, other)
    )
    np.testing.assert_array_equal(one_way[:1000], other_way[:1000])
    assert not np.allclose(one_way[1100:], other_way[1100:], atol=1e-4)
    assert np.isnan(one_way[: 5 * 30]).all() and np.isfinite(one_way[5 * 30 + 3 :]).all()


def test_areas_out_of_view_are_done_without_until_there_are_too_few(
    mouse: SimulatedRecording,
) -> None:
    one = decoder(mouse)
    half = da.where(np.arange(48) < 24, mouse.movie, 0)  # outside a mask
    said = one.decode(placed(mouse, half), compute=CPU).probability
    assert np.isfinite(said).all()
    strip = da.where(np.arange(48) < 4, mouse.movie, 0)
    with pytest.raises(DecoderError, match="of the areas that this decoder reads, and it needs 6"):
        one.decode(placed(mouse, strip), compute=CPU)
    traces = np.random.default_rng(0).normal(size=(300, 44))
    traces[:, 3] = np.nan
    assert np.isfinite(reads_traces(one).decode_traces(traces)).all()
    traces[5, 4] = np.nan
    with pytest.raises(DecoderError, match="NaN"):
        reads_traces(one).decode_traces(traces)


def test_where_nobody_has_placed_the_atlas_it_is_guessed_and_said(
    mouse: SimulatedRecording,
) -> None:
    unplaced = Recording(movie=mouse.movie, name="m", frame_rate=10.0, pixel_size=mouse.pixel_size)
    prediction = decoder(mouse).decode(unplaced, compute=CPU)
    assert np.isfinite(prediction.probability).all()
    assert any("guessed from the picture" in warning for warning in prediction.warnings)


@pytest.mark.parametrize("depth", ["head", "best"])
def test_it_learns_from_labels_at_the_rate_of_the_recording(
    mouse: SimulatedRecording, depth: Depth
) -> None:
    fast = placed(mouse, da.repeat(mouse.movie, 3, axis=0), 30.0)
    labels = mouse.truth.ethogram.of_frames(np.repeat(np.arange(mouse.n_frames), 3))
    one = decoder(mouse)
    result = fine_tune(one, [(fast, labels)], depth=depth)
    compared = {way.depth: way.auc or 0 for way in result.candidates}
    if depth == "best":
        assert set(compared) == {"threshold", "mean", "linear", "head"}
        (chosen,) = (way.depth for way in result.candidates if way.chosen)
        assert compared[chosen] > max(compared.values()) - 0.01
    assert result.after.auc > result.before.auc and result.after.auc > 0.8
    said = result.decoder.decode(fast, compute=CPU).probability
    block = result.held_out[0]
    assert said.shape == (1800, 2) and block.stop <= 1800


def test_what_it_reads_is_told_by_area(mouse: SimulatedRecording) -> None:
    one, recording = decoder(mouse), placed(mouse)
    registration = mouse.truth.registration
    found = area_saliency(one, recording, registration, points=4)
    assert found.amount.shape == (31, 44) and found.amount.sum() > 0
    importance = area_importance(
        one, recording, registration, mouse.truth.ethogram, behavior="run", compute=CPU
    )
    assert len(importance.table) > 10


@given(st.floats(2, 120), st.integers(2, 400), st.booleans(), st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_what_never_changes_stays_so_at_any_rate(
    rate: float, n: int, causal: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    times = 5 + (np.arange(n) + 0.2 * rng.random(n)) / rate
    own = OwnRate.of(times, 10.0, causal=causal)
    samples = own.gather(np.full((n, 2), 3.0))
    assert samples.shape == (own.n_samples, 2) and np.allclose(samples, 3)
    said = own.spread(samples)
    known = np.isfinite(said).all(axis=1)
    assert said.shape == (n, 2) and np.allclose(said[known], 3)
    assert known.all() or (causal and (times[~known] - times[0] < 0.1).all())
