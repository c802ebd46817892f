"""End to end in a process of its own: it goes on after a kill, and without whoever began it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.tuned_mice import (
    blank_decoder,
    epochs,
    kill_trainer,
    patchy_mouse,
    trainers,
    wait_until,
)
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning.encoding import encode_frames
from napari_cortex_decoder.tuning.fine_tune import (
    FineTuneJob,
    fine_tune,
    found_job,
    start_fine_tune,
)
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.preparation import Preparation
from napari_cortex_decoder.tuning.tunable import model_of

HELD_OUT = [HeldOut(0, 450, 600)]
Labelled = tuple[Recording, Ethogram]


@pytest.fixture(scope="module")
def mouse() -> Labelled:
    return patchy_mouse()


@pytest.fixture(scope="module")
def base(mouse: Labelled) -> Decoder:
    return blank_decoder(mouse[0])


@pytest.mark.slow
def test_a_trainer_that_is_killed_goes_on_and_whoever_began_it_may_leave(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    owned = ("a-1.npy", "features-0.npy", "base.safetensors", "checkpoint.pt")
    folder.mkdir()
    for name in owned:  # somebody's, by names that a fine-tune once took for its own
        (folder / name).write_text(f"my {name}")

    def begin() -> FineTuneJob:
        return start_fine_tune(
            base, [mouse], out=folder, held_out=HELD_OUT, depth="end-to-end", compute=CPU
        )

    run = begin()
    wait_until(lambda: (1, 1) in epochs(run.progress()) or run.ended)
    kill_trainer(folder)
    with pytest.raises(TrainingError, match="ended from outside; ask for the same again"):
        run.result()
    assert found_job(folder) is None  # nobody works on it, and nothing begins by being looked at
    before = epochs(run.progress())
    run = begin()
    wait_until(lambda: len(epochs(run.progress())) > len(before))
    run.leave()
    assert FineTuneFolder(folder).is_at_work
    for anew, reason in ((False, "is at work in"), (True, "is at work in")):
        with pytest.raises(TrainingError, match=reason):
            fine_tune(
                base, [mouse], out=folder, held_out=HELD_OUT, depth="end-to-end", seed=9, anew=anew
            )
    again = found_job(folder)
    assert again is not None
    result = again.result()
    told = epochs(again.progress())
    assert told == list(dict.fromkeys(told))  # no epoch was learned twice
    assert result.after.auc > result.before.auc and result.after.auc > 0.7
    left = {file.name for file in folder.iterdir()}
    assert {"decoder.safetensors", "result.json", "progress.jsonl"} <= left
    assert "work" not in left
    assert all((folder / name).read_text() == f"my {name}" for name in owned)
    prediction = result.decoder.decode(mouse[0], compute=CPU)
    assert np.isfinite(prediction.probability[10:-10]).all()
    assert "end-to-end" in result.decoder.provenance.summary


def test_frames_are_encoded_without_touching_a_network_that_others_may_share(
    base: Decoder,
) -> None:
    model = with_behaviors(model_of(base), base.behaviors)
    network, _ = model.with_encoder()
    size = base.config.preprocessing.image_size
    frames = np.random.default_rng(0).standard_normal((40, *size)).astype(np.float16)
    wanted = np.arange(40) == 20
    network.cnn.train()
    features = encode_frames(model, frames, wanted, CPU)
    assert network.cnn.training
    network.cnn.eval()
    again = encode_frames(model, frames, wanted, CPU)
    assert features.any()
    np.testing.assert_array_equal(features, again)


def test_labels_too_few_to_learn_from_are_refused_before_anything_is_read(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="too few to learn from end to end"):
        fine_tune(base, [mouse], out=tmp_path / "run", depth="end-to-end")
    assert not (tmp_path / "run").exists()


def test_a_damaged_run_folder_is_refused_in_one_sentence(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    with FineTuneFolder(tmp_path).claim():
        FineTuneFolder(tmp_path).ask({"name": 3})
    with pytest.raises(TrainingError, match=r"config\.json is damaged"):
        fine_tune(base, [mouse], out=tmp_path, held_out=HELD_OUT, depth="end-to-end")


def test_a_fine_tune_cancelled_while_it_reads_leaves_no_frames_behind(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    def stop_between_the_two(_: Progress) -> None:
        if (tmp_path / "work/frames-0.npy").exists():
            run.cancel()

    run = start_fine_tune(
        base, [mouse, patchy_mouse(name="mouse2", seed=2)], out=tmp_path, depth="end-to-end",
        progress=stop_between_the_two,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="cancelled before anything was learned"):
        run.result()
    assert not (tmp_path / "work").exists()


def test_a_trainer_whose_result_nobody_else_could_find_ends_with_whoever_is_killed(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    folder = FineTuneFolder(tmp_path / "temporary")
    job = Preparation(base, [mouse], "end-to-end", HELD_OUT, CPU, 1, None)
    with folder.claim():
        folder.ask(job.asked.model_dump(mode="json"))
        job.prepare(folder, lambda _: None)
    program = (
        "import sys, time; from napari_cortex_decoder.tuning.trainer import *; "
        "process = trainer(FineTuneFolder(sys.argv[1]), tied=True, forgotten=True); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder.path)]) as beginner:
        wait_until(lambda: folder.is_at_work or beginner.poll() is not None)
        assert beginner.poll() is None
        beginner.kill()
    wait_until(lambda: not folder.path.exists())
    wait_until(lambda: not trainers(folder.path))
