"""Whether importance finds the areas that carry the signal, in mice whose truth is known.

Mice that no training saw. For each: the most important pairs of areas by `area_importance`, those
that correlate most with running, the verdict; the same for a decoder that learned from the labels
of other sessions; and what it costs.

    python benchmarks/saliency.py [--mice 5] [--frames 600] [--patches 20] [--decoder run-rest]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from napari_cortex_decoder.atlas import area_traces, correlate_behavior
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, load_decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.saliency import AreaImportance, area_importance, sample_frames
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording

FIRST_SUBJECT = 9101
SHAPE = (64, 64)
STRETCH = 40
"""Frames in a row of one bout: many bouts at few encodings."""


def simulate(subject: int, seconds: float, seed: int = 1) -> SimulatedRecording:
    return simulate_recording(seed, subject=subject, seconds=seconds, shape=SHAPE)


def explained(
    decoder: Decoder, mouse: SimulatedRecording, frames: int, patches: int
) -> AreaImportance:
    truth = mouse.truth
    return area_importance(
        decoder,
        mouse,
        truth.registration,
        truth.ethogram,
        targets="pairs",
        frames=sample_frames(truth.ethogram, frames, stretch=STRETCH),
        patches=patches,
        device="cpu",
    )


def most_correlated(mouse: SimulatedRecording, n: int) -> list[str]:
    """Give the areas (both sides) whose traces follow running most."""
    registration = mouse.truth.registration
    areas = registration.atlas.areas
    traces = area_traces(mouse.movie, registration.label_image(mouse.shape), len(areas))
    running = mouse.truth.ethogram.frames().astype(float)
    r = correlate_behavior(traces, running)
    names = registration.atlas.acronyms
    means = [
        np.nanmean([x for x, a in zip(r, areas, strict=True) if a.acronym == name] or [np.nan])
        if any(np.isfinite(x) for x, a in zip(r, areas, strict=True) if a.acronym == name)
        else -1.0
        for name in names
    ]
    return [names[i] for i in np.argsort(means)[::-1][:n]]


def decoder_of_other_sessions(work: Path, *, mice: int, seconds: float) -> Decoder:
    """Train on movies of one session with the labels of another: nothing can be learned."""
    from napari_cortex_decoder.training import (
        LabeledRecording,
        Session,
        SplitRule,
        Stage,
        TrainingConfig,
        train,
    )

    def load(subject: int) -> LabeledRecording:
        mouse = simulate(subject, seconds)
        labels: Ethogram = simulate(subject, seconds, seed=2).truth.ethogram
        return LabeledRecording(mouse, labels, mouse.truth.registration)

    config = TrainingConfig(
        decoder=CnnRnnConfig(preprocessing=Preprocessing(image_size=SHAPE, scale="centered-sd")),
        split=SplitRule(validation=1, test=1),
        stages=(
            Stage(kind="frames", epochs=1, batch_size=32, stride=6),
            Stage(kind="features", epochs=1, batch_size=32, stride=3),
        ),
    )
    sessions = [
        Session(f"other-{n}", str(n), f"{n}-{seconds}", partial(load, n))
        for n in range(3001, 3001 + mice)
    ]
    return train(config, sessions, work / "null")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--patches", type=int, default=20)
    parser.add_argument("--decoder", default="run-rest")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    decoder = load_decoder(arguments.decoder)
    mice = [simulate(FIRST_SUBJECT + i, arguments.seconds) for i in range(arguments.mice)]
    print(f"decoder {decoder.name}, {arguments.frames} frames of {arguments.seconds:g} s, pairs")
    found = []
    for mouse in mice:
        began = time.perf_counter()
        result = explained(decoder, mouse, arguments.frames, arguments.patches)
        seconds = time.perf_counter() - began
        carry = mouse.truth.precise_areas
        top = result.ranked().head(4)
        first = list(top["acronym"])[:2]
        found.append(set(first) <= set(carry))
        others = most_correlated(mouse, 2)
        said = ", ".join(
            f"{a} {i:+.3f}" for a, i in zip(top["acronym"], top["importance"], strict=True)
        )
        print(f"mouse {mouse.subject}: AUC {result.whole.value:.3f}; {said}")
        print(f"  top two carry the signal: {found[-1]}; most correlated: {', '.join(others)}")
        print(f"  {result.verdict}")
        passes = result.encodings / result.whole.n_frames
        print(f"  {result.encodings} encodings, {passes:.1f} a frame, {seconds:.0f} s", flush=True)
    print(
        f"areas that carry the signal ({', '.join(carry)}) are the top two in {sum(found)} of "
        f"{len(found)} mice"
    )
    with tempfile.TemporaryDirectory() as folder:
        null = decoder_of_other_sessions(Path(folder), mice=6, seconds=30)
    kinds = []
    for mouse in mice:
        result = explained(null, mouse, arguments.frames // 2, arguments.patches)
        kinds.append(result.verdict.kind)
        print(
            f"labels of other sessions, mouse {mouse.subject}: AUC {result.whole.value:.2f}, "
            f"{result.verdict}",
            flush=True,
        )
    print(f"not supported: {kinds.count('not supported')} of {len(kinds)}")


if __name__ == "__main__":
    main()
