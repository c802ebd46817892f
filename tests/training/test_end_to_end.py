"""End to end in a process of its own: it goes on after a kill, and without whoever began it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch

from napari_cortex_decoder.decoder import Decoder, Preprocessing
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.networks import CnnRnn, reestimate_batch_norm
from napari_cortex_decoder.decoder.normalization import normalized_frames
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.fine_tune import FineTuneRun, fine_tune, found_run
from napari_cortex_decoder.training.held_out import HeldOut
from napari_cortex_decoder.training.tune_process import TuneFolder

N = 1000
HELD_OUT = [HeldOut(0, 750, N)]
Labelled = tuple[Recording, Ethogram]


@pytest.fixture(scope="module")
def mouse() -> Labelled:
    """A patch grows brighter with every other bout; what is left of the movie is noise."""
    rng = np.random.default_rng(1)
    labels = np.arange(N) // 20 % 2
    movie = rng.normal(1000, 10, (N, 32, 32))
    movie[labels == 1, 10:18] += 15
    recording = Recording(
        movie=da.from_array(movie.astype(np.uint16), chunks=(100, 32, 32)),
        name="mouse1",
        frame_rate=30.0,
    )
    return recording, Ethogram.from_frames(labels, ("rest", "run"))


@pytest.fixture(scope="module")
def base(mouse: Labelled) -> Decoder:
    torch.manual_seed(0)
    config = CnnRnnConfig(
        preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"), hidden_size=16
    )
    network = CnnRnn(config)
    block = next(normalized_frames(mouse[0], config.preprocessing))
    images = np.stack([block[:-2], block[1:-1], block[2:]], axis=1)
    reestimate_batch_norm(network.cnn, torch.from_numpy(images))
    return Decoder(config, network.eval(), name="blank")


def wait_until(reached: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it does not get there"
        time.sleep(0.05)


def kill_trainer(folder: Path) -> None:
    """Kill whatever process was given this folder."""
    found = subprocess.run(
        ["pgrep", "-f", f"tune_process {folder}"], capture_output=True, text=True, check=True
    )
    for number in found.stdout.split():
        os.kill(int(number), signal.SIGKILL)


def epochs(run: FineTuneRun) -> list[tuple[int, int]]:
    return [(e.epoch.fold, e.epoch.epoch) for e in run.progress() if e.epoch is not None]


@pytest.mark.slow
def test_a_trainer_that_is_killed_goes_on_and_whoever_began_it_may_leave(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def begin() -> FineTuneRun:
        return fine_tune(
            base, [mouse], folder, held_out=HELD_OUT, depth="end-to-end", device="cpu", wait=False
        )

    run = begin()
    wait_until(lambda: (1, 1) in epochs(run) or run.ended)
    kill_trainer(folder)
    with pytest.raises(TrainingError, match="ended from outside; fine-tune again"):
        run.result(timeout=30)
    assert found_run(folder) is None  # nobody works on it, and nothing begins by being looked at
    before = epochs(run)
    run = begin()
    wait_until(lambda: len(epochs(run)) > len(before))
    run.leave()
    assert TuneFolder(folder).is_at_work
    with pytest.raises(TrainingError, match="holds another fine-tune"):
        fine_tune(
            base, [mouse], folder, held_out=HELD_OUT, depth="end-to-end", device="cpu", seed=9
        )
    again = found_run(folder)
    assert again is not None
    result = again.result(timeout=180)
    told = epochs(again)
    assert told == list(dict.fromkeys(told))  # no epoch was learned twice
    assert result.after.auc > result.before.auc and result.after.auc > 0.7
    left = {file.name for file in folder.iterdir()}
    assert {"decoder.safetensors", "result.json", "progress.jsonl"} <= left
    assert not any(name.endswith((".npy", ".pt")) for name in left)
    prediction = result.decoder.decode(mouse[0], device="cpu")
    assert np.isfinite(prediction.probability[10:-10]).all()
    assert "end-to-end" in result.decoder.provenance.summary


@pytest.mark.slow
def test_cancel_keeps_the_best_so_far(base: Decoder, mouse: Labelled) -> None:
    run = fine_tune(base, [mouse], held_out=HELD_OUT, depth="end-to-end", device="cpu", wait=False)
    wait_until(lambda: (1, 0) in epochs(run))
    run.cancel()
    result = run.result(timeout=60)
    assert len(epochs(run)) < 6 and result.after.frames > 100


def test_a_damaged_run_folder_is_refused_in_one_sentence(
    base: Decoder, mouse: Labelled, tmp_path: Path
) -> None:
    (tmp_path / "asked.json").write_text('{"name": 3}')
    with pytest.raises(TrainingError, match=r"asked\.json is damaged"):
        fine_tune(base, [mouse], tmp_path, depth="end-to-end")
