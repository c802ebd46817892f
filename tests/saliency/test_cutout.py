"""Cutout importance: the paper's places and sizes, and a plain loop over windows."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.toys import SIZE, Linear, plain_loop, two_places
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import cutout_importance
from napari_cortex_decoder.saliency.masking.grids import cutouts, edge_masks, enlarge

MakeLinear = Callable[..., tuple[Decoder, Linear]]


def weights(seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 0.005, (SIZE, SIZE))
    values[:16, :16] += 0.01
    return values


def test_at_128_px_the_places_are_the_papers() -> None:
    masks, rows, columns = cutouts((128, 128), "square", 32, 16)
    assert masks.shape == (49, 128, 128) and (masks.sum(axis=(1, 2)) == 32 * 32).all()
    np.testing.assert_array_equal(rows, columns)
    np.testing.assert_array_equal(rows, 15.5 + 16 * np.arange(7))
    assert masks[0, :32, :32].all() and masks[-1, 96:, 96:].all()
    discs, *_ = cutouts((128, 128), "disc", 32, 16)
    assert np.allclose(discs.sum(axis=(1, 2)), np.pi * 16**2, rtol=0.02)


def test_the_edge_control_is_15_equal_parts_of_the_outermost_16_px() -> None:
    parts = edge_masks((128, 128), 16)
    assert parts.shape[0] == 15 and np.ptp(parts.sum(axis=(1, 2))) <= 1
    whole = parts.sum(axis=0)
    assert whole.max() == 1 and not whole[16:-16, 16:-16].any() and whole.sum() == 128**2 - 96**2


@pytest.mark.parametrize("shape", ["square", "disc"])
def test_it_equals_a_plain_loop_over_windows(linear: MakeLinear, shape: str) -> None:
    decoder, network = linear(weights())
    recording, ethogram = two_places(120)
    found = cutout_importance(decoder, recording, ethogram, cut=shape, step=8, edge=False)  # type: ignore[arg-type]
    masks, *_ = cutouts((SIZE, SIZE), shape, 8, 8)
    scored = np.arange(3, 120 - 2)

    def classify(windows):  # type: ignore[no-untyped-def]
        return network.classify(network.encode(windows.flatten(0, 1))[None])

    odds = plain_loop(recording, scored, masks, classify, past=2, future=1)
    labels = ethogram.frames()[scored]
    auc = np.array([roc_auc_score(labels, row) for row in odds])
    np.testing.assert_allclose(found.map.ravel(), auc[0] - auc[1:], atol=1e-5)
    assert found.size == 8 and found.map.shape == (4, 4)


def test_the_place_that_is_read_holds_and_the_edge_says_so(linear: MakeLinear) -> None:
    middle = np.zeros((SIZE, SIZE))
    middle[8:14, 8:14] = 0.02
    decoder, _ = linear(middle)
    recording, ethogram = two_places(480)
    result = cutout_importance(decoder, recording, ethogram)
    assert (result.size, result.step, result.map.shape) == (8, 4, (7, 7))
    assert np.unravel_index(result.map.argmax(), (7, 7)) == (2, 2)
    assert result.edge.shape == (15,) and np.abs(result.edge).max() < 0.01
    assert result.verdict.kind == "holds", result.verdict
    assert result.p[2, 2] == np.nanmin(result.p) < 0.05


def test_a_map_no_larger_than_its_edge_is_weak(linear: MakeLinear) -> None:
    part = next(part for part in edge_masks((SIZE, SIZE), 4) if part[7, 1])
    decoder, _ = linear(0.02 * part)
    recording, ethogram = two_places(480)
    verdict = cutout_importance(decoder, recording, ethogram).verdict
    assert verdict.kind == "weak" and "edge of the image" in verdict.reason


def test_where_all_places_are_worth_the_same_none_of_them_holds(linear: MakeLinear) -> None:
    decoder, _ = linear(np.full((SIZE, SIZE), 0.01))
    held = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        running = np.repeat(np.arange(40) % 2, rng.integers(8, 24, size=40))[:480]
        frames = 1000 + 20 * rng.standard_normal((480, SIZE, SIZE)) + 0.5 * running[:, None, None]
        movie = da.from_array(frames, chunks=(64, -1, -1))
        recording = Recording(movie=movie, name="alike", frame_rate=30.0)
        ethogram = Ethogram.from_frames(running, ("rest", "run"))
        found = cutout_importance(decoder, recording, ethogram, draws=100)
        held += found.verdict.kind == "holds"
    assert held <= 1  # of 49 places


def test_a_picture_of_the_grid_has_its_values_at_its_places() -> None:
    grid = np.arange(12.0).reshape(1, 3, 4)
    rows, columns = np.array([3.5, 11.5, 19.5]), np.array([3.5, 11.5, 19.5, 27.5])
    picture = enlarge(grid, rows, columns, np.s_[0:24, 0:32], (48, 64))[0]
    assert picture.shape == (48, 64)
    assert (picture[:8, :8] == 0).all()
    assert picture[23:25, 39:41].mean() == pytest.approx(6)
    assert picture[0, 0] == 0 and picture[-1, -1] == 11
    one = enlarge(np.ones((1, 1, 1)), np.array([4.0]), np.array([4.0]), np.s_[0:8, 0:8], (4, 4))
    assert (one == 1).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 33}, "does not fit images of 32 × 32"),
        ({"step": 0}, "a step of at least 1"),
        ({"cut": "star"}, "choose from square, disc"),
    ],
)
def test_impossible_cutouts_are_refused(
    linear: MakeLinear, change: dict[str, object], sentence: str
) -> None:
    decoder, network = linear(weights())
    recording, ethogram = two_places(120)
    with pytest.raises(DecoderError, match=sentence):
        cutout_importance(decoder, recording, ethogram, **change)  # type: ignore[arg-type]
    assert network.encoded == 0
