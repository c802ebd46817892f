"""What a camera sees of a living brain that is not neural: blood, pulse, breath, movement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.simulation.behavior import Behavior, slow_noise
from napari_cortex_decoder.simulation.noise import band_noise
from napari_cortex_decoder.simulation.seeds import generator
from napari_cortex_decoder.simulation.subject import Subject


@dataclass(frozen=True, eq=False)
class Artifacts:
    """Signals of one session that a GFP mouse would show too."""

    blood: Floats  # shape (t, patterns), ΔF/F as a fraction: slow blood volume
    pulse: Floats  # shape (t,), ΔF/F as a fraction: heartbeat and respiration
    jitter: Floats  # shape (t, 2), mm: movement of the brain (down, right) below the window
    fading: Floats  # shape (t,), ΔF/F as a fraction: bleaching so far, negative
    drift: Floats  # shape (t, patterns), ΔF/F as a fraction: changes over minutes
    light: Floats  # shape (t,), about 1: lamp and bleaching

    def changed(self, change: Callable[[Floats], Floats]) -> Artifacts:
        """Return them with a change of each signal over time, such as an average over steps."""
        return Artifacts(**{each.name: change(getattr(self, each.name)) for each in fields(self)})


def draw_artifacts(
    rng: np.random.Generator, subject: Subject, session: int, behavior: Behavior, widespread: Floats
) -> Artifacts:
    """Draw the artefacts of one session.

    `widespread`, shape (t,), % ΔF/F, is the global signal, which blood volume follows.
    """
    p, frame_rate, times = subject.parameters, behavior.frame_rate, behavior.times
    n = times.size
    running = behavior.speed > p.run_threshold

    n_patterns = len(p.hemodynamic_patterns)
    blood = band_noise(rng, n, n_patterns, frame_rate, p.bands, p.hemodynamic_bands)
    blood *= subject.hemodynamic * np.array(p.hemodynamic_patterns)
    # Blood volume follows activity by one to two seconds, and absorbs the light.
    blood[:, 0] -= p.hemodynamic_coupling * _follow(widespread, frame_rate)

    aroused = 1 - np.exp(-_follow(widespread, frame_rate))

    def rhythm(rate: float, faster: float, wander: float) -> Floats:
        # Arousal quickens heart and breath, late and weakly against their own wander: were they
        # bound to running, a decoder could read it off them.
        now = rate + faster * aroused + wander * slow_noise(rng, n, frame_rate, tau=5.0)
        phase = np.cumsum(now) / frame_rate + rng.random()
        return np.asarray(np.sqrt(2) * np.sin(2 * np.pi * phase))

    pulse = subject.heartbeat * rhythm(subject.heart_rate, p.heart_quickening, p.heart_wander)
    pulse += subject.respiration * rhythm(
        subject.respiration_rate, p.respiration_quickening, p.respiration_wander
    )

    # The brain also moves at rest, in fits: movement says little of running.
    fits = np.exp(p.jitter_fits * slow_noise(rng, n, frame_rate, p.jitter_fit_time))
    strength = p.jitter * fits * np.where(running, p.jitter_running, 1.0)
    sway = np.stack([slow_noise(rng, n, frame_rate, p.jitter_time) for _ in range(2)], axis=1)
    jitter = strength[:, None] * sway

    fading = subject.bleached / 100 * np.expm1(-times / subject.bleach_time)
    # Its own stream: a mouse's other signals are the same whether it drifts or not.
    own = generator("drift", subject.number, session)
    drift = band_noise(own, n, p.drift_patterns, frame_rate, p.drift_band, (1.0,))
    drift *= subject.drift / 100 / np.sqrt(p.drift_patterns)
    light = (1 + fading) * (1 + p.lamp / 100 * rng.standard_normal(n))
    return Artifacts(blood / 100, pulse / 100, jitter, fading, drift, light)


def _follow(signal: Floats, frame_rate: float) -> Floats:
    """Return the blood-volume response to a signal (t,): a gamma kernel that peaks at 1.5 s."""
    lags = np.arange(0, 8, 1 / frame_rate)
    kernel = (lags / 0.75) ** 2 * np.exp(-lags / 0.75)
    if kernel.sum() == 0:  # a frame lasts longer than the response
        return signal
    return np.convolve(signal, kernel / kernel.sum())[: signal.size]
