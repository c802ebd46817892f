"""A run from a cohort to its decoder, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import (
    CnnConfig,
    CnnRnnConfig,
    LinearConfig,
    Preprocessing,
    RoiRnnConfig,
    TracePreprocessing,
    Window,
    load_decoder,
)
from napari_cortex_decoder.decoder.learned_frames import held_out_frames
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.training import (
    Augmentation,
    Session,
    Split,
    SplitRule,
    Stage,
    TrainingConfig,
    TrainingFolder,
    train,
)

Mice = Callable[..., list[Session]]
WINDOW = Window(past=2, future=2)
QUICK = TrainingConfig(
    decoder=LinearConfig(
        window=WINDOW, preprocessing=TracePreprocessing(detrend_seconds=None, scaling="sd")
    ),
    stages=(Stage(kind="windows", epochs=4, batch_size=32, learning_rate=0.03, patience=2),),
    statistics_seconds=4,
)
SMALL = Preprocessing(image_size=(32, 32), scale="centered-sd")


def test_a_run_leaves_a_decoder_that_says_how_it_does_on_mice_it_never_saw(
    mice: Mice, tmp_path: Path
) -> None:
    sessions = mice(4)
    decoder = train(QUICK, sessions, tmp_path / "run", compute=CPU)
    folder = TrainingFolder(tmp_path / "run")
    split = Split.model_validate(json.loads(folder.split_file.read_text())["split"])
    assert [score.subject for score in decoder.provenance.held_out] == list(split.test)
    card = decoder.provenance
    assert card.metrics["AUC, worst mouse"] > 0.95
    assert card.calibration is not None
    assert card.settings["stages.1.kind"] == "windows"
    assert "2 sessions of 2 mice" in card.trained_on
    for session in sessions:
        known = held_out_frames(card, session.load().recording)
        learned = session.subject in split.training
        assert known is not None and not known.any() if learned else known is None

    # what the card says is what the saved file does
    tested = next(session for session in sessions if session.subject in split.test)
    recording, ethogram, registration = tested.load()
    again = load_decoder(folder.decoder_file).decode(recording, registration=registration)
    known = np.isfinite(again.probability[:, 1])
    from sklearn.metrics import roc_auc_score

    auc = roc_auc_score(ethogram.frames()[known], again.probability[known, 1])
    assert auc == pytest.approx(card.held_out[0].metrics["AUC"])

    kinds = [event.stage for event in folder.progress()]
    assert list(dict.fromkeys(kinds)) == ["reading", "windows", "scoring"]
    stage = [event for event in folder.progress() if event.stage == "windows"]
    assert stage[-1].done <= stage[-1].total
    assert any("validation_auc" in event.details for event in stage)
    assert json.loads(folder.metrics_file.read_text())["summary"] == card.metrics
    assert not folder.cache.exists()


def test_the_same_seed_gives_the_same_decoder_and_another_seed_another(
    mice: Mice, tmp_path: Path
) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        config = QUICK.model_copy(update={"seed": seed})
        decoder = train(config, mice(4), tmp_path / name, compute=CPU)
        return torch.cat([p.flatten() for p in decoder.network.parameters()])

    first = weights("a", 1)
    torch.testing.assert_close(weights("b", 1), first, atol=0, rtol=0)
    assert weights("c", 2).shape == first.shape
    assert not torch.allclose(weights("d", 2), first)


def test_a_finished_run_is_not_done_again(mice: Mice, tmp_path: Path) -> None:
    first = train(QUICK, mice(3), tmp_path / "run", compute=CPU)
    told = TrainingFolder(tmp_path / "run").progress()
    again = train(None, mice(3), tmp_path / "run", compute=CPU)
    assert again.hash == first.hash
    assert TrainingFolder(tmp_path / "run").progress() == told


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        TrainingConfig(
            decoder=CnnRnnConfig(preprocessing=SMALL, window=WINDOW, hidden_size=8),
            stages=(
                Stage(kind="frames", epochs=1, batch_size=8, stride=12),
                Stage(kind="features", epochs=1, batch_size=64, stride=4, copies=2),
                Stage(kind="windows", epochs=1, batch_size=4, stride=60, schedule="cosine"),
            ),
            split=SplitRule(head=1),
            class_weights="balanced",
            half_precision=True,
        ),
        TrainingConfig(
            decoder=CnnConfig(behaviors=("rest", "run", "groom"), preprocessing=SMALL),
            stages=(Stage(kind="frames", epochs=1, batch_size=8, stride=12),),
            label_smoothing=0.1,
        ),
        TrainingConfig(
            decoder=RoiRnnConfig(behaviors=("rest", "run", "groom"), hidden_size=4),
            stages=(Stage(kind="windows", epochs=1, batch_size=64, stride=4),),
        ),
    ],
    ids=["cnn-rnn-two-stages-then-end-to-end", "cnn-of-three-behaviors", "roi-rnn-of-three"],
)
def test_every_architecture_is_trained_through_all_its_stages(
    config: TrainingConfig, mice: Mice, tmp_path: Path
) -> None:
    sessions = mice(4, n_frames=120, behaviors=config.decoder.behaviors)
    decoder = train(config, sessions, tmp_path / "run", compute=CPU)
    assert decoder.behaviors == config.decoder.behaviors
    assert decoder.provenance.held_out
    folder = TrainingFolder(tmp_path / "run")
    kinds = [event.stage for event in folder.progress()]
    wanted = [stage.kind for stage in config.stages]
    assert [kind for kind in dict.fromkeys(kinds) if kind in wanted] == wanted
    if config.half_precision:
        recording = sessions[0].load().recording
        saved = load_decoder(folder.decoder_file)
        rounded = {p.dtype for p in saved.network.parameters()}
        assert rounded == {torch.float32}
        both = [d.decode(recording, compute=CPU).probability for d in (decoder, saved)]
        np.testing.assert_array_equal(*both)


def test_an_encoder_is_taken_from_a_decoder_and_stays_as_it_is(mice: Mice, tmp_path: Path) -> None:
    config = TrainingConfig(
        decoder=CnnRnnConfig(preprocessing=SMALL, window=Window(past=1, future=0), hidden_size=4),
        stages=(Stage(kind="features", epochs=1, batch_size=32, stride=4),),
        encoder_from="run-rest",
    )
    decoder = train(config, mice(3, n_frames=90), tmp_path / "run", compute=CPU)
    lender = load_decoder("run-rest")
    assert decoder.provenance.settings["encoder_from"] == f"SHA-256 {lender.hash}"
    given = lender.network.cnn.state_dict()
    for name, tensor in decoder.network.cnn.state_dict().items():
        torch.testing.assert_close(tensor, given[name], atol=0, rtol=0)


def test_one_mouse_is_not_enough(mice: Mice, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the cohort has 1 mouse"):
        train(QUICK, mice(1), tmp_path / "run", compute=CPU)


def test_mice_that_only_rest_teach_nothing(mice: Mice, tmp_path: Path) -> None:
    resting = [
        replace(
            session,
            load=lambda load=session.load: load()._replace(
                ethogram=Ethogram.from_frames(np.zeros(240, int), ("rest", "run"))
            ),
        )
        for session in mice(3)
    ]
    with pytest.raises(TrainingError, match="never show 'run'"):
        train(QUICK, resting, tmp_path / "run", compute=CPU)


def begun(folder: Path, mice: Mice) -> None:
    """Leave a run as a kill after its first checkpoint would."""
    train(QUICK, mice(3), folder, compute=CPU)
    (folder / "decoder.safetensors").unlink()


def test_a_folder_of_another_run_is_refused_and_named(mice: Mice, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begun(folder, mice)
    other = QUICK.model_copy(update={"seed": 5, "augmentation": Augmentation(noise=0)})
    with pytest.raises(TrainingError, match="it differs in seed, augmentation"):
        train(other, mice(3), folder, compute=CPU)
    with pytest.raises(TrainingError, match="another cohort"):
        train(None, mice(4), folder, compute=CPU)
    (folder / "config.json").unlink()
    with pytest.raises(TrainingError, match=r"not its config\.json"):
        train(QUICK, mice(3), folder, compute=CPU)
    with pytest.raises(TrainingError, match=r"holds no config\.json"):
        train(None, mice(3), folder, compute=CPU)


class Executed:
    """Pickled, it would make a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("content", ["pickle", "text", "another network"])
