"""Damaged files of every kind, read in processes of their own: what goes wrong is counted.

``PYTHONPATH=tests python -m helpers.fuzz --inputs 10000 --seed 1`` prints the counts, and the
inputs that went wrong with what makes them again.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from pathlib import Path
from typing import Any

MOST_SECONDS = 5.0  # of the processor, of a process and those that it begins
MOST_BYTES = 2**30
ENDLESS = 4 * MOST_SECONDS
WATCHDOG = 90.0  # seconds of a clock without work, however busy the machine is
ADDRESS_SPACE = 12 * 2**30
WRONG = ("exception", "slow", "memory", "outside", "crash")


class Worker:
    """A process that reads one damaged file after another, from when it has loaded all."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "helpers.fuzz", "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ready = False

    def ask(self, name: str, seed: int) -> None:
        self.asked = (name, seed)
        if self.ready:
            self.send()

    def send(self) -> None:
        self.before = self.worked = processor_time(self.process.pid)
        self.at_work, self.by_children = time.monotonic(), 0
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(self.asked) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """Return what came of the last input; None while it is being read."""
        assert self.process.stdout is not None
        if self.ready:
            self.by_children = max(self.by_children, held_by_children(self.process.pid))
        ready, _, _ = select.select([self.process.stdout], [], [], 0)
        line = self.process.stdout.readline() if ready else ""
        if line and not self.ready:
            self.ready = True
            self.send()
            return None
        if line:
            told = dict(json.loads(line))
            held = told.pop("held") + self.by_children
            return told | ({"memory": f"{held / 2**20:.0f} MiB"} if held > MOST_BYTES else {})
        if self.process.poll() is not None:
            return {"crash": f"ended with {self.process.returncode}"}
        return self.endless() if self.ready else None

    def endless(self) -> dict[str, Any] | None:
        """Tell an input that does not come to an end, after having ended it."""
        worked, now = processor_time(self.process.pid), time.monotonic()
        if worked > self.worked:
            self.worked, self.at_work = worked, now
        seconds, waited = worked - self.before, now - self.at_work
        if seconds < ENDLESS and waited < WATCHDOG:
            return None
        self.end()
        return {"slow": f"ended after {seconds:.1f} s of the processor and {waited:.0f} s of none"}

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def run(
    inputs: int, seed: int, workers: int, only: str = ""
) -> tuple[collections.Counter[str], list[str]]:
    """Read damaged files and count what came of them."""
    names = [name for name in kinds() if only in name]
    random.Random(seed).shuffle(names)  # so that a few are of every room
    asked = iter([(names[i % len(names)], seed * 1_000_003 + i) for i in range(inputs)])
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    busy: list[Worker] = []
    for _ in range(min(workers, inputs)):
        busy.append(Worker())
        busy[-1].ask(*next(asked))
    while busy:
        time.sleep(0.005)
        for worker in list(busy):
            told = worker.answer()
            if told is None:
                continue
            counts["inputs"] += 1
            for kind, what in told.items():
                counts[kind] += 1
                if kind in WRONG:
                    wrong.append(f"{worker.asked}: {kind}: {what}")
                    print(wrong[-1], flush=True)
            following = next(asked, None)
            if worker.process.poll() is not None:
                busy.remove(worker)
                if following is not None:
                    busy.append(Worker())
                    worker = busy[-1]
            elif following is None:
                worker.end()
                busy.remove(worker)
            if following is not None:
                worker.ask(*following)
    return counts, wrong


def kinds() -> list[str]:
    """Return the names of the kinds of files, without what reads them in this process."""
    program = "from helpers.fuzz_targets import all_targets; print(*all_targets(), sep='\\n')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


class Watch:
    """What a worker may open: its own folder, and what programs are made of."""

    def __init__(self, home: Path) -> None:
        import napari_cortex_decoder

        package = Path(napari_cortex_decoder.__file__).parents[2]
        code = (sys.prefix, sys.base_prefix, str(package), "/usr", "/proc", "/dev/null", "/sys")
        self.home = (str(home / "input"), tempfile.gettempdir())
        self.kept = str(
            home / "napari-cortex-decoder"
        )  # for what no folder beside a movie can hold
        brainglobe = str(home / ".config" / "brainglobe")  # its own settings
        self.read = (*self.home, self.kept, brainglobe, *code, "/etc/", "/dev/urandom", "/lib")
        self.on = False
        self.outside: list[str] = []
        sys.addaudithook(self.look)

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or event != "open" or isinstance(args[0], int):
            return
        place = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - no link is to be followed
        writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and place != "/dev/null" and not place.startswith((*self.home, self.kept)):
            self.outside.append(f"writes {place}")
        elif not place.startswith(self.read):
            self.outside.append(place)


