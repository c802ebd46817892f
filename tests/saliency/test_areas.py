"""Area importance: known answers, its interval, its controls, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from sklearn.metrics import roc_auc_score

from helpers.toys import SIZE, Linear, normalized, plain_loop, quarters, two_places
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.errors import AtlasError, DecoderError, LabelError, RecordingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.saliency import (
    area_importance,
    combine_mice,
    sample_frames,
    spread_frames,
)

MakeLinear = Callable[..., tuple[Decoder, Linear]]

UPPER_LEFT = np.zeros((SIZE, SIZE))
UPPER_LEFT[:16, :16] = 0.01


def test_importance_is_the_auc_lost_by_the_plain_formula(linear: MakeLinear) -> None:
    weights = np.random.default_rng(1).normal(0, 0.01, (SIZE, SIZE)) + UPPER_LEFT
    decoder, _ = linear(weights)
    recording, ethogram = two_places()
    result = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    scored = np.arange(3, 240 - 2)
    labels = ethogram.frames()[scored]
    masks = np.zeros((4, SIZE, SIZE), dtype=bool)
    for mask, (row, column) in zip(masks, [(0, 0), (0, 16), (16, 0), (16, 16)], strict=True):
        mask[row : row + 16, column : column + 16] = True
    frames = normalized(recording)
    odds = [
        sum((frames[scored + lag] * weights * ~mask).sum(axis=(1, 2)) for lag in (-2, -1, 0, 1))
        for mask in [np.zeros_like(masks[0]), *masks]
    ]
    auc = [roc_auc_score(labels, values) for values in odds]
    np.testing.assert_allclose(result.table["importance"], auc[0] - np.array(auc[1:]), atol=1e-5)
    assert result.whole.value == pytest.approx(auc[0], abs=1e-5)


def test_without_labels_it_is_the_log_odds_that_an_area_gives(linear: MakeLinear) -> None:
    weights = np.random.default_rng(1).normal(0, 0.01, (SIZE, SIZE))
    decoder, _ = linear(weights)
    recording, _ = two_places()
    result = area_importance(decoder, recording, quarters(), patches=0)
    frames = normalized(recording)
    scored = np.arange(3, 240 - 2)
    parts = [
        sum(
            (frames[scored + lag] * weights)[:, row : row + 16, column : column + 16].sum((1, 2))
            for lag in (-2, -1, 0, 1)
        )
        for row, column in [(0, 0), (0, 16), (16, 0), (16, 16)]
    ]
    sign = np.where(sum(parts) >= 0, 1, -1)
    expected = [(part * sign).mean() for part in parts]
    np.testing.assert_allclose(result.table["importance"], expected, atol=1e-5)
    assert result.whole.score == "log-odds"


def test_of_two_areas_that_say_the_same_the_auc_loses_nothing_and_log_odds_tell_what_each_adds(
    linear: MakeLinear,
) -> None:
    recording, ethogram = two_places()
    frames = recording.movie.compute()
    frames[:, 16:, 16:] += 3 * ethogram.frames()[:, None, None]  # half as loud, and as clear
    twice = replace(recording, movie=da.from_array(frames, chunks=(64, -1, -1)))
    weights = UPPER_LEFT.copy()
    weights[16:, 16:] = 0.01
    decoder, _ = linear(weights)
    frames_in = np.concatenate([np.arange(a + 2, a + 19) for a in range(20, 220, 20)])
    asked = {"frames": frames_in, "patches": 0}
    by_auc = area_importance(decoder, twice, quarters(), ethogram, **asked)
    assert by_auc.whole.value == 1 and (by_auc.table["importance"] == 0).all()
    assert any("near its ceiling" in warning for warning in by_auc.warnings)

    found = area_importance(decoder, twice, quarters(), ethogram, score="log-odds", **asked)
    assert found.whole.score == "auc" and found.whole.value == 1 and found.score == "log-odds"
    assert not any("ceiling" in warning for warning in found.warnings)
    loud, _, _, soft = found.table["importance"]
    assert loud > soft > 0
    assert (found.table["low"].iloc[[0, 3]] > 0).all()
    assert (found.table["importance"][1:3] == 0).all()
    images, labels = normalized(twice) * weights, ethogram.frames()[frames_in]
    odds = sum(images[frames_in + lag] for lag in (-2, -1, 0, 1))
    apart = odds[labels == 1].mean(axis=0) - odds[labels == 0].mean(axis=0)
    assert loud == pytest.approx(apart[:16, :16].sum(), rel=1e-5)


def test_mice_that_were_scored_otherwise_make_no_cohort(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    results = [
        area_importance(decoder, recording, quarters(), ethogram, score=score, patches=0)
        for score in ("auc", "log-odds")
    ]
    with pytest.raises(DecoderError, match="one kind of score"):
        combine_mice(results)


def test_the_area_that_says_it_holds_and_the_others_are_worth_nothing(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places(480)
    result = area_importance(decoder, recording, quarters(), ethogram, patches=20)
    first = result.table.iloc[0]
    assert first["low"] > 0.3 and first["control_high"] < first["importance"]
    assert first["p"] < 0.01
    others = result.table.iloc[1:]
    assert (others["importance"] == 0).all() and not (others["p"] <= 0.5).any()
    assert result.verdict.kind == "holds", result.verdict
    assert "A left" in result.verdict.reason


def test_a_decoder_that_reads_nothing_is_not_supported(linear: MakeLinear) -> None:
    elsewhere = np.zeros((SIZE, SIZE))
    elsewhere[16:, 16:] = 0.01
    decoder, _ = linear(elsewhere)
    recording, ethogram = two_places()
    result = area_importance(decoder, recording, quarters(), ethogram, patches=5)
    assert result.verdict.kind == "not supported"
    assert "does not read 'run'" in result.verdict.reason
    # no control could make it better, so none was paid for
    assert result.table["p"].isna().all() and result.encodings == 5 * 240 - 5 * 2


def test_where_no_area_is_above_chance_no_place_is_paid_for(linear: MakeLinear) -> None:
    decoder, network = linear(UPPER_LEFT)
    recording, ethogram = two_places(480)
    groups = {"read by none": ["B left", "B right"]}
    found = area_importance(decoder, recording, quarters(), ethogram, targets=groups)
    assert found.verdict.kind == "not supported" and network.encoded == 2 * (480 - 2)


def test_too_few_patches_make_it_weak_not_significant(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places(480)
    verdict = area_importance(decoder, recording, quarters(), ethogram, patches=4).verdict
    assert verdict.kind == "weak" and "too few to tell" in verdict.reason


def test_groups_and_pairs_are_taken_at_once(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    single = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    pairs = area_importance(decoder, recording, quarters(), ethogram, targets="pairs", patches=0)
    assert list(pairs.table["acronym"]) == ["A", "B"] and set(pairs.table["side"]) == {"both"}
    groups = {"upper": ["A"], "left": ["A left", "B left"]}
    grouped = area_importance(decoder, recording, quarters(), ethogram, targets=groups, patches=0)
    # nothing but the upper left is read, so all that holds it is worth the same
    worth = single.table["importance"][0]
    np.testing.assert_allclose(grouped.table["importance"], [worth, worth], atol=1e-9)
    assert list(grouped.table["side"]) == ["both", "left"]


def test_kinds_of_replacement_are_compared(linear: MakeLinear) -> None:
    weights = np.random.default_rng(1).normal(0, 0.003, (SIZE, SIZE)) + UPPER_LEFT
    decoder, _ = linear(weights)
    recording, ethogram = two_places()
    result = area_importance(
        decoder,
        recording,
        quarters(),
        ethogram,
        fills=("mean", "blurred", "shuffled"),
        patches=0,
    )
    assert set(result.by_fill) == {"mean", "blurred", "shuffled"}
    for values in result.by_fill.values():
        assert values.argmax() == 0
    assert -1 <= result.agreement <= 1


def test_the_same_seed_gives_the_same_numbers(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    one, two = (
        area_importance(decoder, recording, quarters(), ethogram, patches=3, seed=5).table
        for _ in range(2)
    )
    assert one.equals(two)


def test_each_masked_frame_is_encoded_once_and_unseen_frames_not_at_all(linear: MakeLinear) -> None:
    decoder, network = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    scored = np.r_[20:60, 150:160]
    result = area_importance(decoder, recording, quarters(), ethogram, frames=scored, patches=0)
    images = (40 + 3) + (10 + 3)  # the window has two images before and one after
    assert result.encodings == network.encoded == 7 * images  # all, four areas, A and B together


def test_44_areas_and_their_families_cost_51_passes_and_a_tenth_of_the_authors_route(
    linear: MakeLinear,
) -> None:
    """The paper's window; the areas of the bundled atlas, of which two lie outside this movie."""
    from napari_cortex_decoder.atlas import Registration, load_atlas

    decoder, network = linear(UPPER_LEFT, past=5, future=5)
    recording, ethogram = two_places()
    atlas = load_atlas("dorsal-cortex")
    registration = Registration.upright(atlas, pixel_size=0.45, bregma=(13.0, 15.5))
    result = area_importance(decoder, recording, registration, ethogram, patches=0)
    measured = int(result.table["importance"].notna().sum())
    n = result.whole.n_frames
    assert len(result.table) == 44 and measured >= 40
    passes = 1 + measured + len(result.together)
    assert len(result.together) == 6 and network.encoded <= 1.05 * passes * n
    assert 11 * n * passes >= 10 * network.encoded


