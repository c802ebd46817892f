"""What the verdict says beside what is true, by family of simulated mice: the table of the docs.

A pair of areas that is named by a verdict that *holds* is wrong where the mouse's neurons, without
noise, blood or movement, show no more of running there than cortex does on average; a mouse
is missed where nothing right is named although some pair shows at least 1.5 times as much.

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
from napari_cortex_decoder.choices import SCORES
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import Decoder, load_decoder
from napari_cortex_decoder.saliency import area_importance, sample_frames
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
"""Where nothing that is named can be right."""


def mouse(family: str, number: int, seconds: float) -> SimulatedRecording:
    """Return one mouse of a family, rendered once."""
    origin, change = FAMILIES[family]
    rng = np.random.default_rng((number, list(FAMILIES).index(family)))
    usual = Parameters()
    pose = {"rotation": usual.rotation, "shift": usual.shift}  # or some areas are out of view
    parameters = replace(family_parameters(origin, number), **pose, **change(rng))
    found = simulate_recording(
        seed=1, subject=number, seconds=seconds, shape=SHAPE, parameters=parameters
    )
    return replace(found, movie=da.from_array(found.movie.compute(), chunks=(600, -1, -1)))


def in_view(decoder: Decoder, found: SimulatedRecording) -> bool:
    """Whether all areas that a decoder reads lie on the movie."""
    seen = np.unique(found.truth.registration.label_image(SHAPE))[1:] - 1
    areas = found.truth.registration.atlas.areas
    return set(decoder.config.preprocessing.areas) <= {areas[i].label for i in seen}


def misplaced(registration: Registration, rng: np.random.Generator) -> Registration:
    """Return a registration off by .3 mm and 5°, in directions drawn by chance."""
    way, turn = rng.uniform(0, 2 * np.pi), float(rng.choice([-5, 5]))
    off = 0.3 * SHAPE[0] / Parameters().field_of_view
    return registration.nudged(rows=off * np.sin(way), columns=off * np.cos(way), degrees=turn)


def shown(found: SimulatedRecording) -> dict[str, float]:
    """Return how much more of running a pair shows than cortex does: 1 is as much."""
    truth = found.truth
    running = truth.ethogram.frames() == 1
    apart = truth.area_traces[running].mean(axis=0) - truth.area_traces[~running].mean(axis=0)
    areas = truth.registration.atlas.areas
    labels = truth.registration.label_image(found.shape)
    sizes = np.bincount(labels.ravel(), minlength=len(areas) + 1)[1:]
    mean = float(np.average(apart, weights=sizes))
    own = {name: [area.acronym == name for area in areas] for name in PAIRS}
    return {name: float(apart[own[name]].mean()) / mean for name in PAIRS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=20)
    parser.add_argument("--first", type=int, default=7001, help="number of a mouse")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--decoder", default="run-rest-areas")
    parser.add_argument("--family", action="append", choices=FAMILIES)
    asked = parser.parse_args()
    decoder = load_decoder(asked.decoder)
    head = " | ".join(f"{score}: holds | wrong | missed" for score in SCORES)
    print(f"| family | read | {head} |")
    print("|---" * (2 + 3 * len(SCORES)) + "|")
    for family in asked.family or FAMILIES:
        counts = np.zeros((len(SCORES), 3), int)
        read = special = 0
        numbers = iter(range(asked.first, asked.first + 10 * asked.mice))
        for _ in range(asked.mice):
            number, found = next(
                (n, one)
                for n in numbers
                if in_view(decoder, one := mouse(family, n, asked.seconds))
            )
            truth, amounts = found.truth, shown(found)
            registration = truth.registration
            if family.startswith("registration"):
                registration = misplaced(registration, np.random.default_rng(number))
            there = family not in NOTHING and max(amounts.values()) >= 1.5
            special += there
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
                right = [family not in NOTHING and amounts[name] > 1 for name in named["acronym"]]
                counts[row] += len(named) > 0, not all(right), there and not any(right)
            read += result.whole.unread("run") is None
        said = " | ".join(f"{h} | {w} | {m} of {special}" for h, w, m in counts)
        print(f"| {family} | {read} of {asked.mice} | {said} |", flush=True)


if __name__ == "__main__":
    main()