def test_a_strange_checkpoint_is_refused_and_nothing_in_it_is_executed(
    content: str, mice: Mice, tmp_path: Path
) -> None:
    folder, trap = tmp_path / "run", tmp_path / "executed"
    begun(folder, mice)
    (folder / "checkpoints" / "1-windows.safetensors").unlink()
    checkpoint = folder / "checkpoints" / "1-windows.ckpt"
    if content == "pickle":
        torch.save({"state_dict": Executed(trap)}, checkpoint)
    elif content == "text":
        checkpoint.write_text("not a checkpoint")
    else:
        torch.save({"state_dict": {"weight": torch.zeros(3)}}, checkpoint)
    with pytest.raises(
        TrainingError, match=r"1-windows\.ckpt(: this cannot be read| belongs to another)"
    ):
        train(QUICK, mice(3), folder, compute=CPU)
    assert not trap.exists()


def test_damaged_weights_of_a_finished_stage_are_refused(mice: Mice, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begun(folder, mice)
    file = folder / "checkpoints" / "1-windows.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(TrainingError, match=r"1-windows\.safetensors: this cannot be read as"):
        train(QUICK, mice(3), folder, compute=CPU)


def test_two_processes_do_not_train_in_one_folder(mice: Mice, tmp_path: Path) -> None:
    with (
        TrainingFolder(tmp_path / "run").claim(),
        pytest.raises(TrainingError, match="another process"),
    ):
        train(QUICK, mice(3), tmp_path / "run", compute=CPU)


def test_a_loss_that_is_not_finite_ends_the_run(mice: Mice, tmp_path: Path) -> None:
    wild = QUICK.model_copy(
        update={"stages": (QUICK.stages[0].model_copy(update={"learning_rate": 1e38}),)}
    )
    with pytest.raises(TrainingError, match="loss is not finite"):
        train(wild, mice(3), tmp_path / "run", compute=CPU)


def test_a_training_that_an_earlier_version_began_says_how_far_it_is(
    mice: Mice, tmp_path: Path
) -> None:
    train(QUICK, mice(3), tmp_path / "run", compute=CPU)
    folder = TrainingFolder(tmp_path / "run")
    told = [
        {"stage": 1, "stages": 3, "kind": "reading", "step": 3, "steps": 3, "seconds": 0.5},
        {
            "stage": 2,
            "stages": 3,
            "kind": "windows",
            "step": 7,
            "steps": 9,
            "loss": 0.4,
            "seconds": 2,
        },
    ]
    folder.progress_file.write_text("".join(json.dumps(line) + "\n" for line in told))
    reading, last = folder.progress()
    assert (last.stage, last.done, last.total, last.details["loss"]) == ("windows", 7, 9, 0.4)
    folder.forget_after(2, 5)
    assert folder.progress() == [reading]
