"""What files of labels cost in long sessions: written, and read again, in every format.

Labels of one million frames at 30 Hz in ten thousand bouts, and of a tenth of both. Prints a line
of JSON for each format: seconds to write and to read, the same as a share of the time in which the
machine sorts ten million numbers, how many times longer ten times as much takes, and the peak
memory of reading, in a process of its own.

    python benchmarks/labels.py [--frames 1000000] [--bouts 10000]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.labels import (
    Bout,
    Ethogram,
    Format,
    Labels,
    LabelSession,
    Replace,
    Split,
    import_labels,
    write_labels,
)

RATE = 30.0
BEHAVIORS = ("rest", "run", "groom")


@dataclass(frozen=True)
class Clip:
    """The clock of a recording."""

    n_frames: int
    name: str = "m1"

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds, shape (t,)."""
        return np.arange(self.n_frames) / RATE


def labelled(n_frames: int, n_bouts: int) -> Ethogram:
    borders = np.linspace(0, n_frames, n_bouts + 1).astype(int).tolist()
    bouts = tuple(
        Bout(start, stop - 1, BEHAVIORS[place % 3])
        for place, (start, stop) in enumerate(pairwise(borders))
    )
    return Ethogram(BEHAVIORS, bouts, n_frames)


def unit() -> float:
    """Seconds in which this machine sorts ten million numbers, the best of three."""
    numbers = np.random.default_rng(1).random(10_000_000)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        np.sort(numbers)
        taken.append(time.perf_counter() - start)
    return min(taken)


def peak() -> int:
    """Return the most memory that this process has held, in KiB."""
    if Path("/proc/self/status").exists():  # what getrusage tells begins with the parent's
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def read_alone(path: Path, clip: Clip, answer: Connection) -> None:
    before = peak()
    start = time.perf_counter()
    found = import_labels(path, clip)
    seconds = time.perf_counter() - start
    grown = peak() - before
    answer.send((seconds, grown / 2**20, len(found.ethogram.bouts)))


def files(n_frames: int, n_bouts: int, folder: Path) -> dict[str, tuple[float, float, float]]:
    """Return seconds to write, seconds to read and GiB of reading, of each format."""
    ethogram, clip = labelled(n_frames, n_bouts), Clip(n_frames)
    found = {}
    for form in Format:
        path = folder / f"{form}.{'nwb' if form == Format.NWB else 'csv'}"
        start = time.perf_counter()
        write_labels(ethogram, path, clip, format=form)
        written = time.perf_counter() - start
        mine, others = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(
            target=read_alone, args=(path, clip, others)
        )
        child.start()
        read, grown, n_read = mine.recv()
        child.join()
        assert n_read == n_bouts, (form, n_read)
        found[str(form)] = written, read, grown
    return found


def edits(n_frames: int, n_bouts: int, folder: Path) -> tuple[float, float]:
    """Return the seconds that an edit and an undo take, and those of opening the journal again."""
    n = 200
    with_bouts = labelled(n_frames, n_bouts)
    session = LabelSession(n_frames, "m1", folder)
    session.edit(Replace(start=0, stop=n_frames, bouts=with_bouts.bouts))
    start = time.perf_counter()
    for bout in with_bouts.bouts[:n]:
        session.edit(Split(frame=bout.start + 3))
    for _ in range(n):
        session.undo()
    each = (time.perf_counter() - start) / (2 * n)
    session.close()
    start = time.perf_counter()
    again = LabelSession(n_frames, "m1", folder)
    opened = time.perf_counter() - start
    assert again.labels.ethogram == Labels.of(with_bouts).ethogram
    again.close()
    return each, opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--bouts", type=int, default=10_000)
    arguments = parser.parse_args()
    print(json.dumps({"date": time.strftime("%Y-%m-%d"), "processors": os.cpu_count()}))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sort = unit()
        small = files(arguments.frames // 10, arguments.bouts // 10, folder)
        large = files(arguments.frames, arguments.bouts, folder)
        for form, (written, read, grown) in large.items():
            told = {
                "write_s": written,
                "read_s": read,
                "write_sorts": written / sort,
                "read_sorts": read / sort,
                "write_ten_times": written / small[form][0],
                "read_ten_times": read / small[form][1],
                "read_gib": grown,
            }
            print(json.dumps({"format": form} | {k: round(v, 3) for k, v in told.items()}))
        each, opened = edits(arguments.frames, arguments.bouts, folder / "m1.cortex")
        print(json.dumps({"edit_ms": round(1e3 * each, 2), "open_s": round(opened, 2)}))


if __name__ == "__main__":
    main()
