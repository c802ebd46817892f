"""Families of simulated mice: unlike each other, and always the same."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cortex_decoder.errors import SimulationError
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.simulation.families import (
    HELD_OUT,
    LEARNED,
    family_parameters,
)
from napari_cortex_decoder.simulation.parameters import Parameters

FAMILIES = [*LEARNED, *HELD_OUT]


def test_no_family_is_both_learned_and_held_out() -> None:
    assert not set(LEARNED) & set(HELD_OUT) and len(LEARNED) >= 4 and len(HELD_OUT) >= 4


@pytest.mark.parametrize("family", FAMILIES)
def test_a_mouse_of_a_family_is_always_the_same_and_films_run_and_rest(family: str) -> None:
    one, two = (
        simulate_recording(
            subject=3,
            seconds=240,
            frame_rate=5,
            shape=(32, 32),
            parameters=family_parameters(family, 3),
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.movie[::60].compute(), two.movie[::60].compute())
    assert family_parameters(family, 3) == family_parameters(family, 3)
    assert 0 < one.truth.ethogram.frames().mean() < 1
    assert np.isfinite(one.truth.area_traces).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_mice_of_a_family_differ_from_each_other_and_from_the_calibrated_one(family: str) -> None:
    several = [family_parameters(family, number) for number in range(6)]
    assert len({mouse.cycle for mouse in several}) == 6
    assert len({mouse.drift for mouse in several}) == 6
    assert all(mouse != Parameters() for mouse in several)


def test_which_areas_carry_the_signal_is_drawn_anew() -> None:
    mice = [family_parameters("any", number) for number in range(40)]
    most = [max(mouse.precise_weight, key=lambda n: mouse.precise_weight[n]) for mouse in mice]
    assert len(set(most)) > 8
    loudest = [max(mouse.global_weight, key=lambda n: mouse.global_weight[n]) for mouse in mice]
    assert len(set(loudest)) > 5


def test_whiskers_move_cortex_whether_the_mouse_runs_or_not() -> None:
    quiet = family_parameters("whiskers", 1)
    loud = simulate_recording(
        subject=1, seconds=60, frame_rate=10, shape=(32, 32), parameters=quiet
    )
    assert quiet.other_amplitude >= 1 and len(quiet.other_weights) == 2
    areas = [area.acronym for area in loud.truth.registration.atlas.areas]
    own = max(quiet.other_weights[0], key=lambda n: quiet.other_weights[0][n])
    rest = loud.truth.ethogram.frames() == 0
    spread = loud.truth.area_traces[rest].std(axis=0)
    assert spread[areas.index(own)] > 0.5 * np.median(spread)


def test_the_mean_of_the_frame_tells_running_in_some_families_and_not_in_others() -> None:
    told = {}
    for family in ("clear", "precise"):
        found = []
        for number in range(8):
            mouse = simulate_recording(
                subject=number,
                seconds=240,
                frame_rate=5,
                shape=(32, 32),
                parameters=family_parameters(family, number),
            )
            mean = mouse.truth.area_traces.mean(axis=1, keepdims=True)
            found.append(auc_of_logits(mean, mouse.truth.ethogram.frames()))
        told[family] = np.mean(found)
    assert told["clear"] > 0.9 > 0.8 > told["precise"]


def test_areas_show_what_they_share_in_unlike_strength_where_asked() -> None:
    silent = Parameters(
        precise_amplitude=0.0, global_weight={}, other_global_weight=0.0, regional=0.0,
        specific=0.0, common=1.0, common_weight={"VISp": 3.0}, expression_unevenness=0.0,
    )  # fmt: skip
    mouse = simulate_recording(
        subject=1, seconds=30, frame_rate=10, shape=(32, 32), parameters=silent
    )
    areas = [area.label for area in mouse.truth.registration.atlas.areas]
    spread = mouse.truth.area_traces.std(axis=0)
    assert spread[areas.index("VISp left")] == pytest.approx(3 * spread[areas.index("MOs left")])
    uneven = [family_parameters("uneven", number).common_weight for number in range(8)]
    assert all(max(weights.values()) > 1.3 * min(weights.values()) for weights in uneven)


def test_kinds_of_noise_are_held_out() -> None:
    learned = {family_parameters(family, i).noise for family in LEARNED for i in range(12)}
    held_out = {family_parameters(family, i).noise for family in HELD_OUT for i in range(12)}
    assert learned == {"bands", "pink", "oscillators"}
    assert held_out - learned == {"autoregressive", "bursts"}


def test_a_family_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(SimulationError, match="'cats' is no family of mice; take any, calibrated"):
        family_parameters("cats", 1)
