"""Whether importance finds what a decoder reads, in mice whose truth is known.

Mice that no training saw. For each, in a line of a table:

carry
    The most important pairs of areas, those that correlate most with running, and whether the
    first, and the first two, carry the precise signal. `--decoder run-rest-areas --seconds 600`
    asks the decoder of area traces, over sessions as long as the paper's.
mute
    The AUC that the decoder loses when signals are taken out of the *mouse* (the same session,
    drawn again without them), beside the importance of the same areas, which takes them out of
    the *images*: what importance says of a decoder should be what a mouse without the signal says.
null
    The verdict on a decoder that learned from the labels of other sessions.

    python benchmarks/saliency.py [--part carry --part mute --part null] [--mice 5] [--frames 600]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from napari_cortex_decoder.atlas import correlate_behavior
from napari_cortex_decoder.choices import ScoreName
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, Preprocessing, load_decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.saliency import AreaImportance, area_importance, sample_frames
from napari_cortex_decoder.saliency.masking.regions import Targets
from napari_cortex_decoder.simulation import Parameters, SimulatedRecording, simulate_recording

FIRST_SUBJECT = 9101
SHAPE = (64, 64)
SECONDS = 60.0
STRETCH = 40
"""Frames in a row of one bout: many bouts at few encodings."""

LIMB = ("SSp-ul", "SSp-un", "SSp-ll")
GROUPS = {
    "limb S1": LIMB,
    "motor": ("MOs", "MOp"),
    "parietal and retrosplenial": ("VISa", "VISam", "VISrl", "RSPd", "RSPagl"),
    "other S1": ("SSp-bfd", "SSp-tr", "SSp-m", "SSp-n", "SSs"),
}


def simulate(
    subject: int, seconds: float = SECONDS, seed: int = 1, parameters: Parameters | None = None
) -> SimulatedRecording:
    return simulate_recording(
        seed=seed, subject=subject, seconds=seconds, shape=SHAPE, parameters=parameters
    )


def explained(
    decoder: Decoder,
    mouse: SimulatedRecording,
    frames: int,
    targets: Targets = "pairs",
    patches: int = 0,
    score: ScoreName = "auc",
) -> AreaImportance:
    truth = mouse.truth
    return area_importance(
        decoder,
        mouse,
        truth.registration,
        truth.ethogram,
        targets=targets,
        score=score,
        frames=sample_frames(truth.ethogram, frames, stretch=STRETCH),
        patches=patches,
        compute=CPU,
    )


def most_correlated(mouse: SimulatedRecording, n: int) -> list[str]:
    """Return the areas (mean of both sides) whose traces follow running most."""
    registration = mouse.truth.registration
    areas = registration.atlas.areas
    traces = mouse.area_traces(registration.label_image(mouse.shape), len(areas))
    r = correlate_behavior(traces, mouse.truth.ethogram.frames().astype(float))
    sums: dict[str, list[float]] = {}
    for value, area in zip(r, areas, strict=True):
        if np.isfinite(value):
            sums.setdefault(area.acronym, []).append(float(value))
    means = {name: np.mean(values) for name, values in sums.items()}
    return sorted(means, key=means.__getitem__, reverse=True)[:n]


def carry(
    decoder: Decoder, subject: int, seconds: float, frames: int, patches: int, score: ScoreName
) -> tuple[bool, bool, bool]:
    """Print a mouse's most important pairs.

    Returns
    -------
    first, both
        Whether the most important pair, and the first two, carry the signal.
    misled
        Whether another pair correlates most with running.
    """
    began = time.perf_counter()
    mouse = simulate(subject, seconds)
    result = explained(decoder, mouse, frames, patches=patches, score=score)
    top = result.ranked().head(4)
    precise = [name in mouse.truth.precise_areas for name in top["acronym"]]
    found = precise[0], all(precise[:2])
    said = ", ".join(
        f"{a} {i:+.3f}" for a, i in zip(top["acronym"], top["importance"], strict=True)
    )
    correlated = most_correlated(mouse, 3)
    told = " | ".join("yes" if yes else "no" for yes in found)
    print(f"| {subject} | {result.whole.value:.3f} | {said} | {', '.join(correlated)} | {told} |")
    if patches:
        print(f"  {result.verdict}")
    took = time.perf_counter() - began
    passes = result.encodings / result.whole.n_frames
    print(f"  {result.encodings} encodings, {passes:.1f} a frame, {took:.0f} s", flush=True)
    return *found, correlated[0] not in mouse.truth.precise_areas


def without(*names: str) -> Parameters:
    """Return a mouse in which these areas say nothing of running; all of them without names."""
    usual = Parameters()

    def silent(weights: Mapping[str, float]) -> dict[str, float]:
        return {name: 0.0 if name in names else w for name, w in weights.items()}

    return replace(
        usual,
        global_weight=silent(usual.global_weight),
        precise_weight=silent(usual.precise_weight),
    )


def mute(decoder: Decoder, subject: int, frames: int) -> None:
    """Print what a decoder loses without signals of the mouse, and without areas of the image."""
    mouse = simulate(subject)
    result = explained(decoder, mouse, frames, {**GROUPS, "MOs": ["MOs"]})
    usual = Parameters()
    variants = {
        "precise signal": replace(usual, precise_amplitude=0.0),
        "widespread signal": replace(
            usual,
            global_weight=dict.fromkeys(usual.global_weight, 0.0),
            other_global_weight=0.0,
        ),
        "MOs": without("MOs"),
        "limb S1": without(*LIMB),
    }
    lost = {}
    for name, parameters in variants.items():
        other = simulate(subject, parameters=parameters)
        whole = explained(decoder, other, frames, {"MOs": ["MOs"]}).whole.value
        lost[name] = result.whole.value - whole
    worth = dict(zip(result.table["acronym"], result.table["importance"], strict=True))
    print(
        f"| {subject} | {result.whole.value:.3f} | "
        + " | ".join(f"{worth[name]:+.3f}" for name in [*GROUPS, "MOs"])
        + " | "
        + " | ".join(f"{lost[name]:+.3f}" for name in variants)
        + " |",
        flush=True,
    )


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


def null(decoder: Decoder, subjects: range, frames: int) -> None:
    """Print the verdicts on a decoder that could learn nothing.

    One that does not read the behavior is not supported whatever it is asked about, so two
    questions are enough then.
    """
    kinds = []
    for subject in subjects:
        mouse = simulate(subject)
        result = explained(decoder, mouse, frames, "hemispheres")
        if result.verdict.kind != "not supported":
            result = explained(decoder, mouse, frames, patches=20)
        kinds.append(result.verdict.kind)
        chance = np.percentile(result.whole.null, 97.5)
        print(
            f"| {subject} | {result.whole.value:.3f} ({result.whole.low:.3f}–"
            f"{result.whole.high:.3f}) | {chance:.3f} | {result.verdict.kind} |",
            flush=True,
        )
    print(f"not supported: {kinds.count('not supported')} of {len(kinds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=("carry", "mute", "null"))
    parser.add_argument("--mice", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a session of carry")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--patches", type=int, default=0, help="for the verdict of carry")
    parser.add_argument("--decoder", default="run-rest")
    parser.add_argument("--score", choices=("auc", "log-odds"), default="auc", help="of carry")
    parser.add_argument("--first", type=int, default=FIRST_SUBJECT, help="number of a mouse")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = arguments.part or ("carry", "mute", "null")
    subjects = range(arguments.first, arguments.first + arguments.mice)
    decoder = load_decoder(arguments.decoder)
    if "carry" in parts:
        print("| mouse | AUC | most important pairs | most correlated | first carries | both |")
        asked = arguments.seconds, arguments.frames, arguments.patches, arguments.score
        found = np.array([carry(decoder, subject, *asked) for subject in subjects])
        first, both, misled = found.sum(axis=0)
        print(f"the most important pair carries the signal: {first} of {len(found)}")
        print(f"the two most important pairs carry it: {both} of {len(found)}")
        print(f"another pair correlates most: {misled} of {len(found)}")
    if "mute" in parts:
        print("| mouse | AUC | importance of groups, MOs | lost by mice without … |")
        for subject in subjects:
            mute(decoder, subject, arguments.frames)
    if "null" in parts:
        with tempfile.TemporaryDirectory() as folder:
            unlearned = decoder_of_other_sessions(Path(folder), mice=6, seconds=30)
        print("| mouse | AUC | shifted labels up to | verdict |")
        null(unlearned, subjects, arguments.frames)


if __name__ == "__main__":
    main()
