"""What slow drift costs a bundled decoder of images in sessions longer than those it learned from.

Simulated mice that no training saw, decoded as they are and after the preprocessing step
`detrend`. Prints a line of JSON for each length: AUC, mean and worst over mice, and beside it the
mean AUC against labels shifted in time.

    python benchmarks/long_sessions.py [--mice 3] [--minutes 1 4 10] [--decoder run-rest]
"""

from __future__ import annotations

import argparse
import json
import os
import time

import dask.array as da
import numpy as np
import torch

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing import Detrend, preprocess
from napari_cortex_decoder.scoring.auc import aucs
from napari_cortex_decoder.scoring.nulls import shifted_labels
from napari_cortex_decoder.simulation import simulate_recording

FIRST_SUBJECT = 9201
SHAPE = (64, 64)


def own_and_null(decoder: Decoder, recording: Recording, labels: np.ndarray) -> tuple[float, float]:
    """Return the AUC of running, and that against labels shifted in time."""
    running = decoder.decode(recording, compute=CPU, cached=False).probability[:, 1]
    known = np.isfinite(running)
    scores = np.column_stack([1 - running, running])[known]
    own, null = aucs(scores, labels[None, known]), aucs(scores, shifted_labels([labels[known]]))
    return float(own[0]), float(null.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=3)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 4.0, 10.0])
    parser.add_argument("--decoder", default="run-rest")
    arguments = parser.parse_args()
    decoder = load_decoder(arguments.decoder)
    print(json.dumps({"date": time.strftime("%Y-%m-%d"), "threads": torch.get_num_threads()}))
    for minutes in arguments.minutes:
        found = []
        for subject in range(FIRST_SUBJECT, FIRST_SUBJECT + arguments.mice):
            mouse = simulate_recording(seed=1, subject=subject, seconds=60 * minutes, shape=SHAPE)
            labels = mouse.truth.ethogram.frames()
            movie = da.from_array(np.asarray(mouse.movie.compute()), chunks=(64, -1, -1))
            drawn = mouse.replace(movie=movie)  # else it is drawn again in every pass
            detrended = preprocess(drawn, [Detrend()])
            found.append(
                [
                    *own_and_null(decoder, drawn, labels),
                    *own_and_null(decoder, detrended, labels),
                ]
            )
        mean, worst = np.mean(found, axis=0), np.min(found, axis=0)
        told = {
            "minutes": minutes,
            "mice": arguments.mice,
            "processors": os.cpu_count(),
            "auc": mean[0],
            "auc_worst": worst[0],
            "auc_shifted_labels": mean[1],
            "auc_detrended": mean[2],
            "auc_detrended_worst": worst[2],
            "auc_detrended_shifted_labels": mean[3],
        }
        print(json.dumps({k: round(float(v), 3) for k, v in told.items()}), flush=True)


if __name__ == "__main__":
    main()
