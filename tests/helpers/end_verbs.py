"""End one verb at random moments: run as a program of its own by test_verbs_ended.py.

Everything is imported once and forked from, as in `end_jobs`. Prints counts as JSON.

    python end_verbs.py LAB ASKED ROUNDS SEED
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from safetensors.torch import load_file

from helpers.end_jobs import AGAIN, EXPECTED, SIGNALS, begin, ended
from helpers.places import age, snapshot
from napari_cortex_decoder.labels import journal_ethogram
from napari_cortex_decoder.recording.sidecar import sidecar_folder

AT_RANDOM = {".nwb", ".png", ".svg", ".mat", ".json", ".mp4"}
"""Kinds of file of which no two are the same: they hold a date, or were made by several threads."""

LATE = {
    "reproduce": ("evaluation.roi_models", "evaluation.figures"),
    "bench": ("benchmarking",),
    "demo": ("widgets.demo",),
}
"""What a verb imports late, and for longer than it works."""


def is_whole(file: Path, expected: bytes) -> bool:
    """Return whether a file is all that it should be."""
    if file.suffix not in AT_RANDOM:
        return file.read_bytes() == expected
    if file.suffix == ".nwb":
        with h5py.File(file) as content:
            return len(content) > 0 and not content.keys() ^ h5_keys(expected)
    if file.suffix == ".mp4":
        return pictures(file.read_bytes()) == pictures(expected)
    if file.suffix == ".json":
        return isinstance(json.loads(file.read_text()), dict | list)
    return 0.5 * len(expected) < file.stat().st_size < 2 * len(expected)


def pictures(content: bytes) -> int:
    """Return how many pictures of a video can be read."""
    import io

    import av

    with av.open(io.BytesIO(content)) as video:
        return sum(1 for _ in video.decode(video=0))


def h5_keys(content: bytes) -> set[str]:
    import io

    with h5py.File(io.BytesIO(content)) as file:
        return set(file)


def main(lab: Path, asked: dict[str, Any], rounds: int, seed: int) -> None:
    os.chdir(lab)
    (lab / "temporary").mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(lab / "temporary")
    log, draw = lab.with_name("log"), random.Random(seed)
    words, places, inputs = asked["words"], asked["places"], asked["inputs"]
    for module in LATE.get(words[0], ()):
        importlib.import_module(f"napari_cortex_decoder.{module}")
    named = [*words, asked["typed"]]
    before = {name: (lab / name).read_bytes() for name in inputs}
    began = time.monotonic()
    assert ended(begin(named, log)) == 0, log.read_text()[-2000:]
    seconds = time.monotonic() - began
    expected = {place: (lab / place).read_bytes() for place in places}
    usual = set(snapshot(lab))
    counts = dict.fromkeys(
        (
            "rounds",
            "ended_before_the_end",
            "half_files",
            "missing",
            "inputs_touched",
            "left",
            "left_for_good",
        ),
        0,
    )
    for number in range(rounds):
        old = asked["overwrites"] and number % 2 == 0
        for place in places:
            (lab / place).unlink(missing_ok=True)
        if old:
            for place, content in expected.items():
                (lab / place).parent.mkdir(exist_ok=True)
                (lab / place).write_bytes(content)
        elif asked["names"]:
            shutil.rmtree(lab / asked["typed"], ignore_errors=True)
        signal_ = SIGNALS[number % len(SIGNALS)]
        child = begin([*named, "--overwrite"] if old else named, log)
        time.sleep(draw.uniform(0, 1.1 * seconds))
        os.kill(child, signal_)
        code = ended(child)
        assert code in EXPECTED[signal_] | {0}, (signal_, code, log.read_text()[-2000:])
        assert code <= 0 or AGAIN in log.read_text().splitlines()[-1], log.read_text()[-2000:]
        counts["rounds"] += 1
        counts["ended_before_the_end"] += code != 0
        there = [place for place in places if (lab / place).exists()]
        counts["half_files"] += sum(not is_whole(lab / p, expected[p]) for p in there)
        counts["missing"] += len(places) - len(there) if old or code == 0 else 0
        counts["inputs_touched"] += sum((lab / n).read_bytes() != before[n] for n in inputs)
        counts["left"] += len(set(snapshot(lab)) - usual)
        if "--import" in words:
            ethogram = journal_ethogram(sidecar_folder(lab / words[1]))
            n_bouts = None if ethogram is None else len(ethogram.bouts)
            assert n_bouts in (None, 0, 3), n_bouts
    age(lab)
    if not asked["overwrites"] and asked["names"]:
        shutil.rmtree(lab / asked["typed"], ignore_errors=True)
    again = [*named, "--overwrite"] if asked["overwrites"] else named
    assert ended(begin(again, log)) == 0, log.read_text()[-2000:]
    counts["left_for_good"] = len(set(snapshot(lab)) - usual)
    print(json.dumps(counts))


if __name__ == "__main__":
    _ = np, tifffile, load_file  # so that no fork has to import them
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
