"""End training and fine-tunes at random moments: run as a program of its own by test_jobs_ended.py.

Everything is imported once and forked from, because importing torch and Lightning costs more than
the work itself. A fork is a process like any other to a signal.

    python end_jobs.py FOLDER VERB ROUNDS SEED
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import lightning  # noqa: F401 - so that no fork has to
import numpy as np
import tifffile
import torch
from safetensors.torch import load_file

from helpers.places import age
from helpers.tuned_mice import blank_area_decoder, blank_decoder, patchy_mouse, trainers, wait_until
from napari_cortex_decoder import cli
from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.training import pipeline  # noqa: F401
from napari_cortex_decoder.tuning import fine_tune, fit  # noqa: F401

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EXPECTED = {signal.SIGKILL: {-9}, signal.SIGTERM: {143, -15}, signal.SIGINT: {130, -2}}
"""How each signal ends a verb; by the signal itself before the verb begins, or when it is over."""
AGAIN = "ended from outside; give the same command again"
SETTINGS = """
all_areas = false
[decoder]
architecture = "linear"
window = {past = 1, future = 1}
[[stages]]
kind = "windows"
epochs = 20
learning_rate = 0.1
batch_size = 16
"""


def make_inputs(folder: Path) -> None:
    """Leave three labelled mice and a cohort of them, a base decoder and settings."""
    rows = ["recording,labels,subject"]
    for number in range(3):
        recording, ethogram = patchy_mouse(900 if number == 0 else 240, seed=number)
        tifffile.imwrite(
            folder / f"m{number}.tif",
            np.asarray(recording.movie),
            imagej=True,
            metadata={"axes": "TYX", "fps": 30.0, "finterval": 1 / 30},
        )
        ethogram.to_csv(folder / f"m{number}.csv")
        rows.append(f"m{number}.tif,m{number}.csv,{number}")
        if number == 0:
            blank_decoder(recording).save(folder / "blank.safetensors")
            blank_area_decoder().save(folder / "areas.safetensors")
            upright = Registration.upright(load_atlas("dorsal-cortex"), 0.33, (16, 16))
            upright.save(folder / "registration.json")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    (folder / "settings.toml").write_text(SETTINGS)


def arguments(folder: Path, verb: str, out: Path) -> list[str]:
    """Write the command line of a verb."""
    if verb.startswith("train"):
        settings = str(folder / "settings.toml")
        given = ["train", str(folder / "cohort.csv"), "--config", settings]
        given += ["--cache", str(out / "kept")] if verb.endswith("cache") else []
    else:
        given = ["fine-tune", str(folder / "m0.tif"), "--labels", str(folder / "m0.csv")]
        if verb == "areas":
            given += ["--decoder", str(folder / "areas.safetensors"), "--depth", "head"]
            given += ["--registration", str(folder / "registration.json")]
        else:
            given += ["--decoder", str(folder / "blank.safetensors"), "--depth", verb]
    return [*given, "--out", str(out), "--device", "cpu", "--json"]


def begin(given: list[str], log: Path) -> int:
    """Begin a verb in a process of its own; give its number."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS[1:])
    child = os.fork()
    if not child:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
    if child:
        return child
    try:
        torch.set_num_threads(1)
        for descriptor in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
        sys.argv = ["cortex-decoder", *given]
        cli.main()
        sys.stdout.flush()
        os._exit(0)
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        traceback.print_exc()
        os._exit(99)


def ended(child: int) -> int:
    """Wait for the end of a process; give its exit code, or less the number of its signal."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def check_whole(out: Path) -> None:
    """See that every file by its own name is whole."""
    for file in out.rglob("*"):
        # a hidden folder in which a dead writer wrote is swept by the next one
        if any(one.endswith(".part") for one in file.parts) or not file.is_file():
            continue
        if file.suffix == ".json":
            json.loads(file.read_text())
        elif file.suffix == ".safetensors":
            load_file(file)
        elif file.suffix == ".npy":
            np.load(file)
        elif file.suffix in (".ckpt", ".pt"):
            torch.load(file, map_location="cpu", weights_only=True)


def names(out: Path) -> set[str]:
    """Name all that lies in a run folder, but for locks and what a process said."""
    left = {str(file.relative_to(out)) for file in out.rglob("*")}
    return left - {".lock", ".waiting", "process.log"}


def main(folder: Path, verb: str, rounds: int, seed: int) -> None:
    """End a verb so many times, with each signal in turn; count what became of it."""
    os.environ["CORTEX_DECODER_CACHE"] = str(folder / "cache")
    temporary = folder / "temporary"
    temporary.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    child = os.fork()  # whose threads no other fork is to look for
    if not child:
        make_inputs(folder)
        os._exit(0)
    assert ended(child) == 0
    log, whole = folder / "log", folder / "whole"
    began = time.monotonic()
    assert ended(begin(arguments(folder, verb, whole), log)) == 0, log.read_text()[-2000:]
    seconds = time.monotonic() - began
    expected = load_file(whole / "decoder.safetensors")
    draw = random.Random(seed)
    counts = {"ended": 0, "before the end": 0, "gone on with": 0}
    number, done = 0, 0
    while done < rounds:
        out = folder / f"out{number}"
        given = arguments(folder, verb, out)
        for signal_ in SIGNALS:
            said_before = log.read_text()
            child = begin(given, log)
            time.sleep(draw.uniform(0, 0.7 * seconds))
            os.kill(child, signal_)
            code = ended(child)
            counts["ended"] += 1
            done += 1
            assert code in EXPECTED[signal_] | {0}, (signal_, code, log.read_text()[-2000:])
            assert code or (out / "decoder.safetensors").is_file()
            counts["before the end"] += code != 0
            said = log.read_text().removeprefix(said_before)
            assert code <= 0 or AGAIN in said.splitlines()[-1], (code, said[-2000:])
            wait_until(lambda out=out: not trainers(out))
            check_whole(out)
        age(out)
        assert ended(begin(given, log)) == 0, log.read_text()[-2000:]
        assert names(out) == names(whole), names(out) ^ names(whole)
        for name, tensor in load_file(out / "decoder.safetensors").items():
            torch.testing.assert_close(tensor, expected[name], atol=0, rtol=0)
        counts["gone on with"] += 1
        number += 1
    assert not any(temporary.iterdir()), list(temporary.iterdir())
    print(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
