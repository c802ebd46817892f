"""Several ways to fit, compared inside what is learned from, and the best judged once."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, RoiRnnConfig, load_decoder, make_decoder
from napari_cortex_decoder.decoder.config import TracePreprocessing, Window
from napari_cortex_decoder.decoder.engine.area_places import areas_in_view
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.held_out_scores import score

Labelled = tuple[Recording, Ethogram]
RATE, SECONDS = 10.0, 150.0
LAST_THIRD = (HeldOut(0, 1000, 1500),)


@pytest.fixture(scope="module")
def mouse() -> Labelled:
    """Bouts of 6 s that four areas tell, two of them inversely, and the frame's mean does not."""
    simulated = simulate_recording(
        seed=1, subject=1, seconds=SECONDS, frame_rate=RATE, shape=(32, 32)
    )
    placed = simulated.truth.registration
    painted = placed.label_image((32, 32))
    names = [area.label for area in placed.atlas.areas]
    rng = np.random.default_rng(3)
    labels = np.arange(1500) // 60 % 2
    movie = rng.normal(1000, 20, (1500, 32, 32))
    up, down = (np.isin(painted, [1 + names.index(n) for n in own]) for own in (
        ("SSp-ll left", "VISp left"), ("SSp-ll right", "VISp right"))
    )  # fmt: skip
    movie += np.where(labels, 4.0, 0)[:, None, None] * (up / up.sum() - down / down.sum()) * 60
    recording = Recording(
        movie=da.from_array(movie, chunks=(500, 32, 32)), name="m1", frame_rate=RATE
    )
    return recording.replace(registration=placed), Ethogram.from_frames(labels, ("rest", "run"))


def blank(recording: Recording) -> Decoder:
    """A decoder of areas that has learned nothing."""
    assert recording.registration is not None
    torch.manual_seed(0)
    config = RoiRnnConfig(
        frame_rate=RATE,
        hidden_size=8,
        preprocessing=TracePreprocessing(areas=areas_in_view(recording, recording.registration)),
    )
    return make_decoder(config, build_network(config).eval(), name="blank")


def test_the_best_of_all_is_taken_and_judged_on_what_no_candidate_has_seen(
    mouse: Labelled, tmp_path: Path
) -> None:
    recording, _ = mouse
    result = fine_tune(blank(recording), [mouse], depth="best", out=tmp_path, held_out=LAST_THIRD)
    by_name = {one.depth: one for one in result.candidates}
    assert set(by_name) == {"threshold", "mean", "linear", "head"}
    (chosen,) = (one for one in result.candidates if one.chosen)
    assert chosen.depth in {"linear", "head"} and result.after.auc > 0.9
    assert all(one.auc <= chosen.auc + 0.01 for one in result.candidates)
    assert by_name["mean"].auc < 0.8 and result.after.global_mean_auc < 0.7
    again = FineTuneFolder(tmp_path).result()
    assert again.candidates == result.candidates and again.decoder.config == result.decoder.config


def test_what_is_held_out_has_no_part_in_the_choice(mouse: Labelled) -> None:
    recording, ethogram = mouse
    start = LAST_THIRD[0].start
    other = ethogram.frames()
    other[start:] = 1 - other[start:]
    swapped = recording, Ethogram.from_frames(other, ethogram.behaviors)
    one, two = (
        fine_tune(blank(recording), [labelled], depth="best", held_out=LAST_THIRD)
        for labelled in (mouse, swapped)
    )
    assert one.candidates == two.candidates
    assert two.after.auc == pytest.approx(1 - one.after.auc, abs=0.01)


def test_linear_filters_are_a_decoder_like_any_other(mouse: Labelled, tmp_path: Path) -> None:
    recording, ethogram = mouse
    result = fine_tune(blank(recording), [mouse], depth="linear", held_out=LAST_THIRD)
    assert result.after.auc > 0.9 > result.before.auc
    assert result.after.calibration_error < 0.15
    result.decoder.save(tmp_path / "line.safetensors")
    loaded = load_decoder(tmp_path / "line.safetensors")
    read = loaded.decode(recording, compute=CPU).probability[1000:].astype(float)
    assert score([(read, ethogram.frames()[1000:])], [0]).auc == pytest.approx(
        result.after.auc, abs=1e-3
    )
    assert loaded.provenance.summary == "Fitted to m1 (linear filters of areas)."
    again = fine_tune(loaded, [mouse], depth="best", held_out=LAST_THIRD)
    assert {one.depth for one in again.candidates} == {"threshold", "mean", "linear"}
    assert again.before.auc == pytest.approx(result.after.auc, abs=1e-3)
    with pytest.raises(TrainingError, match="without a head"):
        fine_tune(loaded, [mouse], depth="head")


def test_a_baseline_that_wins_is_said(mouse: Labelled) -> None:
    """Where the whole frame brightens, no decoder is offered as better than the frame's mean."""
    recording, ethogram = mouse
    rng = np.random.default_rng(5)
    movie = rng.normal(1000, 40, (1500, 1, 1)) + rng.normal(0, 400, (1500, 32, 32))
    movie += 60 * ethogram.frames()[:, None, None]
    bright = recording.replace(movie=da.from_array(movie, chunks=(500, 32, 32)))
    result = fine_tune(blank(bright), [(bright, ethogram)], depth="best", held_out=LAST_THIRD)
    (chosen,) = (one for one in result.candidates if one.chosen)
    assert chosen.depth == "mean"
    assert any("a baseline wins" in warning for warning in result.warnings)
    assert result.after.auc >= result.after.global_mean_auc
    assert not result.decoder.config.preprocessing.areas


def test_without_a_place_of_the_areas_the_frames_mean_is_what_there_is(mouse: Labelled) -> None:
    recording, ethogram = mouse
    whole = RoiRnnConfig(frame_rate=RATE, hidden_size=4)
    base = make_decoder(whole, build_network(whole).eval(), name="whole")
    unplaced = recording.replace(registration=None)
    result = fine_tune(base, [(unplaced, ethogram)], depth="best", held_out=LAST_THIRD)
    assert "linear" not in {one.depth for one in result.candidates}
    assert any("Place the atlas" in warning for warning in result.warnings)
    with pytest.raises(TrainingError, match="nothing says where they lie"):
        fine_tune(base, [(unplaced, ethogram)], depth="linear")


def test_a_cancelled_comparison_gives_the_best_so_far(mouse: Labelled) -> None:
    told: list[Progress] = []

    def report(event: Progress) -> None:
        told.append(event)
        if event.stage == "comparing" and event.done == 2:
            raise Cancelled

    result = fine_tune(blank(mouse[0]), [mouse], depth="best", held_out=LAST_THIRD, progress=report)
    assert [one.depth for one in result.candidates] == ["threshold", "mean"]
    assert sum(one.chosen for one in result.candidates) == 1


def test_a_causal_base_gives_causal_filters(mouse: Labelled) -> None:
    recording, _ = mouse
    base = blank(recording)
    running = base.config.preprocessing.model_copy(
        update={"statistics": "running", "detrend_seconds": None}
    )
    config = base.config.model_copy(
        update={"preprocessing": running, "window": Window(past=15, future=0)}
    )
    causal = make_decoder(config, base.network, name="now")
    linear = fine_tune(causal, [mouse], depth="linear", held_out=LAST_THIRD).decoder.config
    assert linear.frames_after == 0 and linear.preprocessing.causal
