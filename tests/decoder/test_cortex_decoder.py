"""The bundled decoder that asks each recording which areas tell, on mice that it never met."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder, reads_traces
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.simulation.families import family_parameters

SHAPE = (48, 48)
Mouse = tuple[NDArray[np.float64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def cortex() -> TraceDecoder:
    return reads_traces(load_decoder("run-rest-cortex"))


@pytest.fixture(scope="module", params=["", "clear autoregressive"])
def mice(request: pytest.FixtureRequest) -> list[Mouse]:
    """Traces and labels, of the calibrated mouse and of a family that nothing learned from."""
    found = []
    for number in range(9961, 9965):
        mouse = simulate_recording(
            subject=number,
            seconds=180,
            frame_rate=10,
            life_steps=3,
            shape=SHAPE,
            parameters=family_parameters(request.param, number) if request.param else None,
        )
        placed = mouse.truth.registration
        traces = mouse.area_traces(placed.label_image(SHAPE), len(placed.atlas.areas))
        found.append((traces, mouse.truth.ethogram.frames().astype(np.int64)))
    return found


def scored(values: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    return auc_of_logits(values.astype(np.float64)[:, None], labels) or 0.5


def test_it_reads_mice_that_it_never_met_and_better_than_the_mean_does(
    cortex: TraceDecoder, mice: list[Mouse]
) -> None:
    own = [scored(cortex.decode_traces(traces)[:, 1], labels) for traces, labels in mice]
    mean = [scored(traces.mean(axis=1), labels) for traces, labels in mice]
    assert np.mean(own) > 0.9 and np.mean(own) > np.mean(mean) + 0.05


def test_a_fifth_of_the_areas_out_of_view_costs_little(
    cortex: TraceDecoder, mice: list[Mouse]
) -> None:
    lost = []
    for traces, labels in mice:
        fewer = traces.copy()
        fewer[:, ::5] = np.nan
        both = [scored(cortex.decode_traces(v)[:, 1], labels) for v in (traces, fewer)]
        lost.append(both[0] - both[1])
    assert np.mean(lost) < 0.06


def test_its_card_tells_means_and_worst_mice_beside_the_mean_of_the_frame() -> None:
    card = load_decoder("run-rest-cortex").provenance
    for minutes in (1, 4, 10):
        said = [card.metrics[f"AUC, {minutes} min{which}"] for which in (", worst", "")]
        assert said[0] < said[1] and said[1] > card.metrics[f"AUC, {minutes} min, the frame's mean"]
    assert card.simulated and len(card.held_out) == 6 and "other families" in card.trained_on
    assert card.metrics["AUC, quieted"] < 0.7  # what it cannot read is not left out
