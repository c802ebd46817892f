"""What a random split of frames finds where there is nothing to find, beside blocks with a gap.

Traces that wander slowly, and labels in bouts that know nothing of them: where frames are drawn at
random, a decoder is tested on neighbors of what it learned, and knows the moment, not a behavior.

    python benchmarks/leak.py [--recordings 20]
"""

from __future__ import annotations

import argparse
import platform
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from napari_cortex_decoder.bouts import each_stretch
from napari_cortex_decoder.scoring.auc import auc

RATE, SECONDS, AREAS = 10, 600, 44
BOUT, WANDERS = 20.0, 30.0  # s
BLOCKS, GAP = 5, 60.0


def recording(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return traces, shape (t, areas), and labels, shape (t,), of which neither knows the other."""
    rng = np.random.default_rng(seed)
    n, keep = RATE * SECONDS, np.exp(-1 / (WANDERS * RATE))
    traces = np.zeros((n, AREAS))
    for i in range(1, n):
        traces[i] = keep * traces[i - 1] + np.sqrt(1 - keep**2) * rng.standard_normal(AREAS)
    changes = np.cumsum(rng.exponential(BOUT, 200))
    labels = np.searchsorted(changes, np.arange(n) / RATE) % 2
    return traces, labels


def scored(
    traces: NDArray[np.float64], labels: NDArray[np.int64], tested: NDArray[np.bool_], gap: float
) -> float:
    """Learn from all that is further than a gap from what is tested; return the AUC of that."""
    learned = ~tested
    for start, stop in each_stretch(tested.astype(np.int64)):
        if tested[start]:
            near = round(gap * RATE)
            learned[max(0, start - near) : stop + near] = False
    decoder = KNeighborsClassifier(15).fit(traces[learned], labels[learned])
    found = auc(decoder.predict_proba(traces[tested]), labels[tested])
    return 0.5 if found is None else found


def main() -> None:
    """Print the AUC of both ways to split."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=int, default=20)
    asked = parser.parse_args()
    at_random, in_blocks = [], []
    for seed in range(asked.recordings):
        traces, labels = recording(seed)
        chance = np.random.default_rng(seed).random(len(labels)) < 1 / BLOCKS
        at_random.append(scored(traces, labels, chance, 0))
        borders = np.linspace(0, len(labels), BLOCKS + 1).astype(int)
        for start, stop in pairwise(borders):
            tested = np.zeros(len(labels), bool)
            tested[start:stop] = True
            in_blocks.append(scored(traces, labels, tested, GAP))
    for name, values in (("frames at random", at_random), ("blocks with a gap", in_blocks)):
        print(f"{name}: AUC {np.mean(values):.3f}, {len(values)} tests")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}")


if __name__ == "__main__":
    main()
