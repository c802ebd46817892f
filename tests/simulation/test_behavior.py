"""What simulated mice do."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cortex_decoder.simulation.behavior import Behavior, behave
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.simulation.seeds import generator
from napari_cortex_decoder.simulation.subject import draw_subject

P = Parameters()


def session(subject: int, seed: int, seconds: float = 60.0, rate: float = 30.0) -> Behavior:
    mouse = draw_subject(subject, P)
    return behave(generator("behavior", subject, seed), mouse, round(seconds * rate), rate)


def running(behavior: Behavior) -> np.ndarray:
    return behavior.speed > P.run_threshold


def test_run_fractions_spread_over_mice_and_sessions_as_in_the_paper() -> None:
    mice = np.array([draw_subject(n, P).run_fraction for n in range(300)])
    assert 0.37 <= mice.min() < 0.42
    assert 0.75 < mice.max() <= 0.80
    sessions = np.array([running(session(n, 1, 120)).mean() for n in range(60)])
    assert 0.2 < sessions.min() < 0.40
    assert 0.70 < sessions.max() < 0.97
    assert 0.50 < sessions.mean() < 0.68


def test_a_mouse_keeps_its_habits_over_sessions() -> None:
    fractions = np.array(
        [[running(session(n, seed, 120)).mean() for seed in range(8)] for n in range(20)]
    )
    habits = [draw_subject(n, P).run_fraction for n in range(20)]
    assert np.corrcoef(fractions.mean(axis=1), habits)[0, 1] > 0.8


@settings(max_examples=30, deadline=None)
@given(
    subject=st.integers(0, 10**6),
    seed=st.integers(0, 10**6),
    seconds=st.floats(5, 200),
    rate=st.sampled_from([10.0, 30.0, 100.0]),
)
def test_any_session_has_both_behaviors_and_speeds_of_a_mouse(
    subject: int, seed: int, seconds: float, rate: float
) -> None:
    behavior = session(subject, seed, seconds, rate)
    assert running(behavior).any()
    assert not running(behavior).all()
    assert behavior.speed.min() >= 0
    assert behavior.speed.max() < 100  # cm/s; the fastest mice reach some 90
    assert np.isfinite(behavior.stride).all()


def test_runs_accelerate_vary_and_last_seconds() -> None:
    behavior = session(3, 3, 300)
    lengths = np.diff(behavior.bouts, axis=1).ravel()
    assert P.shortest_run <= lengths.min()
    assert 2 < np.median(lengths) < 15
    for start, stop in behavior.bouts[1:-1]:
        inside = behavior.speed[int(start * 30) + 1 : int(stop * 30)]
        if inside.size > 60:
            assert inside[:3].mean() < 0.6 * inside[20:-20].mean()
            assert inside[20:-20].std() > 0.05 * inside[20:-20].mean()


def test_a_resting_mouse_stirs_without_running() -> None:
    behavior = session(3, 3, 300)
    stirring = (behavior.movement > 0.3) & ~running(behavior)
    assert stirring.any()
    assert 0.05 < behavior.speed[stirring].mean() < P.run_threshold
