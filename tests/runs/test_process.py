"""A process that works in a run folder: joined, left, ended with whoever waits, and its words."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.runs import CutShort, RunFolder, RunProcess

WORKER = """
import sys, time
from contextlib import suppress
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.runs import RunFolder, end_when_nobody_waits, process
process.LOOK_EVERY = 0.2  # it is alone after two seconds
folder = RunFolder(sys.argv[1], "fine-tune")
if "tied" in sys.argv:
    end_when_nobody_waits(folder, forget="forgotten" in sys.argv)
with folder.claim():
    with suppress(Cancelled):
        folder.tell(Progress("begun"))
        while True:
            time.sleep(0.05)
            folder.tell(Progress("at work"))
    (folder.path / "result.json").write_text("{}")
"""
WAITER = """
import sys
from napari_cortex_decoder.runs import RunFolder, RunProcess, process as looks
looks.LOOK_EVERY = 0.02  # far more often than the job, however busy the machine is
process = RunProcess(RunFolder(sys.argv[1], "fine-tune"), sys.argv[2:], waits=True)
print("waits", flush=True)
process.wait()
"""


def until(reached: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it does not get there"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "job", "fine-tune")
    with folder.claim():
        folder.ask({})
    return folder


def command(folder: RunFolder, *how: str) -> list[str]:
    return [sys.executable, "-c", WORKER, str(folder.path), *how]


def waiter(folder: RunFolder, *how: str) -> subprocess.Popen[bytes]:
    """Begin the job, or join it, in a program that waits for its end."""
    arguments = [sys.executable, "-c", WAITER, str(folder.path), *command(folder, *how)]
    program = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert program.stdout is not None and program.stdout.readline() == b"waits\n"
    program.stdout.close()
    until(lambda: folder.is_at_work)
    return program


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_whoever_waits_and_is_ended_ends_the_job_even_one_that_was_joined(
    folder: RunFolder, end: str
) -> None:
    first, second = (waiter(folder, "tied") for _ in range(2))
    getattr(first, end)()
    first.wait()
    time.sleep(3)
    assert folder.is_at_work  # somebody waits
    getattr(second, end)()
    second.wait()
    until(lambda: not folder.is_at_work)
    assert not folder.is_finished


def test_a_job_begun_in_the_background_outlives_whoever_began_it_and_whoever_joined_it(
    folder: RunFolder,
) -> None:
    for _ in range(2):
        program = waiter(folder)
        program.kill()
        program.wait()
    time.sleep(3)
    assert folder.is_at_work
    process = RunProcess(folder, command(folder), waits=True)
    process.cancel()
    process.wait()
    assert folder.is_finished
    assert [event.stage for event in folder.progress()].count("begun") == 1


def test_a_job_that_nobody_else_could_find_takes_its_folder_along(folder: RunFolder) -> None:
    program = waiter(folder, "tied", "forgotten")
    program.kill()
    program.wait()
    until(lambda: not folder.path.exists())


def test_a_job_that_is_stopped_was_cut_short_and_can_be_gone_on_with(folder: RunFolder) -> None:
    process = RunProcess(folder, command(folder), waits=True)
    until(lambda: folder.is_at_work)
    assert process.stop()
    with pytest.raises(CutShort, match="ended from outside; ask for the same again"):
        process.wait()
    again = RunProcess(folder, command(folder), waits=True)
    again.cancel()
    again.wait()
    assert folder.is_finished


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise RuntimeError('no such thing')", r"the fine-tune in .* failed \(.*no such thing\)"),
        ("import sys; sys.exit('cortex-decoder: the disk is full.')", "^the disk is full.$"),
    ],
    ids=["a defect", "a refusal"],
)
def test_a_job_that_fails_says_why_in_its_own_words(
    folder: RunFolder, program: str, words: str
) -> None:
    process = RunProcess(folder, [sys.executable, "-c", program], waits=True)
    with pytest.raises(TrainingError, match=words) as refusal:
        process.wait()
    assert not isinstance(refusal.value, CutShort)
