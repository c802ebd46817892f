"""Where nothing is special the verdict says so, however many areas are looked at."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import false_discovery_control

from helpers.toys import SIZE
from napari_cortex_decoder.atlas import Area, Atlas, Registration
from napari_cortex_decoder.choices import ScoreName
from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.config import LinearConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import Verdict, area_importance
from napari_cortex_decoder.saliency.importance.control import Places, corrected, excess

EDGE = 8


def many_areas() -> Registration:
    """Sixteen areas of 8 × 8 px; 1 mm is a pixel, bregma the upper left corner."""
    corners = [(x, y) for y in range(0, SIZE, EDGE) for x in range(0, SIZE, EDGE)]
    square = np.array([(0, 0), (EDGE, 0), (EDGE, EDGE), (0, EDGE)]) - 0.5
    areas = tuple(
        Area(f"A{i}", "a place", "left" if x < SIZE / 2 else "right", square + np.array((x, y)))
        for i, (x, y) in enumerate(corners)
    )
    return Registration.upright(Atlas("places", areas), pixel_size=1.0, bregma=(0.0, 0.0))


def everywhere_alike(
    seed: int, special: float = 0.0, *, artifacts: bool = False
) -> tuple[Recording, Ethogram]:
    """Running in every pixel, with noise of its own; by so much more in the first area.

    With artifacts the first area says the opposite as loudly in one frame of every bout.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 24, size=60)  # uneven, or labels moved round in time would fit, too
    running = np.repeat(np.arange(60) % 2, lengths)[:360]
    frames = rng.standard_normal((360, SIZE, SIZE))
    frames += 0.03 * running[:, None, None]
    shown = special * running
    if artifacts:
        for bout in np.split(np.arange(360), np.flatnonzero(np.diff(running)) + 1):
            shown[bout[2]] -= shown[bout].sum()
    frames[:, :EDGE, :EDGE] += shown[:, None, None]
    movie = da.from_array(100 + frames, chunks=(90, -1, -1))
    recording = Recording(movie=movie, name="alike", frame_rate=30.0)
    return recording, Ethogram.from_frames(running, ("rest", "run"))


def mean_of_all(recording: Recording) -> Decoder:
    """Its log-odds are the mean of all pixels."""
    names = tuple(area.label for area in many_areas().atlas.areas)
    config = LinearConfig(
        window=Window(past=0, future=0),
        preprocessing=TracePreprocessing(areas=names, detrend_seconds=None),
    )
    network = build_network(config)
    frames = recording.movie.compute().reshape(-1, 4, EDGE, 4, EDGE)
    traces = frames.mean(axis=(2, 4)).reshape(-1, 16)
    with torch.no_grad():  # which reach it divided by their range
        weights = np.ptp(traces, axis=0) / traces.mean(axis=1).std()
        network.linear_out.weight.copy_(torch.from_numpy(weights[None].astype(np.float32)))
    return make_decoder(config, network, name="mean of all", hash="0" * 64)


def verdict(
    seed: int, special: float = 0.0, score: ScoreName = "log-odds", *, artifacts: bool = False
) -> Verdict:
    recording, ethogram = everywhere_alike(seed, special, artifacts=artifacts)
    decoder = mean_of_all(recording)
    return area_importance(
        decoder, recording, many_areas(), ethogram, score=score, draws=200, seed=seed
    ).verdict


def test_where_every_place_says_the_same_hardly_a_session_holds() -> None:
    found = [verdict(seed) for seed in range(24)]
    assert (
        sum(one.kind == "holds" for one in found) <= 4
    )  # 56 % if each area had p ≤ .05 for itself
    assert sum("random patches" in one.reason for one in found) >= 20, found


def test_the_one_place_that_says_more_holds_and_is_named_first() -> None:
    for seed in range(5):
        found = verdict(seed, special=0.15)
        assert found.kind == "holds", found
        assert found.reason.split(": ")[1].startswith("A0 left")


def test_what_costs_auc_but_no_log_odds_is_not_said_to_hold() -> None:
    for seed in range(3):
        assert verdict(seed, 0.5, "auc").kind == "holds"
        found = verdict(seed, 0.5, "auc", artifacts=True)
        assert found.kind == "weak", found
        assert "A0 left" in found.reason and "but in log-odds it is worth no more" in found.reason


def test_an_auc_of_1_is_no_ground_for_a_verdict_that_holds_and_log_odds_are() -> None:
    found = verdict(0, 3.0, "auc")
    assert found.kind == "weak" and "cannot be told from 1" in found.reason, found
    assert verdict(0, 3.0).kind == "holds"


def test_of_places_that_overlap_the_spread_is_that_of_places() -> None:
    # worth is the sum of independent pixels: the area and its patches are drawn alike
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        pixels = rng.standard_normal((20, 20))
        places = rng.integers(0, 20 - 9, size=(25, 2))
        patches = np.zeros((25, 20, 20), bool)
        for patch, (row, column) in zip(patches, places, strict=True):
            patch[row : row + 9, column : column + 9] = True
        worth = np.array([pixels[patch].sum() for patch in patches])
        places = Places(patches[1:], worth[1:], np.empty((24, 0)))
        found.append(excess(worth[0], patches[0], places))
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.09


@pytest.mark.parametrize("smooth", [0, 3], ids=["by themselves", "as their surroundings"])
@pytest.mark.parametrize("edge", [5, 12])
def test_places_of_other_sizes_make_no_area_special(edge: int, smooth: float) -> None:
    # whether pixels say something by themselves or as their surroundings do
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        pixels = gaussian_filter(rng.standard_normal((40, 40)), smooth)
        masks = np.zeros((26, 40, 40), bool)
        for mask, size in zip(masks, [edge, *rng.integers(4, 14, 25)], strict=True):
            row, column = rng.integers(0, 40 - size, size=2)
            mask[row : row + size, column : column + size] = True
        worth = np.array([pixels[mask].sum() for mask in masks])
        places = Places(masks[1:], worth[1:], np.empty((25, 0))).of(masks[0])
        found.append(excess(worth[0], masks[0], places))
    assert np.mean(np.array(found) <= 0.05) <= 0.08


@given(st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), min_size=1, max_size=30))
def test_corrected_values_are_no_smaller_keep_their_order_and_their_gaps(p: list[float]) -> None:
    given_, found = np.array(p), corrected(np.array(p))
    known = ~np.isnan(given_)
    np.testing.assert_array_equal(np.isnan(found), ~known)
    assert (found[known] >= given_[known]).all() and (found[known] <= 1).all()
    assert (np.diff(found[known][np.argsort(given_[known], kind="stable")]) >= 0).all()
    # what holds for the family holds for the rate of false ones, too
    assert (
        found[known] >= false_discovery_control(np.nan_to_num(given_, nan=1.0))[known] - 1e-12
    ).all()
    smallest = np.nan_to_num(given_, nan=1.0).min()
    assert not known.any() or np.nanmin(found) == pytest.approx(min(1.0, len(p) * smallest))
