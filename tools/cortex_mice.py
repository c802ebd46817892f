"""Traces of simulated mice of families, and what the mean of the frame tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.simulation.families import family_parameters

SHAPE = (64, 64)  # px: an area of a few is enough for its mean
LIFE = 30  # Hz: a frame is exposed to what happens at this rate, so a heartbeat is averaged away


@dataclass(frozen=True, eq=False)
class Mouse:
    """Traces of one mouse.

    Attributes
    ----------
    family
        Which.
    traces
        Shape (t, areas), counts; NaN of areas that are not in view.
    labels
        Shape (t,): 1 where it runs.
    """

    family: str
    traces: NDArray[np.float32]
    labels: NDArray[np.int64]


def displaced(registration: Registration, mm: float, seed: int) -> Registration:
    """Return a registration that is off by so many mm, and by 7 degrees for each of them."""
    rng = np.random.default_rng(seed)
    way, turn = rng.uniform(0, 2 * np.pi), np.deg2rad(7 * mm * rng.choice([-1, 1]))
    move = np.eye(3)
    move[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    move[:2, 2] = mm * np.cos(way), mm * np.sin(way)
    return replace(registration, matrix=registration.matrix @ move)


def film(
    family: str, number: int, seconds: float, *, off: float = 0.0, rate: float = 10.0
) -> Mouse:
    """Simulate traces of a mouse, calibrated if of no family, its atlas `off` mm off the truth."""
    recording = simulate_recording(
        subject=number,
        seconds=seconds,
        frame_rate=rate,
        shape=SHAPE,
        life_steps=max(1, round(LIFE / rate)),
        parameters=family_parameters(family, number) if family else None,
    )
    placed = displaced(recording.truth.registration, off, number)
    traces = recording.area_traces(placed.label_image(SHAPE), len(placed.atlas.areas))
    labels = recording.truth.ethogram.frames().astype(np.int64)
    return Mouse(family, traces.astype(np.float32), labels)


def mice(
    families: Iterable[str], numbers: Sequence[int], seconds: Sequence[float], kept: Path
) -> list[Mouse]:
    """Simulate mice of each family, of lengths in turn, or read those that are kept."""
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for family in families:
        for turn, number in enumerate(numbers):
            length = seconds[turn % len(seconds)]
            file = kept / f"{family}-{number}-{length:g}.npz".replace(" ", "-")
            if not file.exists():
                off = float(np.random.default_rng(number).uniform(0, 0.3))
                one = film(family, number, length, off=off)
                np.savez(file, traces=one.traces, labels=one.labels)
            with np.load(file, allow_pickle=False) as arrays:
                found.append(Mouse(family, arrays["traces"], arrays["labels"]))
    return found


def of_mean(mouse: Mouse) -> float | None:
    """Return the AUC of the mean of the frame."""
    seen = np.isfinite(mouse.traces).all(axis=0)
    mean = mouse.traces[:, seen].mean(axis=1, keepdims=True, dtype=np.float64)
    return auc_of_logits(mean, mouse.labels)
