"""Training and fine-tunes that are ended at random moments go on, and leave nothing half done.

``FAULT_ROUNDS`` says how often each is ended; 3 without it: once by each signal.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import nursery

SHORT = ("train with a cache", "head")
"""Ended in every run of the tests; the others only where rounds are asked for."""
VERBS = (*SHORT, "train", "areas", "end-to-end")
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * ROUNDS)
@pytest.mark.skipif(not nursery.FORKS, reason="the test forks")
@pytest.mark.parametrize("verb", VERBS if "FAULT_ROUNDS" in os.environ else SHORT)
def test_a_job_ended_by_any_signal_at_any_moment_goes_on_to_the_same_decoder(
    verb: str, tmp_path: Path, count: Callable[..., None]
) -> None:
    seed = random.randrange(10**6)
    code, said, error = nursery.run("helpers.end_jobs", tmp_path, verb, ROUNDS, seed)
    assert code == 0, f"seed {seed}: {error[-3000:]}"
    counts = json.loads(said.splitlines()[-1])
    count(f"{verb}, ended", **{name.replace(" ", "_"): number for name, number in counts.items()})
    assert counts["ended"] >= ROUNDS
    # of a few, on a machine that is busier at the begin than later, all may come too late
    assert counts["before the end"] > 0 or ROUNDS < 10
