"""What the verdict says beside what is true, by family of simulated mice: the table of the docs.

What holds says that the decoder uses a pair of areas more than chance areas of its size. So the
same session is simulated again with that pair saying nothing of running: a pair that is named is
wrong where the score that was asked for is no lower then; it is below its share where log-odds of
running and rest come together by no more than the pair's share of cortex. A mouse is missed where
its decoder reads running, some pair of it shows at least 1.5 times as much of running as cortex
does, and nothing right is named.

    python benchmarks/verdict_families.py [--mice 20] [--seconds 180] [--decoder run-rest-areas]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.choices import SCORES, ScoreName
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.progress import unheard
from napari_cortex_decoder.saliency import area_importance, sample_frames
from napari_cortex_decoder.saliency.masking.masked_traces import MaskedTraces
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.simulation import Parameters, SimulatedRecording, simulate_recording
from napari_cortex_decoder.simulation.families import family_parameters

SHAPE = (64, 64)
PAIRS = sorted({area.acronym for area in load_atlas("dorsal-cortex").areas})

Change = Callable[[np.random.Generator], Mapping[str, Any]]


def even(weight: float) -> dict[str, Any]:
    """Return the numbers of a mouse whose areas all show as much of the widespread signal."""
    return {"global_weight": {}, "other_global_weight": weight, "precise_amplitude": 0.0}


def elsewhere(rng: np.random.Generator) -> dict[str, Any]:
    """Return precise areas drawn anew, none of them a limb's."""
    free = [name for name in PAIRS if name not in Parameters().precise_weight]
    chosen = rng.choice(free, size=3, replace=False).tolist()
    return {"precise_weight": dict(zip(chosen, (1.0, 0.9, 0.6), strict=True))}


FAMILIES: dict[str, tuple[str, Change]] = {
    "weights drawn anew": ("any", lambda rng: {}),
    "precise areas elsewhere": ("any", elsewhere),
    "no special area": ("any", lambda rng: even(1.0)),
    "widespread signal only": ("any", lambda rng: {"precise_amplitude": 0.0}),
    "movement only": (
        "moving brain",
        lambda rng: even(0.0) | {"jitter_running": 4.0, "other_amplitude": 0.0},
    ),
    "whisking and licking": ("whiskers", lambda rng: {}),
    "two-color residue": ("bloody", lambda rng: {}),
    "registration off by .3 mm, 5°": ("usual", lambda rng: {}),
    "drift": ("any", lambda rng: {"drift": (1.5, 1.5)}),
}
"""By name: the family that it is drawn from, and what is changed of it."""

NOTHING = ("no special area", "movement only")
"""Where nothing is there to be missed."""


def mouse(
    family: str, number: int, seconds: float, silent: str | None = None
) -> SimulatedRecording:
    """Return one mouse of a family, rendered once; of one pair silent nothing but noise."""
    origin, change = FAMILIES[family]
    rng = np.random.default_rng((number, list(FAMILIES).index(family)))
    usual = Parameters()
    pose = {"rotation": usual.rotation, "shift": usual.shift}  # or some areas are out of view
    parameters = replace(family_parameters(origin, number), **pose, **change(rng))
    if silent is not None:
        quiet = {silent: 0.0}
        parameters = replace(
            parameters,
            global_weight={**parameters.global_weight, **quiet},
            precise_weight={**parameters.precise_weight, **quiet},
            other_weights=tuple({**one, **quiet} for one in parameters.other_weights),
        )
    found = simulate_recording(
        seed=1, subject=number, seconds=seconds, shape=SHAPE, parameters=parameters
    )
    return replace(found, movie=da.from_array(found.movie.compute(), chunks=(600, -1, -1)))


def in_view(decoder: Decoder, registration: Registration) -> bool:
    """Whether all areas that a decoder reads lie on the movie."""
    seen = np.unique(registration.label_image(SHAPE))[1:] - 1
    areas = registration.atlas.areas
    return set(decoder.config.preprocessing.areas) <= {areas[i].label for i in seen}


def misplaced(decoder: Decoder, registration: Registration, seed: int) -> Registration:
    """Return a registration off by .3 mm and 5°, in directions drawn by chance; all is in view."""
    rng, off = np.random.default_rng(seed), 0.3 * SHAPE[0] / Parameters().field_of_view
    while True:
        way, turn = rng.uniform(0, 2 * np.pi), float(rng.choice([-5, 5]))
        rows, columns = off * np.sin(way), off * np.cos(way)
        moved = registration.nudged(rows=rows, columns=columns, degrees=turn)
        if in_view(decoder, moved):
            return moved


