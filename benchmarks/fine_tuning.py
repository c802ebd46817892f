"""What two minutes of labels are worth on mice unlike those that the bundled decoder knows.

Each simulated mouse differs from all that the decoder has seen in gain, pose and blood. The first
half of its recording is labelled, the second half is held out: only scores are made of it. Prints
one JSON line a mouse and one for all. With --cost instead: what a fine-tune of the head to a
recording on the disk, whose features are cached, takes beside decoding that recording once.

    python benchmarks/fine_tuning.py [--mice 5] [--minutes 4] [--depth best] [--depth head] …
    python benchmarks/fine_tuning.py --cost --minutes 10 [--pixels 128]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from napari_cortex_decoder.choices import DEPTH, DEPTHS, Depth
from napari_cortex_decoder.decoder import Decoder, load_decoder, make_decoder
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.tuning.fine_tune import fine_tune
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.result import FineTuneResult, candidate_lines

FIRST_SUBJECT = 951  # smaller numbers served to choose the method
TURNS = 3
CLOCKS = ("wall_s", "processor_s")
PARTS = ("encoding", "fitting", "scoring")
SHOWN = ("auc", "accuracy", "balanced_accuracy", "bout_f1", "calibration_error")


def shifted() -> Parameters:
    """Return parameters outside of what the decoder's mice were drawn from."""
    usual = Parameters()
    return replace(
        usual,
        expression=tuple(0.65 * gain for gain in usual.expression),
        rotation=2 * usual.rotation,
        shift=1.5 * usual.shift,
        hemodynamic=tuple(1.75 * sd for sd in usual.hemodynamic),
    )


def film(subject: int, minutes: float, pixels: int = 64) -> SimulatedRecording:
    """Film one mouse, if not told otherwise at the size that the decoder sees."""
    return simulate_recording(
        seed=1,
        subject=subject,
        seconds=60 * minutes,
        shape=(pixels, pixels),
        parameters=shifted(),
    )


def tell(**said: Any) -> None:
    """Print a line, numbers to four digits."""
    print(json.dumps(said, default=str), flush=True)


def rounded(numbers: dict[str, Any], names: tuple[str, ...] | None = None) -> dict[str, float]:
    return {name: round(float(numbers[name]), 4) for name in names or numbers}


def _untested(decoder: Decoder) -> Decoder:
    """Leave out its test mice: to compare on them takes longer than a fit, and is not asked."""
    card = decoder.provenance.model_copy(update={"held_out": ()})
    config = decoder.config.model_copy(update={"provenance": card})
    return make_decoder(config, decoder.network, name=decoder.name, hash=decoder.hash)


def worth(depths: Sequence[Depth], mice: int, minutes: float) -> None:
    """Measure what labels of the first half are worth on the second, fitted in several ways."""
    decoder = _untested(load_decoder("run-rest"))
    results: dict[Depth, list[FineTuneResult]] = {depth: [] for depth in depths}
    for subject in range(FIRST_SUBJECT, FIRST_SUBJECT + mice):
        simulated = film(subject, minutes)
        n = simulated.n_frames
        with TemporaryDirectory() as folder:
            os.environ["CORTEX_DECODER_CACHE"] = folder  # what one way has encoded others read
            path = Path(folder) / f"mouse{subject}.tif"
            tifffile.imwrite(path, simulated.movie.compute(), photometric="minisblack")
            recording = open_recording(path, frame_rate=simulated.frame_rate)
            placed = recording.replace(registration=simulated.truth.registration)
            for depth in depths:
                result = fine_tune(
                    decoder,
                    [(placed, simulated.truth.ethogram)],
                    depth=depth,
                    held_out=[HeldOut(0, n // 2, n)],
                )
                results[depth].append(result)
                tell(
                    depth=depth,
                    subject=subject,
                    before=rounded(asdict(result.before), SHOWN),
                    after=rounded(asdict(result.after), SHOWN),
                    mean_of_frame=result.after.global_mean_auc,
                    candidates=candidate_lines(result.candidates),
                    seconds=rounded(result.seconds),
                )
    for depth, found in results.items():
        gains = [one.after.accuracy - one.before.accuracy for one in found]
        errors = [one.after.calibration_error for one in found]
        above = [one.after.auc - (one.after.global_mean_auc or 0.5) for one in found]
        tell(
            depth=depth,
            mice=mice,
            mean_gain_of_accuracy=round(float(np.mean(gains)), 4),
            worst_gain=round(min(gains), 4),
            mean_auc_before=round(float(np.mean([one.before.auc for one in found])), 4),
            mean_auc_after=round(float(np.mean([one.after.auc for one in found])), 4),
            least_above_mean_of_frame=round(min(above), 4),
            mean_calibration_error=round(float(np.mean(errors)), 4),
            worst_calibration_error=round(max(errors), 4),
        )


def cost(minutes: float, pixels: int) -> None:
    """Compare a fine-tune of the head, its features cached, with encoding the recording once.

    By turns, for this machine's speed changes: what is given are medians, and the range of ratios.
    """
    simulated = film(FIRST_SUBJECT, minutes, pixels)
    labels = simulated.truth.ethogram
    decoder = load_decoder("run-rest")
    turns, seconds = [], []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mouse.tif"
        tifffile.imwrite(path, simulated.movie.compute(), photometric="minisblack")
        recording = open_recording(path, frame_rate=simulated.frame_rate)
        for turn in range(TURNS):
            os.environ["CORTEX_DECODER_CACHE"] = f"{folder}/{turn}"
            start = clocks()
            decoder.decode(recording)
            encoded = clocks() - start
            fine_tune(
                decoder, [(recording, labels)], depth="head"
            )  # reads the recording detrended, too
            start = clocks()
            seconds.append(fine_tune(decoder, [(recording, labels)], depth="head").seconds)
            turns.append((encoded, clocks() - start))
    encoding, tuning = np.median(turns, axis=0)
    ratios = np.array([tuned / encoded for encoded, tuned in turns])
    tell(
        minutes=minutes,
        pixels=pixels,
        turns=TURNS,
        encoding_once=dict(zip(CLOCKS, encoding.round(2), strict=True)),
        fine_tune=dict(zip(CLOCKS, tuning.round(2), strict=True)),
        of_which={part: round(float(np.median([s[part] for s in seconds])), 2) for part in PARTS},
        fine_tune_over_encoding=dict(zip(CLOCKS, np.median(ratios, axis=0).round(4), strict=True)),
        range={
            name: [round(float(found), 4) for found in (column.min(), column.max())]
            for name, column in zip(CLOCKS, ratios.T, strict=True)
        },
    )


def clocks() -> NDArray[np.float64]:
    """Read the clock on the wall, and that of this process on all processors."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--depth", action="append", choices=list(DEPTHS))
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--pixels", type=int, default=128, help="rows and columns of --cost")
    arguments = parser.parse_args()
    tell(
        date=time.strftime("%Y-%m-%d"),
        processors=os.cpu_count(),
        threads=torch.get_num_threads(),
        machine=platform.machine(),
    )
    if arguments.cost:
        cost(arguments.minutes, arguments.pixels)
        return
    worth(arguments.depth or [DEPTH], arguments.mice, arguments.minutes)


if __name__ == "__main__":
    main()