def test_44_areas_with_places_and_a_verdict_cost_26_passes_where_there_are_bouts_enough(
    linear: MakeLinear,
) -> None:
    from napari_cortex_decoder.atlas import Registration, load_atlas

    decoder, network = linear(UPPER_LEFT, past=5, future=5)
    recording, ethogram = two_places(2700, bout=90)
    atlas = load_atlas("dorsal-cortex")
    registration = Registration.upright(atlas, pixel_size=0.45, bregma=(13.0, 15.5))
    frames = sample_frames(ethogram, 900)
    result = area_importance(
        decoder, recording, registration, ethogram, score="log-odds", frames=frames
    )
    one = 30 * (30 + 10)  # bouts; the window has five images before and five after
    assert network.encoded <= 26.5 * one
    measured = result.table[result.table["frames"] == result.whole.n_frames]
    assert len(measured) == 8 and measured["p"].notna().all()
    worth = result.ranked()["importance"].to_numpy()
    assert set(result.ranked().index[:3]) <= set(measured.index) and worth[0] > 0


def test_the_masks_fit_a_decoder_of_smaller_images(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    large = recording.replace(movie=recording.movie.repeat(2, axis=1).repeat(2, axis=2))
    twice = quarters()
    twice = type(twice)(twice.atlas, np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]]))
    small = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    same = area_importance(decoder, large, twice, ethogram, patches=0)
    np.testing.assert_allclose(same.table["importance"], small.table["importance"], atol=1e-6)
    assert list(same.table["pixels"]) == [256] * 4


