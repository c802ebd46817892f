"""The mouse: everything about it that is the same in all of its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_cortex_decoder.simulation.parameters import Parameters, Range
from napari_cortex_decoder.simulation.seeds import generator


@dataclass(frozen=True)
class Subject:
    """One simulated mouse."""

    number: int  # which one; its maps and vessels are drawn from streams seeded by it
    # pose of its brain in the window: degrees clockwise, mm (right, back), factor
    rotation: float
    shift: tuple[float, float]
    scaling: float
    # share of time spent running; s between starts of runs; cm/s
    run_fraction: float
    cycle: float
    top_speed: float
    # s; time constants of its indicator
    rise: float
    decay: float
    expression: float  # gain of all its activity
    scatter: float  # mm; blur by scattered light
    # counts of bright cortex above the dark offset, and that offset
    brightness: float
    dark_offset: float
    # % of the light lost in the end, and time constant in s
    bleached: float
    bleach_time: float
    drift: float  # SD of slow drift, % ΔF/F
    # SD, % ΔF/F
    hemodynamic: float
    heartbeat: float
    respiration: float
    # Hz, at rest
    heart_rate: float
    respiration_rate: float
    parameters: Parameters  # what it has in common with other mice


def draw_subject(number: int, p: Parameters) -> Subject:
    """Draw the mouse of that number: always the same one."""
    rng = generator("subject", number)

    def within(limits: Range) -> float:
        return float(rng.uniform(*limits))

    def drawn(*names: str) -> dict[str, Any]:
        return {name: within(getattr(p, name)) for name in names}

    # in this order: each draw is of the same stream
    return Subject(
        number=number,
        rotation=within((-p.rotation, p.rotation)),
        shift=(within((-p.shift, p.shift)), within((-p.shift, p.shift))),
        scaling=within((1 - p.scaling, 1 + p.scaling)),
        **drawn("run_fraction", "cycle", "top_speed"),
        rise=within(p.indicator_rise),
        decay=within(p.indicator_half_decay) / float(np.log(2)),
        **drawn("expression", "scatter", "brightness", "dark_offset", "bleached", "bleach_time"),
        **drawn("hemodynamic", "heartbeat", "respiration", "heart_rate", "respiration_rate"),
        **drawn("drift"),
        parameters=p,
    )
