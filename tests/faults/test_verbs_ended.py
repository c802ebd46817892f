"""Verbs that are ended at random moments leave the old file or the new one, and nothing for good.

``FAULT_ROUNDS`` says how often each is ended; 3 without it: once by each signal.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.test_run_folders import DEMO, VERBS
from faults.test_writers import WRITERS, Writer, lab, made, targets  # noqa: F401

BENCH = Writer(("bench", "--frames", "1000", "--only"), inputs=(), overwrites=False)
"""It writes to a temporary folder."""
ALL = {
    **WRITERS,
    "bench": BENCH,
    "demo": Writer(VERBS["demo --out"], names=DEMO, inputs=(), overwrites=False),
}
SCREEN = str(Path(__file__).parents[2] / "tools/with-display.sh")
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
SHORT = ("label csv",)
"""Ended in every run of the tests; all others only where rounds are asked for."""


@pytest.mark.slow
@pytest.mark.timeout(300 + 30 * ROUNDS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test forks")
@pytest.mark.parametrize("name", ALL if "FAULT_ROUNDS" in os.environ else SHORT)
def test_a_verb_ended_by_any_signal_at_any_moment_leaves_whole_files_only(
    name: str,
    lab: Path,  # noqa: F811
    count: Callable[..., None],
) -> None:
    writer, seed = ALL[name], random.randrange(10**6)
    places = [] if name == "bench" else [place for _, place in targets(writer)]
    asked = {
        "words": writer.words,
        "typed": targets(writer)[0][0] if places else "reading",
        "names": writer.names,
        "places": places,
        "inputs": writer.inputs,
        "overwrites": writer.overwrites,
    }
    command = ["bash", SCREEN] if name == "demo" else []
    command += [sys.executable, "-m", "helpers.end_verbs", str(lab)]
    command += [json.dumps(asked), str(ROUNDS), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-3000:]}"
    counts = json.loads(done.stdout.splitlines()[-1])
    count(f"{name}, ended", **counts)
    assert counts["rounds"] == ROUNDS
    wrong = ("half_files", "missing", "inputs_touched", "left_for_good")
    assert not any(counts[name] for name in wrong), counts
