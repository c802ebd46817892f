"""Train, be killed, go on: run as a program of its own by test_killed.py.

Everything is imported once and forked from, because importing torch and Lightning costs more than
the training itself. A fork is a process like any other to SIGKILL.

    python kill_and_go_on.py FOLDER
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from helpers.labeled_mice import sessions_of
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnRnnConfig, LinearConfig, Preprocessing, Window
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.training import (
    Stage,
    TrainingConfig,
    TrainingFolder,
    callbacks,
    fitting,
    pipeline,
    train,
)

CONFIGS = {
    "linear": TrainingConfig(
        decoder=LinearConfig(window=Window(past=2, future=2)),
        stages=(
            Stage(kind="windows", epochs=4, batch_size=16, learning_rate=0.01, patience=3),
            Stage(kind="windows", epochs=2, batch_size=16, schedule="cosine"),
        ),
        statistics_seconds=3,
        class_weights="balanced",
    ),
    "cnn-rnn": TrainingConfig(
        decoder=CnnRnnConfig(
            preprocessing=Preprocessing(image_size=(32, 32), scale="centered-sd"),
            window=Window(past=1, future=1),
            hidden_size=4,
        ),
        stages=(
            Stage(kind="frames", epochs=2, batch_size=4, stride=12),
            Stage(kind="features", epochs=2, batch_size=16, stride=4, copies=2),
            Stage(kind="windows", epochs=1, batch_size=4, stride=24),
        ),
        statistics_seconds=2,
    ),
}


def begin(folder: Path, kind: str) -> int:
    """Start or restart the run in a process of its own; give its number."""
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        sessions = sessions_of(4, n_frames=120 if kind == "cnn-rnn" else 240)
        train(CONFIGS[kind], sessions, folder, compute=CPU)
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def survive(folder: Path, kind: str, kills: int) -> list[tuple[int, int]]:
    """Run once unbroken and once killed at random moments; tell where those were."""
    _, status = os.waitpid(begin(folder / "whole", kind), 0)
    assert status == 0
    random.seed(kind)
    places = [place(event) for event in TrainingFolder(folder / "whole").progress()]
    run, killed = TrainingFolder(folder / "killed"), []
    for when in sorted(random.sample(places, kills)):
        child = begin(run.path, kind)
        over = 0
        while not over and place((run.progress() or [Progress()])[-1]) < when:
            time.sleep(0.02)
            over, status = os.waitpid(child, os.WNOHANG)  # it may be sooner at its end
            assert not status, "it failed before it was killed"
        if not over:
            time.sleep(random.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        killed.append(place(run.progress()[-1]))
    _, status = os.waitpid(begin(run.path, kind), 0)
    assert status == 0
    return killed


def main() -> None:
    """Do it with both kinds of decoders."""
    fitting.CHECKPOINT_STEPS = 5
    callbacks.SECONDS_BETWEEN_LINES = 0.0  # every step is told
    assert pipeline.fit_stage is fitting.fit_stage  # imported here, so that no child has to
    folder = Path(sys.argv[1])
    killed = {
        kind: survive(folder / kind, kind, kills) for kind, kills in (("linear", 5), ("cnn-rnn", 2))
    }
    print(json.dumps(killed))


def place(event: Progress) -> tuple[int, int]:
    """How far the training says that it is."""
    return event.details.get("phase", 0), event.done


if __name__ == "__main__":
    main()