def shown(found: SimulatedRecording) -> dict[str, float]:
    """Return how much more of running a pair shows than cortex does: 1 is as much."""
    truth = found.truth
    running = truth.ethogram.frames() == 1
    more = truth.area_traces[running].mean(axis=0) - truth.area_traces[~running].mean(axis=0)
    areas = truth.registration.atlas.areas
    labels = truth.registration.label_image(found.shape)
    sizes = np.bincount(labels.ravel(), minlength=len(areas) + 1)[1:]
    mean = float(np.average(more, weights=sizes))
    own = {name: [area.acronym == name for area in areas] for name in PAIRS}
    return {name: float(more[own[name]].mean()) / mean for name in PAIRS}


def scores(
    decoder: Decoder, found: SimulatedRecording, registration: Registration
) -> dict[ScoreName, float]:
    """Return how well running and rest are told apart: AUC, and distance of the mean log-odds."""
    scored = sample_frames(found.truth.ethogram)
    scored = scored[(scored >= decoder.config.frames_before)]
    scored = scored[scored < found.n_frames - decoder.config.frames_after]
    nothing = np.zeros((0, *SHAPE), bool)
    masked = MaskedTraces(decoder, found, registration)
    odds = masked.log_odds(scored, nothing, decoder.behaviors.index("run"), unheard)[0]
    running = found.truth.ethogram.frames()[scored]
    told = auc_of_logits(odds[:, None].astype(np.float64), running)
    assert told is not None  # of every bout some frames are scored
    apart = odds[running == 1].mean() - odds[running == 0].mean()
    return {"auc": told, "log-odds": float(apart)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=20)
    parser.add_argument("--first", type=int, default=7001, help="number of a mouse")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--decoder", default="run-rest-areas")
    parser.add_argument("--family", action="append", choices=FAMILIES)
    asked = parser.parse_args()
    decoder = load_decoder(asked.decoder)
    head = " | ".join(f"{score}: holds | wrong | below its share | missed" for score in SCORES)
    print(f"| family | read | {head} |")
    print("|---" * (2 + 4 * len(SCORES)) + "|")
    for family in asked.family or FAMILIES:
        counts = np.zeros((len(SCORES), 4), int)
        read = special = 0
        numbers = iter(range(asked.first, asked.first + 10 * asked.mice))
        for _ in range(asked.mice):
            number, found = next(
                (n, one)
                for n in numbers
                if in_view(decoder, (one := mouse(family, n, asked.seconds)).truth.registration)
            )
            truth, amounts = found.truth, shown(found)
            registration = truth.registration
            if family.startswith("registration"):
                registration = misplaced(decoder, registration, number)
            there = family not in NOTHING and max(amounts.values()) >= 1.5
            whole = scores(decoder, found, registration)
            silent: dict[str, dict[ScoreName, float]] = {}
            for row, score in enumerate(SCORES):
                result = area_importance(
                    decoder,
                    found,
                    registration,
                    truth.ethogram,
                    targets="pairs",
                    score=score,
                    frames=sample_frames(truth.ethogram),
                    compute=CPU,
                    seed=number,
                )
                named = result.beating() if result.verdict.kind == "holds" else result.table[:0]
                shares = result.table.set_index("acronym")["pixels"] / result.table["pixels"].sum()
                for name in set(named["acronym"]) - set(silent):
                    quiet = mouse(family, number, asked.seconds, silent=name)
                    silent[name] = scores(decoder, quiet, registration)
                right = [silent[name][score] < whole[score] for name in named["acronym"]]
                below = any(
                    silent[name]["log-odds"] >= whole["log-odds"] * (1 - shares[name])
                    for name in named["acronym"]
                )
                reads = result.whole.unread("run") is None
                missed = reads and there and not any(right)
                counts[row] += len(named) > 0, not all(right), below, missed
            read += reads
            special += reads and there
        said = " | ".join(f"{h} | {w} | {b} | {m} of {special}" for h, w, b, m in counts)
        print(f"| {family} | {read} of {asked.mice} | {said} |", flush=True)


if __name__ == "__main__":
    main()
