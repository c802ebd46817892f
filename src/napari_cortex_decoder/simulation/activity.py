"""Neural activity of each area, as its indicator shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.signal import lfilter

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.atlas import Area
from napari_cortex_decoder.simulation.behavior import Behavior, between
from napari_cortex_decoder.simulation.noise import KINDS, band_noise
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.simulation.seeds import generator
from napari_cortex_decoder.simulation.subject import Subject


@dataclass(frozen=True, eq=False)
class Activity:
    """Neural signals of one session."""

    # shape (t, areas), ΔF/F as a fraction: everything neural, before blood, bleaching, camera
    areas: Floats
    # shape (t,), % ΔF/F: the global run signal alone, which blood volume follows
    widespread: Floats


def activate(
    rng: np.random.Generator, subject: Subject, behavior: Behavior, areas: Sequence[Area]
) -> Activity:
    """Draw the activity of every area in one session."""
    p, own = subject.parameters, generator("weights", subject.number)
    names = [area.acronym for area in areas]
    # A mouse's two hemispheres are alike: one deviation for each acronym.
    unlike = {name: np.exp(p.individual * own.standard_normal(2)) for name in dict.fromkeys(names)}
    global_weight = np.array(
        [p.global_weight.get(name, p.other_global_weight) * unlike[name][0] for name in names]
    )
    precise_weight = np.array([p.precise_weight.get(name, 0.0) * unlike[name][1] for name in names])
    widespread = _global_signal(rng, behavior, p)
    precise = _precise_signal(rng, subject, behavior, areas)
    spontaneous = _spontaneous(rng, areas, behavior, p)
    percent = widespread[:, None] * global_weight + precise * precise_weight + spontaneous
    for weights in p.other_weights:
        own_weight = np.array([weights.get(name, 0.0) for name in names])
        percent += _other_signal(rng, subject, behavior) * own_weight
    return Activity(subject.expression * percent / 100, subject.expression * widespread)


def _global_signal(rng: np.random.Generator, behavior: Behavior, p: Parameters) -> Floats:
    """Return the widespread signal of running and arousal, shape (t,), % ΔF/F."""
    times = behavior.times
    profile = PchipInterpolator(p.onset_times, p.onset_profile)
    last = p.onset_times[-1]

    def respond(start: float, stop: float, gain: float) -> None:
        heard = between(times, start + p.onset_times[0], stop + 10 * p.offset_decay)
        since = times[heard] - start
        early = np.clip(since, p.onset_times[0], last)
        late = np.exp(-np.maximum(since - last, 0) / p.adaptation)
        shape = profile(early) - (p.onset_profile[-1] - p.sustained) * (1 - late)
        shape *= gain * np.exp(-np.maximum(times[heard] - stop, 0) / p.offset_decay)
        # Overlapping responses do not add up: the largest one shows.
        signal[heard] = np.maximum(signal[heard], shape)

    signal = np.zeros(times.size)
    for start, stop in behavior.bouts:
        gain = np.exp(p.bout_gain_spread * rng.standard_normal() - p.bout_gain_spread**2 / 2)
        respond(start, stop, gain)
    seconds = times.size / behavior.frame_rate
    for start in rng.uniform(-5, seconds, rng.poisson((seconds + 5) / p.arousal_interval)):
        stop = start + rng.uniform(*p.arousal_duration)
        respond(start, stop, rng.uniform(*p.arousal_gain))
    return signal


def _precise_signal(
    rng: np.random.Generator, subject: Subject, behavior: Behavior, areas: Sequence[Area]
) -> Floats:
    """Return what the limbs' own areas feel of the steps, shape (t, areas), % ΔF/F."""
    p, times = subject.parameters, behavior.times
    gain = np.ones(times.size)
    for start, stop in behavior.bouts:
        inside = between(times, start, stop)
        gain[inside] = np.exp(p.precise_gain_spread * rng.standard_normal())
    running = behavior.speed > p.run_threshold
    effort = np.where(
        running,
        gain * (0.75 + 0.25 * np.minimum(behavior.speed / subject.top_speed, 1.5)),
        p.rest_movement_gain * behavior.movement,
    )
    # Trot: a forelimb and the hind limb of the other side step together.
    phase = np.pi * np.array([(a.side == "left") ^ (a.acronym == "SSp-ll") for a in areas])
    steps = 1 + p.stride_modulation * np.sin(behavior.stride[:, None] + phase)
    return p.precise_amplitude * _indicator(effort[:, None] * steps, subject, behavior.frame_rate)


def _other_signal(rng: np.random.Generator, subject: Subject, behavior: Behavior) -> Floats:
    """Return the signal of a behavior beside running, shape (t, 1), % ΔF/F."""
    p, times = subject.parameters, behavior.times
    drive, seconds = np.zeros(times.size), times.size / behavior.frame_rate
    for start in rng.uniform(0, seconds, rng.poisson(seconds / p.other_interval)):
        drive[between(times, start, start + rng.uniform(*p.other_duration))] = rng.uniform(0.5, 1)
    drive *= np.where(behavior.speed > p.run_threshold, p.other_running, 1.0)
    return p.other_amplitude * _indicator(drive[:, None], subject, behavior.frame_rate)


def _indicator(drive: Floats, subject: Subject, frame_rate: float) -> Floats:
    """Show a drive (t, areas) as the indicator does: rise and decay, steady gain 1."""
    shown = drive
    for tau in (subject.rise, subject.decay):
        keep = np.exp(-1 / (frame_rate * tau))
        shown, _ = lfilter(
            [1 - keep], [1.0, -keep], shown, axis=0, zi=keep * shown[:1]
        )  # as if the first frame had lasted for ever
    return np.asarray(shown)


def _spontaneous(
    rng: np.random.Generator, areas: Sequence[Area], behavior: Behavior, p: Parameters
) -> Floats:
    """Return activity that no behaviour explains, shape (t, areas), % ΔF/F."""
    n_frames, frame_rate = behavior.speed.size, behavior.frame_rate

    def noise(n_signals: int, shares: Sequence[float]) -> Floats:
        if p.noise in KINDS:
            return KINDS[p.noise](rng, n_frames, n_signals, frame_rate, p.noise_number)
        return band_noise(rng, n_frames, n_signals, frame_rate, p.bands, shares)

    centroids = np.array([area.polygon.mean(axis=0) for area in areas])
    centroids[:, 0] = np.abs(centroids[:, 0])  # the two hemispheres are alike
    distance = np.linalg.norm(centroids[:, None] - centroids[None], axis=-1)
    variance, patterns = np.linalg.eigh(np.exp(-0.5 * (distance / p.regional_scale) ** 2))
    largest = variance > 0.01 * variance.max()
    mixing = patterns[:, largest] * np.sqrt(variance[largest])

    names = list(dict.fromkeys(area.acronym for area in areas))
    pair = np.array([names.index(area.acronym) for area in areas])
    both = noise(len(names), p.specific_bands)[:, pair]
    one = noise(len(areas), p.specific_bands)

    def shown(size: float, weight: Mapping[str, float]) -> Floats:
        return size * np.array([weight.get(area.acronym, 1.0) for area in areas])

    specific = shown(p.specific, p.specific_weight)
    regional = shown(p.regional, p.regional_weight)
    return np.asarray(
        shown(p.common, p.common_weight) * noise(1, p.band_shares)
        + regional * (noise(mixing.shape[1], p.band_shares) @ mixing.T)
        + specific * (np.sqrt(p.homotopic) * both + np.sqrt(1 - p.homotopic) * one)
    )
