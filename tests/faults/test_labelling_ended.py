"""A labelling session that is ended at any moment has lost no edit that it acknowledged.

``FAULT_ROUNDS`` says how often each verb is ended; labelling twice as often, 12 times without it.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.end_labelling import N_FRAMES
from helpers.places import age
from napari_cortex_decoder.labels import LabelSession, Paint
from napari_cortex_decoder.labels import journal as journal_module
from napari_cortex_decoder.labels import session as session_module

ROUNDS = 2 * int(os.environ.get("FAULT_ROUNDS", "6"))

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
Count = Callable[..., None]


def nursery() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.end_labelling"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def begin(nursery: subprocess.Popen[str], folder: Path) -> int:
    assert nursery.stdin is not None and nursery.stdout is not None
    nursery.stdin.write(f"{folder}\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


def wait_for_edits(folder: Path, beyond: int) -> None:
    deadline = time.monotonic() + 240
    while len(acknowledged(folder)) <= beyond:
        assert time.monotonic() < deadline, "nobody labels"
        time.sleep(0.001)


def acknowledged(folder: Path) -> list[int]:
    made = folder / "made"
    return list(map(int, made.read_text().splitlines())) if made.exists() else []


@pytest.mark.slow
@pytest.mark.timeout(120 + 5 * ROUNDS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the program forks")
def test_no_acknowledged_edit_is_lost_while_the_clock_goes_back_and_the_journal_is_shortened(
    tmp_path: Path, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    edits = lost = halves = shortened = 0
    with nursery() as labelling:
        for number in range(ROUNDS):
            folder = tmp_path / str(number // 3)  # gone on with twice
            folder.mkdir(exist_ok=True)
            before = len(acknowledged(folder))
            child = begin(labelling, folder)
            wait_for_edits(folder, before)
            time.sleep(moments.uniform(0, 0.3))
            assert labelling.stdout is not None
            os.kill(child, SIGNALS[number % 3])
            while not select.select([labelling.stdout], [], [], 2)[0]:
                os.kill(child, signal.SIGINT)  # the first may come where Python drops exceptions
            assert int(labelling.stdout.readline()) in (-9, -15, 130), f"seed {seed}"
            made = acknowledged(folder)
            session = LabelSession(N_FRAMES, "m1", folder)  # the lock of the dead is taken over
            assert not session.read_only
            starts = [bout.start for bout in session.labels.ethogram.bouts]
            session.close()
            edits += len(made) - before
            lost += len({10 * one for one in made} - set(starts))
            header, *lines = (folder / "labels.jsonl").read_bytes().splitlines()
            shortened += json.loads(header)["version"] == 2
            halves += sum(not line.endswith(b"}") for line in lines[:-1])
    count("labelling, ended", rounds=ROUNDS, edits=edits, lost_edits=lost, half_lines=halves)
    assert lost == halves == 0 and edits >= ROUNDS, f"seed {seed}"
    assert shortened, "no journal was written anew"
    for module in (journal_module, session_module):
        monkeypatch.setattr(module, "LONG", 4_000)
    age(tmp_path)
    for folder in tmp_path.iterdir():  # parts of a file that a kill left are swept by the next
        session = LabelSession(N_FRAMES, "m1", folder)
        for start in range(60):
            session.edit(Paint(start=start * 10 + 7, stop=start * 10 + 9, behavior="run"))
        session.close()
        assert {file.name for file in folder.iterdir()} == {"labels.jsonl", "labels.lock", "made"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the program forks")
def test_of_two_programs_on_one_recording_one_labels_and_the_other_looks(
    tmp_path: Path, count: Count
) -> None:
    with nursery() as first, nursery() as second:
        child = begin(first, tmp_path)
        wait_for_edits(tmp_path, 20)
        begin(second, tmp_path)
        assert second.stdout is not None and int(second.stdout.readline()) == 0
        os.kill(child, signal.SIGKILL)
        assert first.stdout is not None and int(first.stdout.readline()) == -9
    said = (tmp_path / "made").read_text().splitlines()
    assert said.count("locked out") == 1
    numbers = [int(one) for one in said if one != "locked out"]
    assert numbers == list(range(len(numbers)))
    session = LabelSession(N_FRAMES, "m1", tmp_path)
    assert len(session.labels.ethogram.bouts) >= len(numbers)
    session.close()
    count("two programs, one recording", rounds=1, lost_edits=0)
