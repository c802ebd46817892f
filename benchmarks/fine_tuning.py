"""What two minutes of labels are worth on mice unlike those that the bundled decoder knows.

Each simulated mouse differs from all that the decoder has seen in gain, pose and blood. The first
half of its recording is labelled, the second half is held out; features are encoded once. Prints
one JSON line a mouse and one for all; and, on the first, what a fit costs beside encoding.

    python benchmarks/fine_tuning.py [--mice 5] [--minutes 4]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace

import numpy as np

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.training.fine_tune import fine_tune
from napari_cortex_decoder.training.held_out import HeldOut

FIRST_SUBJECT = 901
SHOWN = ("auc", "accuracy", "balanced_accuracy", "bout_f1", "calibration_error")


def shifted(number: int) -> Parameters:
    """Give parameters outside of what the decoder's mice were drawn from."""
    rng = np.random.default_rng(number)
    usual = Parameters()
    return replace(
        usual,
        expression=tuple(g * rng.choice([0.45, 0.6]) for g in usual.expression),
        rotation=2.5 * usual.rotation,
        shift=2.5 * usual.shift,
        hemodynamic=tuple(h * rng.uniform(2.0, 3.0) for h in usual.hemodynamic),
        jitter=2.0 * usual.jitter,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=128)
    arguments = parser.parse_args()
    decoder = load_decoder("run-rest")
    gains, errors = [], []
    for mouse in range(arguments.mice):
        subject = FIRST_SUBJECT + mouse
        recording = simulate_recording(
            seed=1,
            subject=subject,
            seconds=60 * arguments.minutes,
            shape=(arguments.size, arguments.size),
            parameters=shifted(subject),
        )
        n = recording.n_frames
        result = fine_tune(
            decoder,
            [(recording, recording.truth.ethogram)],
            held_out=[HeldOut(0, n // 2, n)],
            progress=None,
        )
        line = {
            "subject": subject,
            "before": {name: round(asdict(result.before)[name], 4) for name in SHOWN},
            "after": {name: round(asdict(result.after)[name], 4) for name in SHOWN},
            "seconds": {k: round(v, 2) for k, v in result.seconds.items()},
            "fit_over_encoding": round(result.seconds["fitting"] / result.seconds["encoding"], 4),
        }
        gains.append(result.after.accuracy - result.before.accuracy)
        errors.append(result.after.calibration_error)
        print(json.dumps(line), flush=True)
    print(
        json.dumps(
            {
                "mean_gain_of_accuracy": round(float(np.mean(gains)), 4),
                "worst_gain": round(min(gains), 4),
                "mean_calibration_error": round(float(np.mean(errors)), 4),
                "worst_calibration_error": round(max(errors), 4),
                "date": time.strftime("%Y-%m-%d"),
            }
        )
    )


if __name__ == "__main__":
    main()
