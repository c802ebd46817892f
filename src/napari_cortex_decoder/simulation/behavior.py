"""What a simulated mouse does: it runs and rests on a wheel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.simulation.subject import Subject


@dataclass(frozen=True, eq=False)
class Behavior:
    """Running and resting of one session."""

    # shape (n, 2), s: start and stop of each run. The first may have begun before the recording and
    # the last may outlast it
    bouts: Floats
    speed: Floats  # shape (t,), cm/s
    movement: Floats  # shape (t,), 0–1: how hard the limbs work at rest (twitches, grooming)
    stride: Floats  # shape (t,), radians: phase of the stride
    frame_rate: float  # Hz

    @property
    def times(self) -> Floats:
        """Time of each frame (s), shape (t,)."""
        return np.arange(self.speed.size) / self.frame_rate


def behave(
    rng: np.random.Generator, subject: Subject, n_frames: int, frame_rate: float
) -> Behavior:
    """Draw the behaviour of one session."""
    p, times = subject.parameters, np.arange(n_frames) / frame_rate
    bouts = _draw_bouts(rng, subject, n_frames / frame_rate)
    movement = _draw_movement(rng, times, p)
    pace = np.exp(p.pace_spread * slow_noise(rng, n_frames, frame_rate, p.pace_time))
    speed = 0.4 * p.run_threshold * movement + 0.04 * np.abs(rng.standard_normal(n_frames))
    for start, stop in bouts:
        inside = between(times, start, stop)
        top = subject.top_speed * np.exp(p.top_speed_spread * rng.standard_normal())
        since, left = times[inside] - start, stop - times[inside]
        rise_and_fall = np.expm1(-since / p.acceleration) * np.expm1(-left / p.deceleration)
        speed[inside] = np.maximum(top * rise_and_fall * pace[inside], 0)
    slow, faster = p.stride_rate
    stride = 2 * np.pi * (np.cumsum(slow + faster * speed) / frame_rate + rng.random())
    running = speed > p.run_threshold
    speed[running] *= 1 + 0.06 * np.sin(2 * stride[running])
    return Behavior(bouts, speed, movement, stride, frame_rate)


def between(times: Floats, start: float, stop: float) -> slice:
    """Return the frames with start ≤ time < stop; `times` (t,) increase."""
    first, last = np.searchsorted(times, [start, stop])
    return slice(int(first), int(last))


def slow_noise(rng: np.random.Generator, n_frames: int, frame_rate: float, tau: float) -> Floats:
    """Return an Ornstein–Uhlenbeck process of SD 1 and time constant `tau` (s), shape (t,)."""
    keep = np.exp(-1 / (frame_rate * tau))
    steps = rng.standard_normal(n_frames) * np.sqrt(1 - keep**2)
    steps[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -keep], steps))


def _draw_bouts(rng: np.random.Generator, subject: Subject, seconds: float) -> Floats:
    p, odds = subject.parameters, np.log(subject.run_fraction / (1 - subject.run_fraction))
    odds += p.session_spread * rng.standard_normal()
    fraction = float(np.clip(1 / (1 + np.exp(-odds)), *p.session_run_fraction))
    n = max(1, round(seconds / subject.cycle))
    runs = _shares(rng, n, fraction * seconds, p.shortest_run)
    rests = _shares(rng, n, (1 - fraction) * seconds, p.shortest_rest)
    # The pattern is laid on a circle as long as the session and entered anywhere: the share of
    # running is kept, and a session may start or end in mid-run.
    starts = np.concatenate([[0.0], np.cumsum(runs + rests)[:-1]]) - rng.random() * seconds
    bouts = np.stack([starts, starts + runs], axis=1)
    around = np.concatenate([bouts, bouts + seconds])
    return around[(around[:, 1] > 0) & (around[:, 0] < seconds)]


def _shares(rng: np.random.Generator, n: int, total: float, shortest: float) -> Floats:
    """Cut `total` seconds into `n` pieces of gamma-distributed length, none below `shortest`."""
    shortest = min(shortest, 0.5 * total / n)
    pieces = rng.gamma(1.5, size=n)
    return np.asarray(shortest + (total - n * shortest) * pieces / pieces.sum())


def _draw_movement(rng: np.random.Generator, times: Floats, p: Parameters) -> Floats:
    movement = np.zeros(times.size)
    seconds = times.size and times[-1]
    for start in rng.uniform(0, seconds, rng.poisson(p.rest_movement_rate * seconds)):
        duration = rng.uniform(*p.rest_movement_duration)
        inside = between(times, start, start + duration)
        hump = np.sin(np.pi * (times[inside] - start) / duration) * rng.uniform(0.4, 1.0)
        movement[inside] = np.maximum(movement[inside], hump)
    return movement
