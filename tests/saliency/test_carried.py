"""What areas carry is another question than what a decoder uses: both are answered."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np

from helpers.toys import SIZE, Linear, quarters
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency import area_importance

MakeLinear = Callable[..., tuple[Decoder, Linear]]

UPPER = np.zeros((SIZE, SIZE))
UPPER[:16] = 0.01
LOWER_LEFT = np.zeros((SIZE, SIZE))
LOWER_LEFT[16:, :16] = 0.01


def saying(amounts: np.ndarray, bouts: int = 36, seed: int = 0) -> tuple[Recording, Ethogram]:
    """A movie of which each pixel says by so much what the animal does, over noise of its own."""
    rng = np.random.default_rng(seed)
    running = np.repeat(np.arange(bouts) % 2, rng.integers(15, 45, bouts))
    frames = 1000 + 20 * rng.standard_normal((len(running), SIZE, SIZE))
    frames += running[:, None, None] * amounts
    movie = da.from_array(frames, chunks=(64, -1, -1))
    recording = Recording(movie=movie, name="saying", frame_rate=30.0)
    return recording, Ethogram.from_frames(running, ("rest", "run"))


def test_an_area_that_says_it_carries_it_though_the_decoder_reads_another(
    linear: MakeLinear,
) -> None:
    decoder, _ = linear(LOWER_LEFT)
    recording, ethogram = saying(np.where((UPPER + LOWER_LEFT) > 0, 4.0, 0.0))
    found = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    upper, _, lower, silent = (row for _, row in found.table.iterrows())
    assert upper["importance"] == 0 < lower["low"]
    assert upper["alone_low"] > 0.9 and lower["alone_low"] > 0.9
    assert silent["alone_low"] < 0.5 < silent["alone_high"]
    assert upper["others_low"] > 0.9, "others say the same"
    assert found.retrained[1] > 0.9


def test_what_one_area_alone_says_is_missed_without_it(linear: MakeLinear) -> None:
    decoder, _ = linear(LOWER_LEFT)
    recording, ethogram = saying(np.where(LOWER_LEFT > 0, 4.0, 0.0))
    found = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    lower = found.table.iloc[2]
    assert lower["alone_low"] > 0.9 and lower["others_low"] < 0.5 < lower["others_high"]


def test_areas_that_say_the_same_are_said_to(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER)
    recording, ethogram = saying(np.where(UPPER > 0, 4.0, 0.0))
    found = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    upper = found.table.iloc[:2]
    together = found.together.set_index("acronym").loc["A"]
    assert together["importance"] > 0.4 and (upper["importance"] < 0.1).all()
    (said,) = found.redundancy
    assert said.startswith(f"A areas say the same: together {together['importance']:+.3f}")


def test_areas_that_add_up_are_not_said_to_say_the_same(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER)
    recording, ethogram = saying(np.where(UPPER > 0, 4.0, 0.0))
    found = area_importance(decoder, recording, quarters(), ethogram, score="log-odds", patches=0)
    each = found.table["importance"].iloc[:2].sum()
    np.testing.assert_allclose(found.together["importance"][0], each, rtol=1e-5)
    assert not found.redundancy


def test_too_few_bouts_to_learn_from_leave_the_question_open(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER)
    recording, ethogram = saying(np.where(UPPER > 0, 4.0, 0.0), bouts=4)
    found = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    assert found.table["importance"].notna().all()
    assert found.table["alone"].isna().all() and np.isnan(found.retrained).all()


def test_an_area_out_of_view_carries_nothing_that_is_known(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER)
    recording, ethogram = saying(np.where(UPPER > 0, 4.0, 0.0))
    away = quarters().nudged(rows=-16.0)  # the upper ones lie above the movie
    found = area_importance(decoder, recording, away, ethogram, patches=0)
    assert found.table["alone"].isna().tolist() == [True, True, False, False]
    assert found.table["others"].isna().tolist() == [True, True, False, False]
