"""What resampling does to a decoder: one simulated mouse, filmed at several rates.

``python benchmarks/resampling.py`` prints, for each rate, the AUC of ``run-rest`` on the mouse
brought to 30 Hz, and what that differs from the same mouse filmed at 30 Hz.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import roc_auc_score

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.recording import preprocess
from napari_cortex_decoder.recording.preprocessing import Resample
from napari_cortex_decoder.simulation import simulate_recording

LIFE = 300
"""Hz, in which the mouse lives; each camera sees means over its frames."""

RATES = (30, 10, 25, 50, 100)


def main() -> None:
    """Measure, and print a line a rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--subjects", type=int, nargs="+", default=[501, 502, 503])
    arguments = parser.parse_args()
    decoder = load_decoder("run-rest")
    for subject in arguments.subjects:
        at_30 = None
        for rate in RATES:
            auc = score(decoder, subject, arguments.seconds, rate)
            at_30 = auc if at_30 is None else at_30
            print(
                f"mouse {subject} at {rate:3d} Hz: AUC {auc:.4f} ({auc - at_30:+.4f})", flush=True
            )


def score(decoder, subject: int, seconds: float, rate: int) -> float:  # type: ignore[no-untyped-def]
    """Return the AUC of one mouse that was filmed at a rate (Hz), brought to the decoder's."""
    mouse = simulate_recording(
        seed=1, subject=subject, seconds=seconds, frame_rate=rate, life_steps=LIFE // rate
    )
    recording = preprocess(mouse, [Resample(frame_rate=decoder.frame_rate)])
    probability = decoder.decode(recording, cached=False).probability[:, 1]
    known = np.isfinite(probability)
    running = recording.truth.ethogram.frames()[known] == 1
    return float(roc_auc_score(running, probability[known]))


if __name__ == "__main__":
    main()
