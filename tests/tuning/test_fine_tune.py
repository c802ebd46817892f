"""A few labels make a decoder that knows this mouse, and what they are worth is measured apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import napari_cortex_decoder as ncd
from helpers.tuned_mice import epochs
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import (
    Decoder,
    MouseScore,
    Preprocessing,
    Provenance,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.config import CnnConfig, CnnRnnConfig
from napari_cortex_decoder.decoder.engine.inference import InferenceNetwork
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.learned_frames import held_out_frames
from napari_cortex_decoder.decoder.networks import CnnRnn, build_network, reestimate_batch_norm
from napari_cortex_decoder.errors import FrameRateError, TrainingError
from napari_cortex_decoder.labels import UNKNOWN, Bout, Ethogram
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.tuning import base_mice
from napari_cortex_decoder.tuning.fine_tune import fine_tune, start_fine_tune
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.held_out import HeldOut, folds, hold_out, training_mask
from napari_cortex_decoder.tuning.held_out_scores import score
from napari_cortex_decoder.tuning.linear_units import add_units
from napari_cortex_decoder.tuning.tunable import Model, model_of

N = 900
Labelled = tuple[Recording, Ethogram]


def labelled_mouse(behaviors: tuple[str, ...] = ("rest", "run")) -> Labelled:
    """Bouts of 20 frames; each behavior makes another part of the cortex brighter."""
    rng = np.random.default_rng(1)
    labels = np.arange(N) // 20 % len(behaviors)
    movie = rng.normal(1000, 10, (N, 32, 32))
    for place in range(1, len(behaviors)):
        movie[labels == place, 10 * place : 10 * place + 8] += 15
    recording = Recording(
        movie=da.from_array(movie.astype(np.uint16), chunks=(100, 32, 32)),
        name="mouse1",
        frame_rate=30.0,
    )
    return recording, Ethogram.from_frames(labels, behaviors)


@pytest.fixture(scope="module")
def mouse() -> Labelled:
    return labelled_mouse()


@pytest.fixture(scope="module")
def base(mouse: Labelled) -> Decoder:
    """A decoder that has learned nothing, but whose features differ from frame to frame."""
    torch.manual_seed(0)
    config = CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
        hidden_size=16,
        provenance=Provenance(simulated=True, summary="For tests.", settings={"epochs": 3}),
    )
    network = CnnRnn(config)
    block = next(normalized_frames(mouse[0], config.preprocessing))
    images = np.stack([block[:-2], block[1:-1], block[2:]], axis=1)
    reestimate_batch_norm(network.cnn, torch.from_numpy(images))
    return make_decoder(config, network.eval(), name="blank", hash="0" * 64)


@pytest.fixture(scope="module")
def tuned(base: Decoder, mouse: Labelled) -> ncd.FineTuneResult:
    return fine_tune(base, [mouse], depth="head")


def test_a_head_learns_from_labels_and_is_measured_on_others(
    tuned: ncd.FineTuneResult, base: Decoder
) -> None:
    # of features of random weights; the figures on a decoder that has learned: docs/labels.md
    assert tuned.before.auc < 0.7 and tuned.after.auc > 0.9
    assert tuned.before.balanced_accuracy < 0.6 < 0.8 < tuned.after.balanced_accuracy
    assert tuned.after.calibration_error < 0.1
    assert tuned.before.bout_f1 < 0.3 < 0.6 < tuned.after.bout_f1
    assert np.sum(tuned.after.confusion) == tuned.after.frames > 200
    assert 0.2 < tuned.after.shifted_auc < 0.8
    assert tuned.after.global_mean_auc == pytest.approx(1, abs=0.01)
    assert "mean of the frame alone" in tuned.warnings[-1]  # it does tell all, in this movie
    assert base.provenance.summary == "For tests."


def test_what_was_scored_is_what_the_new_decoder_reads(
    tuned: ncd.FineTuneResult, mouse: Labelled
) -> None:
    """The head that was fitted apart is folded back: decoding anew must give the same."""
    recording, ethogram = mouse
    prediction = tuned.decoder.decode(recording, compute=CPU)
    frames = ethogram.frames()
    parts = [
        (prediction.probability[b.start : b.stop].astype(float), frames[b.start : b.stop])
        for b in tuned.held_out
    ]
    again = score(parts, [b.recording for b in tuned.held_out])
    assert again.auc == pytest.approx(tuned.after.auc, abs=2e-3)
    assert again.accuracy == pytest.approx(tuned.after.accuracy, abs=5e-3)
    assert again.calibration_error == pytest.approx(tuned.after.calibration_error, abs=5e-3)


def test_provenance_tells_base_labels_and_scores(tuned: ncd.FineTuneResult, base: Decoder) -> None:
    card = tuned.decoder.provenance
    assert card.settings["fine_tune.base_sha256"] == base.hash and card.settings["epochs"] == 3
    assert card.metrics["AUC"] == tuned.after.auc
    assert "mouse1" in card.summary and not card.simulated
    assert card.limits == ("Its encoder learned from simulated mice.",)


def test_the_card_says_which_frames_were_held_out(tuned: ncd.FineTuneResult) -> None:
    recording, _ = labelled_mouse()
    held_out = held_out_frames(tuned.decoder.provenance, recording)
    assert held_out is not None
    blocks = [np.arange(block.start, block.stop) for block in tuned.held_out]
    assert np.flatnonzero(held_out).tolist() == sorted(np.concatenate(blocks).tolist())


def test_the_same_seed_gives_the_same_decoder_and_the_base_is_as_it_was(
    base: Decoder, mouse: Labelled, tuned: ncd.FineTuneResult
) -> None:
    before = {name: t.clone() for name, t in base.network.state_dict().items()}
    again = fine_tune(base, [mouse], depth="head")
    for name, tensor in again.decoder.network.state_dict().items():
        torch.testing.assert_close(tensor, tuned.decoder.network.state_dict()[name])
    for name, tensor in base.network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_threshold_keeps_the_order_and_mends_what_probabilities_say(
    tuned: ncd.FineTuneResult, mouse: Labelled
) -> None:
    skewed = make_decoder(
        tuned.decoder.config, _shifted(tuned.decoder), name="skewed", hash="1" * 64
    )
    result = fine_tune(skewed, [mouse], depth="threshold", held_out=tuned.held_out)
    assert result.after.auc == pytest.approx(result.before.auc, abs=1e-3)
    assert result.after.accuracy > result.before.accuracy + 0.03
    assert result.after.calibration_error < result.before.calibration_error


def _shifted(decoder: Decoder) -> CnnRnn:
    network = build_network(decoder.config)
    network.load_state_dict(decoder.network.state_dict())
    with torch.no_grad():
        network.head.linear_out.bias += 6.0 * decoder.config.temperature
    return network.eval()


def test_new_behaviors_get_a_new_head(base: Decoder) -> None:
    recording, ethogram = labelled_mouse(("rest", "run", "groom"))
    result = fine_tune(base, [(recording, ethogram)], depth="head")
    assert result.decoder.behaviors == ("rest", "run", "groom")
    assert result.before.confusion[2][2] == 0  # the base never reads what it does not know
    assert result.after.auc > result.before.auc + 0.03
    assert result.after.balanced_accuracy > result.before.balanced_accuracy
    assert result.decoder.decode(recording, compute=CPU).probability.shape == (N, 3)


def test_known_behaviors_keep_their_odds_in_a_new_head(base: Decoder) -> None:
    changed, _ = with_behaviors(model_of(base), ("run", "groom", "rest"))
    windows = torch.randn(5, 11, 1280)
    old = base.network.head(windows)[:, 0]
    new = changed.head(windows)
    torch.testing.assert_close(new[:, 0] - new[:, 2], old)
    swapped, _ = with_behaviors(model_of(base), ("run", "rest"))
    torch.testing.assert_close(swapped.head(windows)[:, 0], -old)


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_units_that_are_added_to_a_head_average_features_and_leave_its_logits(kind: str) -> None:
    torch.manual_seed(0)
    config = CnnRnnConfig(recurrent=kind, hidden_size=16)
    network = CnnRnn(config).eval()
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 1280)) / 36, np.full(5, 0.3)
    wide, changed = add_units(Model(network, config), weight, bias)
    windows = torch.from_numpy(rng.normal(size=(40, 11, 1280))).float()
    with torch.no_grad():
        torch.testing.assert_close(wide.head(windows), network.head(windows))
        states = wide.head.rnn(windows)[0][:, -1, changed.hidden_size - 5 :].numpy()
    averages = windows.numpy().mean(axis=1) @ weight.T + bias
    for unit in range(5):
        assert np.corrcoef(states[:, unit], averages[:, unit])[0, 1] > 0.999


def test_features_are_computed_once_and_shared_with_decoding(
    base: Decoder, mouse: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORTEX_DECODER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "m1.tif"
    tifffile.imwrite(path, mouse[0].movie.compute(), photometric="minisblack")
    recording = ncd.open_recording(path, frame_rate=30)
    decoded = base.decode(recording, compute=CPU)

    def never(*_: object) -> None:
        raise AssertionError("a frame was encoded again")

    monkeypatch.setattr(InferenceNetwork, "features", never)
    result = fine_tune(base, [(recording, mouse[1])], depth="threshold", compute=CPU)
    assert not (tmp_path / "m1.tif.cortex").exists()
    parts = [
        (decoded.probability[b.start : b.stop].astype(float), mouse[1].frames()[b.start : b.stop])
        for b in result.held_out
    ]
    assert score(parts, [0] * len(parts)).auc == pytest.approx(result.before.auc, abs=2e-3)
    other = recording.replace(steps=({"step": "something else"},))
    with pytest.raises(AssertionError, match="encoded again"):
        fine_tune(base, [(other, mouse[1])], depth="threshold", compute=CPU)


def test_a_run_in_a_thread_tells_its_progress_and_can_be_cancelled_keeping_the_best(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    def stop_early(event: Progress) -> None:
        seen.append(event)
        if epochs([event]) == [(1, 2)]:
            run.cancel()

    run = start_fine_tune(base, [mouse], out=tmp_path, depth="head", progress=stop_early)
    result = run.result()
    assert [event.stage for event in run.progress()] == [event.stage for event in seen]
    assert {event.stage for event in seen} == {"encoding", "fitting", "scoring"}
    assert len(epochs(seen)) == 3
    assert result.after.auc == pytest.approx(result.before.auc, abs=0.02)


def test_a_run_folder_holds_decoder_scores_and_curve(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    result = fine_tune(base, [mouse], out=tmp_path / "run", depth="threshold", name="mine")
    assert load_decoder(tmp_path / "run/decoder.safetensors").behaviors == ("rest", "run")
    told = json.loads((tmp_path / "run/result.json").read_text())
    assert told["after"]["auc"] == result.after.auc and told["held_out"]
    lines = (tmp_path / "run/progress.jsonl").read_text().splitlines()
    assert {json.loads(line)["stage"] for line in lines} == {"encoding", "scoring"}


@pytest.fixture
def known(base: Decoder) -> Decoder:
    """The same, which says that it was tested on a simulated mouse."""
    tested = base.provenance.model_copy(
        update={"held_out": (MouseScore(subject="9001", metrics={}),)}
    )
    return make_decoder(
        base.config.model_copy(update={"provenance": tested}), base.network, name="known"
    )


def test_a_decoder_that_has_forgotten_the_mice_of_its_base_is_warned_of(
    known: Decoder, mouse: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_mice, "SECONDS", 4.0)
    given: list[float] = []

    def measured(*_: object) -> float:
        given.append(0.95 if len(given) % 2 == 0 else 0.7)
        return given[-1]

    monkeypatch.setattr(base_mice, "auc", measured)
    result = fine_tune(known, [mouse], depth="head")
    assert any(
        "simulated mice that its base was tested on: AUC 0.700" in w for w in result.warnings
    )
    assert result.decoder.provenance.metrics["AUC of the base on them"] == 0.95


def test_the_mice_of_the_base_are_encoded_once_for_all_heads_on_its_encoder(
    known: Decoder, encoded: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_mice, "SECONDS", 4.5)
    told: list[int] = []
    found = base_mice.auc_on_base_mice(known, known, CPU, lambda at: told.append(at.done))
    assert encoded() == 4.5 * 30 - 2  # three frames an image; not again for the tuned one
    assert found is not None and found[0] == found[1] and told == [0, 1]
    mouse = simulate_recording(seed=1, subject=9001, seconds=4.5, shape=(32, 32))
    seen = slice(known.config.frames_before, mouse.n_frames - known.config.frames_after, 3)
    running = known.decode(mouse, compute=CPU).probability[seen, 1]
    expected = roc_auc_score(mouse.truth.ethogram.frames()[seen] == 1, running)
    assert found[0] == pytest.approx(expected, abs=2e-3)  # features are kept in 16 bits
    encoded()
    assert base_mice.auc_on_base_mice(known, known, CPU, lambda *_: None) == found
    assert encoded() == 0


def one_bout(behavior: str, n: int) -> tuple[Bout, ...]:
    return tuple(Bout(100 * i, 100 * i + 50, behavior) for i in range(n))


@pytest.mark.parametrize(
    ("bouts", "n_frames", "depth", "reason"),
    [
        ((), N, "head", "nothing is labelled"),
        (one_bout("run", 5), N, "head", "only 'run' is labelled"),
        ((*one_bout("run", 5), Bout(840, 890, "rest")), N, "head", "'rest' has 1 labelled bout;"),
        ((*one_bout("run", 5), *()), N + 1, "head", "give labels of this recording"),
        (one_bout("run", 5), N, "deepest", "is unknown; choose"),
        (
            tuple(sorted((*one_bout("run", 5), *(replace(b, start=b.start + 60, stop=b.stop + 40,
            behavior="groom") for b in one_bout("run", 5))))),
            N, "threshold", "'groom' is new",
        ),
    ],
    ids=["nothing", "one behavior", "too few bouts", "another length", "depth", "new behavior"],
)  # fmt: skip
def test_labels_that_cannot_be_learned_from_are_refused_with_a_reason(
    base: Decoder, mouse: Labelled, bouts: tuple[Bout, ...], n_frames: int, depth: str, reason: str
) -> None:
    names = tuple(dict.fromkeys(bout.behavior for bout in bouts))
    with pytest.raises(TrainingError, match=reason):
        fine_tune(base, [(mouse[0], Ethogram(names, bouts, n_frames))], depth=depth)  # type: ignore[arg-type]


def test_decoders_and_recordings_that_do_not_suit_are_refused(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    recording, ethogram = mouse
    with pytest.raises(FrameRateError):
        fine_tune(base, [(recording.replace(frame_rate=10), ethogram)])
    with pytest.raises(TrainingError, match="no recording"):
        fine_tune(base, [])
    single = make_decoder(CnnConfig(), build_network(CnnConfig()), name="single")
    with pytest.raises(TrainingError, match="is a cnn, which cannot be fine-tuned"):
        fine_tune(single, [mouse])
    with pytest.raises(TrainingError, match="is not a stretch"):
        fine_tune(base, [mouse], held_out=[HeldOut(1, 0, 5)])
    with pytest.raises(TrainingError, match="no frame of 'rest' is left"):
        fine_tune(base, [mouse], held_out=[HeldOut(0, 0, N)])
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be made"):
        fine_tune(base, [mouse], out=tmp_path / "file")


bouted = st.lists(st.tuples(st.integers(-1, 1), st.integers(5, 60)), min_size=12, max_size=40).map(
    lambda runs: np.repeat([v for v, _ in runs], [n for _, n in runs]).astype(np.int64)
)


@given(bouted, st.integers(0, 20))
@settings(max_examples=60)
def test_what_is_learned_from_is_a_gap_away_from_what_is_held_out(
    labels: np.ndarray, gap: int
) -> None:
    try:
        blocks = hold_out([labels], ["m1"], 2)
    except TrainingError:
        return
    (learns,) = training_mask([labels], blocks, gap)
    held = np.zeros(len(labels), bool)
    for block in blocks:
        held[block.start : block.stop] = True
    for mask in (held, ~held):
        assert {0, 1} <= set(labels[mask])
    assert not (learns & (labels == UNKNOWN)).any()
    near = np.convolve(held, np.ones(2 * gap + 1), mode="same") > 0
    assert not (learns & near).any()
    for learning, deciding in folds(learns, 3, gap) if learns.sum() > 10 else ():
        assert not (learning & deciding).any() and not (learning & held).any()


def test_whole_mice_are_held_out_where_there_are_several() -> None:
    labels = [np.tile([0, 1], 50)] * 4
    blocks = hold_out(labels, ["a", "a", "b", "c"], 2)
    assert {block.recording for block in blocks} in ({0, 1}, {2}, {3})
    assert all((block.start, block.stop) == (0, 100) for block in blocks)


def test_scores_of_known_predictions() -> None:
    labels = np.repeat([0, 1, 0, 1], 50)
    right = np.stack([1.0 - labels, labels], axis=1)
    perfect = score([(right, labels)], [0])
    assert (perfect.auc, perfect.accuracy, perfect.bout_f1, perfect.calibration_error) == (
        1, 1, 1, 0,
    )  # fmt: skip
    assert perfect.confusion == ((100, 0), (0, 100)) and perfect.permuted_auc is None
    wrong = score([(right[:, ::-1], labels)], [0])
    assert (wrong.auc, wrong.bout_f1, wrong.calibration_error) == (0, 0, 1)
    half = right.copy()
    half[50:80] = (1, 0)  # 20 of 50 frames of a bout are found: not enough
    assert score([(half, labels)], [0]).bout_f1 < 1
    unsure = np.full((200, 2), 0.5)
    assert score([(unsure, labels)], [0]).auc == 0.5
    two = score([(right, labels), (right, labels)], [0, 1])
    assert two.permuted_auc == 1  # these two recordings happen to be alike


Run = Callable[..., tuple[int, str, str]]


def test_the_command_line_fine_tunes_on_the_labels_beside_the_movie(
    run: Run, base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    movie, decoder, labels = tmp_path / "m.tif", tmp_path / "b.safetensors", tmp_path / "l.csv"
    tifffile.imwrite(movie, mouse[0].movie.compute(), photometric="minisblack")
    base.save(decoder)
    mouse[1].to_csv(labels)
    options = ("--decoder", decoder, "--out", tmp_path / "o", "--frame-rate", 30)
    options += ("--depth", "threshold")
    code, _, err = run("fine-tune", movie, *options)
    assert code == 2 and "has no labels beside it" in err and err.count("\n") == 1
    assert run("label", movie, "--import", labels, "--frame-rate", 30)[0] == 0
    code, out, _ = run("fine-tune", movie, *options, "--json")
    assert code == 0 and json.loads(out)["after"]["frames"] > 0
    assert (tmp_path / "o/decoder.safetensors").is_file()
    code, out, _ = run("fine-tune", movie, *options, "--labels", labels)
    assert code == 0 and "balanced accuracy" in out