def test_painted_areas_lie_where_they_are(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    result = area_importance(decoder, recording, quarters(), ethogram, patches=0)
    picture = result.paint(quarters(), (SIZE, SIZE))
    assert picture[3, 3] == pytest.approx(result.table["importance"][0])
    assert picture[3, 20] == 0


def test_progress_is_told_and_an_exception_of_it_ends_the_work(linear: MakeLinear) -> None:
    decoder, network = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    told: list[Progress] = []
    area_importance(decoder, recording, quarters(), ethogram, patches=2, progress=told.append)
    stages = list(dict.fromkeys(event.stage for event in told))
    assert stages == ["measuring the movie", "areas", "averaging areas", "learning anew"]
    assert all(0 <= event.done <= event.total for event in told)
    searched = [event for event in told if event.stage == "areas"]
    assert (np.diff([event.done for event in searched]) >= 0).all()
    assert searched[-1].done == searched[-1].total == (1 + 4 + 2 + 2) * (240 - 2)

    class Stop(Exception):
        pass

    def stop(event: Progress) -> None:
        if event.stage == "areas" and event.done:
            raise Stop

    network.encoded = 0
    with pytest.raises(Stop):
        area_importance(
            decoder,
            recording,
            quarters(),
            ethogram,
            patches=2,
            progress=stop,
            compute=Compute(batch_size=16),
        )
    assert network.encoded <= 16


def test_frames_of_many_bouts_are_chosen_before_long_stretches() -> None:
    ethogram = Ethogram.from_frames((np.arange(1000) // 100) % 2, ("rest", "run"))
    chosen = sample_frames(ethogram, 200, stretch=20)
    assert len(chosen) == 200 and (np.diff(chosen) > 0).all()
    per_bout = np.bincount(chosen // 100, minlength=10)
    assert (per_bout == 20).all()


def test_few_frames_are_shared_by_all_behaviors() -> None:
    ethogram = Ethogram.from_frames(np.repeat([0, 1, 0], [44, 178, 138]), ("rest", "run"))
    chosen = sample_frames(ethogram, 30)
    assert len(chosen) == 30
    assert np.bincount(ethogram.frames()[chosen]).tolist() == [15, 15]


@pytest.mark.parametrize("n", [1, 7, 60, 150, 359, 400])
def test_frames_are_spread_inside_the_recording_and_a_single_one_is_in_the_middle(n: int) -> None:
    chosen = spread_frames(360, n)
    assert (np.diff(chosen) > 0).all() and chosen[0] >= 0 and chosen[-1] < 360
    assert n >= 360 or 0.5 * n <= len(chosen) <= n
    assert abs(chosen.mean() - 179.5) < 1.5


def refusals() -> list[tuple[str, type[Exception], str, Callable[..., dict[str, object]]]]:
    ethogram = two_places()[1]
    return [
        (
            "behavior",
            DecoderError,
            "knows no 'groom'; it tells rest, run",
            lambda: {"behavior": "groom"},
        ),
        (
            "labels of one class",
            LabelError,
            "an AUC needs the behavior and something else",
            lambda: {"frames": np.arange(25, 38)},
        ),
        (
            "labels of another recording",
            LabelError,
            "the labels have 100 frames and the recording has 240",
            lambda: {"ethogram": ethogram.crop(0, 100)},
        ),
        (
            "frames outside",
            RecordingError,
            "the recording has frames 0 to 239",
            lambda: {"frames": [10, 240]},
        ),
        ("no window", RecordingError, "no window fits", lambda: {"frames": [0, 1]}),
        ("fill", DecoderError, "choose from mean, blurred, shuffled", lambda: {"fills": ("zero",)}),
        ("group", AtlasError, "names 'C'", lambda: {"targets": {"mine": ["C"]}}),
        ("targets", AtlasError, "are unknown", lambda: {"targets": "all"}),
    ]


@pytest.mark.parametrize("case", refusals(), ids=lambda case: case[0])
def test_what_cannot_be_explained_is_refused_in_one_sentence(
    case: tuple[str, type[Exception], str, Callable[..., dict[str, object]]], linear: MakeLinear
) -> None:
    _, error, sentence, change = case
    decoder, network = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    arguments = {"ethogram": ethogram, "patches": 0} | change()
    with pytest.raises(error, match=sentence) as caught:
        area_importance(decoder, recording, quarters(), **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert network.encoded == 0


def test_an_atlas_beside_the_movie_is_refused(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    with pytest.raises(AtlasError, match="no area of atlas 'quarters' lies on the movie"):
        area_importance(decoder, recording, quarters().nudged(rows=500), ethogram)


def test_an_area_outside_the_movie_is_left_out_and_said(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    moved = quarters().nudged(rows=16)
    result = area_importance(decoder, recording, moved, ethogram, patches=0)
    assert result.table["importance"].isna().tolist() == [False, False, True, True]
    assert any("B left, B right" in warning for warning in result.warnings)


def test_another_frame_rate_is_refused_unless_asked_for(linear: MakeLinear) -> None:
    from napari_cortex_decoder.errors import FrameRateError

    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    slow = recording.replace(frame_rate=10.0)
    with pytest.raises(FrameRateError, match="any_rate"):
        area_importance(decoder, slow, quarters(), ethogram, patches=0)
    result = area_importance(decoder, slow, quarters(), ethogram, patches=0, any_rate=True)
    assert any("10 frames a second" in warning for warning in result.warnings)


def test_the_real_network_agrees_with_a_plain_loop_over_windows() -> None:
    from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder

    decoder = load_decoder("run-rest")
    rng = np.random.default_rng(0)
    import dask.array as da

    frames = (5000 + 300 * rng.standard_normal((40, 64, 64)).cumsum(axis=0)).astype(np.float32)
    recording = Recording(
        movie=da.from_array(frames, chunks=(16, -1, -1)), name="walk", frame_rate=30.0
    )
    masks = np.zeros((1, 64, 64), dtype=bool)
    masks[0, 10:30, 10:30] = True
    scored = np.array([6, 7, 33])
    masked = MaskedDecoder(decoder, recording, report=lambda _: None, compute=Compute(batch_size=7))
    found = masked.log_odds(scored, masks, 1, lambda _: None)
    expected = plain_loop(recording, scored, masks, decoder.network.eval(), 5, 5)
    expected = expected / decoder.config.temperature
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=1e-4)


def test_statistics_that_decoding_left_are_not_measured_again(
    linear: MakeLinear, tmp_path: Path
) -> None:
    decoder, _ = linear(UPPER_LEFT)
    recording, ethogram = two_places()
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, recording.movie.compute().astype(np.uint16))
    opened = open_recording(path, frame_rate=30.0)
    tables, stages = [], []
    for _ in range(2):
        told: list[Progress] = []
        result = area_importance(
            decoder, opened, quarters(), ethogram, patches=0, progress=told.append
        )
        tables.append(result.table)
        stages.append({event.stage for event in told})
    assert stages[0] - stages[1] == {"measuring the movie"}
    assert tables[0].equals(tables[1])


def test_over_mice_the_interval_is_over_mice(linear: MakeLinear) -> None:
    decoder, _ = linear(UPPER_LEFT)
    mice = []
    for seed in range(3):
        recording, ethogram = two_places(160, seed)
        mice.append(area_importance(decoder, recording, quarters(), ethogram, patches=0))
    table = combine_mice(mice)
    means = np.mean([mouse.table["importance"] for mouse in mice], axis=0)
    np.testing.assert_allclose(table["importance"], means)
    first = table.iloc[0]
    each = [mouse.table["importance"][0] for mouse in mice]
    assert min(each) <= first["low"] <= first["importance"] <= first["high"] <= max(each)
    assert list(table["mice"]) == [3] * 4 and first["above"] == 3
    assert first["p"] == pytest.approx(4 / 8)  # three of three, of four areas
    with pytest.raises(DecoderError, match="at least two"):
        combine_mice(mice[:1])
    other = area_importance(decoder, recording, quarters(), ethogram, targets="pairs", patches=0)
    with pytest.raises(DecoderError, match="not explained alike"):
        combine_mice([mice[0], other])
