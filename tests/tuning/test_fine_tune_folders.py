"""What a fine-tune may do to the folder that it is given: add to it, or refuse it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import napari_cortex_decoder as ncd
from helpers.tuned_mice import blank_decoder, patchy_mouse
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, LinearConfig, load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training import (
    Stage,
    TrainingConfig,
    TrainingFolder,
    train,
)
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.held_out import HeldOut

HELD_OUT = [HeldOut(0, 450, 600)]
OWNED = ("a-1.npy", "features-0.npy", "base.safetensors", "checkpoint.pt", "sub/b-2.npy")
Labelled = tuple[Recording, Ethogram]
FineTune = Callable[..., ncd.FineTuneResult]


@pytest.fixture(scope="module")
def mouse() -> Labelled:
    return patchy_mouse()


@pytest.fixture(scope="module")
def base(mouse: Labelled) -> Decoder:
    return blank_decoder(mouse[0])


@pytest.fixture
def tune(base: Decoder, mouse: Labelled) -> FineTune:
    def tune(out: Path, **options: object) -> ncd.FineTuneResult:
        settings = {"depth": "threshold", "held_out": HELD_OUT, "compute": CPU} | options
        return ncd.fine_tune(base, [mouse], out=out, **settings)

    return tune


def held(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """A folder with somebody's files, by names that a fine-tune once took for its own."""
    for name in OWNED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"my {name}")
    return tmp_path


@pytest.mark.parametrize("depth", ["threshold", "head"])  # end to end: in test_end_to_end.py
def test_a_folder_of_somebodys_files_is_only_added_to(
    tune: FineTune, owned: Path, depth: str
) -> None:
    before = held(owned)
    tune(owned, depth=depth)
    after = held(owned)
    assert before.items() <= after.items()
    new = {name for name in after if name not in before}
    assert {"decoder.safetensors", "result.json", "run-folder.json"} <= new
    assert not any("/" in name for name in new)  # what only the fit needed is gone


def test_an_end_to_end_fine_tune_that_is_interrupted_leaves_somebodys_files(
    tune: FineTune, owned: Path
) -> None:
    before = held(owned)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(owned, depth="end-to-end", progress=stop)
    assert before.items() <= held(owned).items() and not (owned / "work").exists()


def test_a_decoder_that_somebody_put_there_is_not_written_over(
    tune: FineTune, base: Decoder, tmp_path: Path
) -> None:
    base.save(tmp_path / "decoder.safetensors")
    before = held(tmp_path)
    with pytest.raises(TrainingError, match=r"decoder\.safetensors is there already"):
        tune(tmp_path, anew=True)
    assert held(tmp_path) == before


def test_the_same_fine_tune_gives_its_result_and_another_one_is_refused_until_asked_to_begin_anew(
    tune: FineTune, tmp_path: Path
) -> None:
    first = tune(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    before = held(tmp_path)
    again = tune(tmp_path)
    assert held(tmp_path) == before and again.after == first.after
    assert again.decoder.name == first.decoder.name == "blank-tuned"
    with pytest.raises(TrainingError, match="holds another fine-tune, of other recordings"):
        tune(tmp_path, seed=2)
    assert held(tmp_path) == before
    tune(tmp_path, seed=2, anew=True)
    card = load_decoder(tmp_path / "decoder.safetensors").provenance
    assert card.settings["fine_tune.seed"] == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_other_frames_under_the_same_labels_are_another_fine_tune(
    base: Decoder, mouse: Labelled, tune: FineTune, tmp_path: Path
) -> None:
    tune(tmp_path)
    brighter = mouse[0].replace(movie=mouse[0].movie + 1)
    with pytest.raises(TrainingError, match="holds another fine-tune, of other recordings"):
        ncd.fine_tune(
            base, [(brighter, mouse[1])], out=tmp_path, depth="threshold", held_out=HELD_OUT,
            compute=CPU,
        )  # fmt: skip


def test_training_and_fine_tune_never_touch_each_others_folders(
    tune: FineTune, mice: Callable[..., list[object]], tmp_path: Path
) -> None:
    tuned, trained = tmp_path / "tuned", tmp_path / "trained"
    tune(tuned)
    folder = TrainingFolder(trained)
    with folder.claim():
        folder.ask({})
        folder.tell(Progress("windows", 1, 9, details={"phase": 1, "seconds": 0}))
        folder.checkpoint_file(1, "windows").write_bytes(b"hours of work")
    before = held(tmp_path)
    for anew in (False, True):
        with pytest.raises(TrainingError, match="is the run folder of a training, not of a fine-"):
            tune(trained, anew=anew)
    with pytest.raises(TrainingError, match="is the run folder of a fine-tune, not of a training"):
        train(None, mice(3), tuned, compute=CPU)
    assert held(tmp_path) == before


def test_a_fine_tune_of_a_version_without_marker_is_refused_untouched(
    tune: FineTune, tmp_path: Path
) -> None:
    (tmp_path / "asked.json").write_text(json.dumps({"name": "mine", "depth": "end-to-end"}))
    (tmp_path / "frames-0.npy").write_bytes(b"frames")
    (tmp_path / "progress.jsonl").write_text("")
    before = held(tmp_path)
    for anew in (False, True):
        with pytest.raises(TrainingError, match="an earlier version of this program has begun"):
            tune(tmp_path, anew=anew)
    with pytest.raises(TrainingError, match="an earlier version"):
        FineTuneFolder(tmp_path).forget()
    assert held(tmp_path) == before


def test_a_training_of_a_version_without_marker_goes_on(
    mice: Callable[..., list[object]], tmp_path: Path
) -> None:
    quick = TrainingConfig(
        decoder=LinearConfig(), stages=(Stage(kind="windows", epochs=2, learning_rate=0.03),)
    )
    whole = train(quick, mice(3), tmp_path / "whole", compute=CPU)
    folder = tmp_path / "earlier"
    train(quick, mice(3), folder, compute=CPU)
    for name in ("run-folder.json", "decoder.safetensors", ".lock"):
        (folder / name).unlink()
    (folder / "notes.txt").write_text("mine")
    again = train(None, mice(3), folder, compute=CPU)
    assert again.provenance.metrics == whole.provenance.metrics
    assert (folder / "notes.txt").read_text() == "mine"


def test_somebodys_config_and_checkpoints_are_no_training_of_ours(
    mice: Callable[..., list[object]], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/1-best.ckpt").write_text("mine")
    before = held(tmp_path)
    with pytest.raises(TrainingError, match=r"config\.json is there already"):
        train(None, mice(3), tmp_path, compute=CPU)
    assert held(tmp_path) == before
