"""Families of simulated mice: many generators, so that a decoder cannot learn one by heart.

The calibrated mouse is one point. A family draws the numbers of each of its mice over wide ranges:
bouts of seconds to minutes, how much of the time it runs, how cortex begins, keeps and ends to show
it, what each area shows of it, of what kind the noise is, drift, blood, indicator, movement,
whisking and licking, pose. Which areas carry the signal is drawn anew for each
mouse, the precise ones too. Families of `HELD_OUT` differ in kind from those of `LEARNED`: no
decoder learns from them, and they decide when learning ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.simulation.parameters import Parameters, Range
from napari_cortex_decoder.simulation.seeds import generator

Changes = dict[str, Any]
Rng = np.random.Generator

_WHISKING = {"SSp-bfd": 1.0, "MOs": 0.7, "VISrl": 0.4, "SSp-un": 0.3, "SSp-n": 0.3}
_LICKING = {"SSp-m": 1.0, "MOp": 0.7, "SSp-n": 0.6, "MOs": 0.4, "SSp-ul": 0.3}


def family_parameters(family: str, number: int) -> Parameters:
    """Return the numbers of one mouse of a family, `LEARNED` or `HELD_OUT`: always the same ones.

    Which mouse is told by its number, ≥ 0: it is the subject of the recording, too. Raises
    SimulationError if there is no such family.
    """
    families = {**LEARNED, **HELD_OUT}
    if family not in families:
        raise SimulationError(f"{family!r} is no family of mice; take {', '.join(families)}.")
    rng = generator(f"family {family}", number)
    common = {} if family == "calibrated" else _any_mouse(rng)
    return replace(Parameters(), **{**common, **families[family](rng)})


def _any_mouse(rng: Rng) -> Changes:
    """Draw what varies in every family."""
    cycle, fraction = _log(rng, 6, 120), rng.uniform(0.1, 0.9)
    loud = _log(rng, 0.7, 2.5)  # of some mice the mean of the frame tells almost all
    widespread = _redrawn(rng, Parameters().global_weight, 0.4, rng.uniform(0, 1))
    return {
        "cycle": _only(cycle),
        "run_fraction": _only(fraction),
        "session_run_fraction": (0.07, 0.93),
        **_course(rng),
        "bout_gain_spread": rng.uniform(0.1, 0.4),
        "arousal_interval": _log(rng, 8, 60),
        "arousal_duration": (1.0, rng.uniform(2, 10)),
        "arousal_gain": (0.1, rng.uniform(0.2, 0.7)),
        "global_weight": {name: loud * weight for name, weight in widespread.items()},
        "other_global_weight": loud * Parameters().other_global_weight,
        "precise_weight": _redrawn(rng, Parameters().precise_weight, 0.3, rng.uniform(0, 1)),
        "precise_amplitude": _log(rng, 0.6, 2),
        "precise_gain_spread": rng.uniform(0.1, 0.4),
        "rest_movement_rate": rng.uniform(0.05, 0.3),
        "rest_movement_gain": rng.uniform(0.2, 0.7),
        "expression": _only(_log(rng, 0.7, 1.6)),
        "individual": 0.2,
        "common": _log(rng, 0.1, 0.8),
        **_noise(rng, ("bands", "bands", "pink", "oscillators")),
        "band_shares": _shares(rng),
        "regional": _log(rng, 0.25, 0.7),
        "regional_scale": rng.uniform(2, 6),
        "specific": _log(rng, 0.15, 0.45),
        "indicator_half_decay": _only(_log(rng, 0.12, 0.45)),
        "hemodynamic": _only(_log(rng, 0.15, 0.6)),
        "hemodynamic_coupling": rng.uniform(0, 0.3),
        "drift": _only(_log(rng, 0.1, 1.5)),
        "bleached": _only(rng.uniform(0, 8)),
        "jitter": _log(rng, 0.0005, 0.003),
        "jitter_running": _log(rng, 0.7, 2),
        "stride_modulation": float(rng.choice([0, 0, 0.5])),
        "heart_quickening": float(rng.choice([0, 0.3])),
        "respiration_quickening": float(rng.choice([0, 0.2])),
        "rotation": 15.0,
        "shift": 0.5,
        **_others(rng, rng.uniform(0, 0.8)),
    }


def _course(rng: Rng) -> Changes:
    """Draw how the widespread signal rises, stays and falls: a peak, a step or a slope."""
    before, peak, late = rng.uniform(0, 1), rng.uniform(0.5, 2), rng.uniform(0.6, 1.4)
    rise = 0.4 * before, 0.7 * before, peak * rng.uniform(0.2, 0.8), peak, (peak + late) / 2
    return {
        "onset_profile": (0.0, *rise, late),
        "sustained": late * rng.uniform(0.4, 1.2),
        "adaptation": _log(rng, 2, 60),
        "offset_decay": _log(rng, 0.3, 4),
    }


def _noise(rng: Rng, kinds: Sequence[str]) -> Changes:
    """Draw a kind of noise, and its number."""
    numbers = {
        "bands": 1.0,
        "pink": rng.uniform(0.4, 1.6),
        "oscillators": _log(rng, 0.05, 2),
        "autoregressive": _log(rng, 0.2, 8),
        "bursts": _log(rng, 1, 20),
    }
    kind = str(rng.choice(kinds))
    return {"noise": kind, "noise_number": numbers[kind]}


def _shares(rng: Rng) -> tuple[float, ...]:
    """Draw the power of spontaneous activity in each band: slow, as often as fast."""
    slow = _log(rng, 0.5, 5)
    weights = np.array(Parameters().band_shares) * np.array([slow**2, slow, 1, 1 / slow, 1 / slow])
    return tuple((weights / weights.sum()).tolist())


def _others(rng: Rng, amplitude: float) -> Changes:
    """Draw whisking and licking: now and then, in the run or not."""
    return {
        "other_amplitude": amplitude,
        "other_weights": (_redrawn(rng, _WHISKING, 0.3, 0.3), _redrawn(rng, _LICKING, 0.3, 0.3)),
        "other_interval": _log(rng, 5, 30),
        "other_duration": (0.5, rng.uniform(2, 8)),
        "other_running": rng.uniform(0.5, 2),
    }


def _redrawn(
    rng: Rng, weights: Mapping[str, float], spread: float, moved: float
) -> Mapping[str, float]:
    """Return weights times a random factor each, a share of them moved to any areas."""
    acronyms = sorted({area.acronym for area in load_atlas("dorsal-cortex").areas})
    own = {name: w * float(np.exp(spread * rng.standard_normal())) for name, w in weights.items()}
    leaving = [name for name in own if rng.random() < moved]
    free = [name for name in acronyms if name not in own or name in leaving]
    places = rng.permutation(free)[: len(leaving)]
    values = [own.pop(name) for name in leaving]
    return own | dict(zip(map(str, places), values, strict=True))


def _log(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _only(value: float) -> Range:
    return float(value), float(value)


def _signs(rng: Rng) -> Changes:
    """Let running quiet about a third of the areas."""
    weights = _redrawn(rng, Parameters().global_weight, 0.4, 0.5)
    return {
        "global_weight": {n: w * (-1 if rng.random() < 0.35 else 1) for n, w in weights.items()},
        "other_global_weight": -0.2,
    }


def _everywhere(rng: Rng) -> Changes:
    """Let running raise all cortex alike, and other things, too."""
    even = dict.fromkeys(Parameters().global_weight, _log(rng, 0.5, 2))
    return {
        "global_weight": _redrawn(rng, even, rng.uniform(0.1, 0.6), 0.0),
        "other_global_weight": float(np.mean(list(even.values()))),
        "precise_amplitude": rng.uniform(0, 0.5),
    }


def _clear(rng: Rng) -> Changes:
    """Let running raise cortex so much that the mean of the frame tells it."""
    loud = _log(rng, 2, 7)
    weights = _redrawn(rng, Parameters().global_weight, 0.5, rng.uniform(0, 1))
    return {
        "global_weight": {name: loud * weight for name, weight in weights.items()},
        "other_global_weight": loud * rng.uniform(0.1, 0.8),
        "arousal_interval": _log(rng, 15, 200),
        "arousal_gain": (0.05, rng.uniform(0.1, 0.4)),
        "precise_amplitude": rng.uniform(0, 1.5),
        "drift": _only(_log(rng, 0.1, 1.0)),
        "bout_gain_spread": rng.uniform(0.1, 0.35),
    }


def _uneven(rng: Rng) -> Changes:
    """Let areas differ in how much they show of what none of them does by itself, and of noise."""
    names = sorted({area.acronym for area in load_atlas("dorsal-cortex").areas})

    def weights(spread: float) -> Changes:
        return {name: float(np.exp(spread * rng.standard_normal())) for name in names}

    spread = rng.uniform(0.2, 0.8)
    kinds: Sequence[Callable[[Rng], Changes]] = (_clear, _everywhere, lambda _: {})
    return {
        **kinds[int(rng.integers(3))](rng),
        "common": _log(rng, 0.2, 1.2),
        "common_weight": weights(spread),
        "regional_weight": weights(spread),
        "specific_weight": weights(rng.uniform(0.1, 0.6)),
    }


LEARNED: Mapping[str, Callable[[Rng], Changes]] = {
    "any": lambda rng: {},
    "calibrated": lambda rng: {
        "cycle": _only(_log(rng, 6, 250)),
        "run_fraction": _only(rng.uniform(0.2, 0.8)),
        "drift": _only(_log(rng, 0.3, 1.2)),
    },
    "usual": lambda rng: {
        "global_weight": Parameters().global_weight,
        "precise_weight": Parameters().precise_weight,
    },
    "widespread": lambda rng: {
        "precise_amplitude": rng.uniform(0, 0.4),
        "common": rng.uniform(0.3, 0.8),
        "arousal_interval": _log(rng, 20, 200),
        "arousal_gain": (0.05, 0.4),
    },
    "precise": lambda rng: {
        "global_weight": _redrawn(rng, dict.fromkeys(Parameters().global_weight, 0.1), 0.5, 0.0),
        "other_global_weight": 0.1,
        "precise_amplitude": _log(rng, 1.0, 2.5),
    },
    "short bouts": lambda rng: {"cycle": _only(_log(rng, 4, 12))},
    "minutes": lambda rng: {
        "cycle": _only(_log(rng, 60, 300)),
        "drift": _only(_log(rng, 0.2, 1.5)),
    },
    "everywhere": _everywhere,
    "clear": _clear,
    "uneven": _uneven,
}
"""Families that decoders learn from: what they change of any mouse."""

HELD_OUT: Mapping[str, Callable[[Rng], Changes]] = {
    "long bouts": lambda rng: {
        "cycle": _only(rng.uniform(150, 200)),
        "run_fraction": _only(rng.uniform(0.3, 0.7)),
        "drift": _only(_log(rng, 0.3, 1.0)),
    },
    "whiskers": lambda rng: _others(rng, rng.uniform(1.0, 1.8)),
    "slow indicator": lambda rng: {"indicator_half_decay": _only(rng.uniform(0.6, 1.2))},
    "moving brain": lambda rng: {
        "jitter": _log(rng, 0.004, 0.012),
        "jitter_running": rng.uniform(2, 4),
    },
    "bloody": lambda rng: {
        "hemodynamic": _only(rng.uniform(0.7, 1.2)),
        "hemodynamic_coupling": rng.uniform(0.3, 0.6),
    },
    "quieted": _signs,
    "autoregressive": lambda rng: _noise(rng, ("autoregressive",)),
    "bursts": lambda rng: _noise(rng, ("bursts",)),
    "clear autoregressive": lambda rng: {**_clear(rng), **_noise(rng, ("autoregressive",))},
}
"""Families that none learns from, as of `LEARNED`."""