def work() -> None:
    """Answer questions for one damaged file each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
            os.environ[name] = made
        os.environ["TMPDIR"] = tempfile.tempdir = str(home / "temporary")
        Path(tempfile.tempdir).mkdir()
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        from helpers.fuzz_targets import all_targets
        from napari_cortex_decoder.errors import CortexDecoderError

        targets, sound = all_targets(), {}
        elsewhere = home / "elsewhere"
        elsewhere.mkdir()
        # whoever opens a pipe that nobody writes to waits for ever, which the watchdog tells
        os.mkfifo(elsewhere / "secret")
        watch = Watch(home)
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            name, seed = json.loads(line)
            if name not in sound:
                folder = home / f"sound{len(sound)}"
                folder.mkdir()
                sound[name] = (folder, targets[name].write(folder))
                with contextlib.suppress(CortexDecoderError):  # libraries are loaded
                    targets[name].read(sound[name][1])
            told = one(home, *sound[name], targets[name].read, seed, watch)
            answers.write(json.dumps(told) + "\n")
            answers.flush()


def one(home: Path, folder: Path, path: Path, read: Any, seed: int, watch: Watch) -> dict[str, Any]:
    """Damage one file, read it, and tell what came of it."""
    from helpers.fuzz_damage import damage
    from napari_cortex_decoder.errors import CortexDecoderError

    rng = random.Random(seed)
    case = home / "input"
    shutil.copytree(folder, case)
    victim = damage(case, case / path.relative_to(folder), rng, home / "elsewhere" / "secret")
    before = stamps(case)
    told: dict[str, Any] = {}
    watch.outside.clear()
    Path("/proc/self/clear_refs").write_text("5")
    held, spent = most_held(), sum(os.times()[:4])
    try:
        watch.on = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(victim)
        told["read"] = ""
    except CortexDecoderError as error:
        sentence = str(error)
        told["refused"] = sentence
        # a blank of another width is a blank, and may stand in the name of a file
        shown = "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in sentence)
        if not shown.endswith(".") or not shown.isprintable():
            told["exception"] = f"no sentence: {sentence!r}"
    except Exception as error:  # noqa: BLE001 - what is counted
        where = traceback.extract_tb(error.__traceback__)[-1]
        told["exception"] = f"{error!r:.300} at {where.filename}:{where.lineno}"
    finally:
        watch.on = False
    seconds, grown = sum(os.times()[:4]) - spent, most_held() - held
    if seconds > MOST_SECONDS:
        told["slow"] = f"{seconds:.1f} s"
    if touched := {str(file.relative_to(case)) for file, _ in before ^ stamps(case)}:
        watch.outside.append(f"changes {sorted(touched)}")
    if watch.outside:
        told["outside"] = f"{watch.outside}"
    shutil.rmtree(case)
    return told | {"held": grown}


def stamps(folder: Path) -> set[tuple[Path, int]]:
    """Return what lies in a folder, and when each file was written.

    A session that keeps its preprocessed frames beside the movie computes them anew where they are
    not there: these are its own.
    """
    found = (place for place in folder.rglob("*") if "preprocessed" not in place.parts)
    return {(one, one.is_dir() or one.lstat().st_mtime_ns) for one in found}


def most_held(process: int | str = "self") -> int:
    """Most bytes that a process held since that was last cleared, or since it began."""
    _, _, told = Path(f"/proc/{process}/status").read_text().partition("VmHWM:")
    return int(told.split()[0]) * 1024 if told else 0


def children(process: int) -> list[str]:
    """Return the numbers of the processes that a process has begun, and which are there now."""
    with contextlib.suppress(OSError):  # it has ended
        threads = Path(f"/proc/{process}/task").iterdir()
        return [child for one in threads for child in (one / "children").read_text().split()]
    return []


def held_by_children(process: int) -> int:
    """Most bytes that the processes held which a process has begun, and which are there now.

    One that has not become another program yet shares the memory of that process.
    """

    def program(which: int | str) -> bytes:
        return Path(f"/proc/{which}/cmdline").read_bytes()

    held = 0
    for child in children(process):
        with contextlib.suppress(OSError):
            held += most_held(child) if program(child) != program(process) else 0
    return held


def processor_time(process: int) -> float:
    """Seconds of the processor that a process took, and those that it has begun."""
    ticks = 0
    for one in (process, *children(process)):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, told[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--only", default="", help="part of the name of a kind of file")
    options.add_argument("--again", help="seed of one input of --only, whose error is shown")
    options.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.worker:
        work()
        return 0
    if given.again:
        worker = Worker()
        worker.ask(given.only, int(given.again))
        while (told := worker.answer()) is None:
            time.sleep(0.01)
        print(told)
        worker.end()
        return 0
    begun = time.monotonic()
    counts, wrong = run(given.inputs, given.seed, given.workers, given.only)
    shown = ", ".join(f"{counts[kind]} {kind}" for kind in ("inputs", "read", "refused", *WRONG))
    print(f"{shown}; {time.monotonic() - begun:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
