"""Decoders of areas on stand-ins of real mice: noise of a real recording, not of our generator.

A real recording's areas are reduced to a few patterns, whose course is a linear autoregression
fitted to it; what is faster than its frames is drawn with the covariance of what the fit leaves.
Running is mixed in with weights between those of the mouse that was recorded, from the frames in
which it ran, and drawn ones. Each stand-in has other bouts, weights, strength, course and number of
patterns. Nothing learns from stand-ins and nothing is chosen by them. Prints one JSON line a mouse,
and one a decoder: AUC, beside that of the mean of the frame.

    python benchmarks/stand_in.py MOVIE --ran 48 58 [--decoder NAME] [--mice 40] [--seconds 400]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

from napari_cortex_decoder.atlas import area_traces, guess_registration, load_atlas, relative_change
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder, reads_traces
from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.scoring.auc import auc_of_logits

SLOW = 30.0  # s: slower changes of the recording are not taken for its activity
HERTZ = 1.0  # of the course that is fitted

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Real:
    """What is taken from a recording.

    Attributes
    ----------
    activity
        Shape (t, areas), ΔF/F without what is slow.
    running
        Shape (areas,): what each area shows of running, mean 1.
    """

    activity: Floats
    running: Floats


def measured(path: Path, ran: tuple[float, float], frame_rate: float) -> Real:
    """Read what stand-ins are made of; the mouse rests before `ran` (s), and runs in it."""
    recording = open_recording(path, frame_rate=frame_rate)
    mean = recording.movie.mean(axis=0).compute()
    placed = guess_registration(mean, pixel_size=recording.pixel_size)
    areas = len(placed.atlas.areas)
    traces = area_traces(recording.movie, placed.label_image(recording.shape), areas)
    values = np.asarray(relative_change(traces), np.float64)
    start, stop = (round(at * frame_rate) for at in ran)
    change = values[start:stop].mean(axis=0) - values[:start].mean(axis=0)
    slow = uniform_filter1d(values, round(SLOW * frame_rate), axis=0)
    every = round(frame_rate / HERTZ)
    return Real((values - slow)[::every], change / change.mean())


@dataclass(frozen=True, eq=False)
class StandIn:
    """One made-up session.

    Attributes
    ----------
    traces
        Shape (t, areas), F / F₀.
    labels
        Shape (t,): 1 where it runs.
    """

    traces: Floats
    labels: NDArray[np.int64]


def stand_in(real: Real, number: int, seconds: float, frame_rate: float) -> StandIn:
    """Make a session; a number is always the same mouse."""
    rng = np.random.default_rng([18, number])
    n = round(seconds * frame_rate)
    labels = _bouts(rng, n, frame_rate)
    noise = _noise(rng, real.activity, n, frame_rate)
    n_areas = noise.shape[1]
    own = np.exp(rng.uniform(0.1, 0.8) * rng.standard_normal(n_areas))
    share = rng.uniform(0, 1)
    weights = share * real.running + (1 - share) * own / own.mean()
    strength = np.exp(rng.uniform(np.log(1.5), np.log(6))) * noise.mean(axis=1).std()
    shown = strength * _course(rng, labels, frame_rate)[:, None] * weights
    return StandIn(1 + noise + shown, labels)


def _bouts(rng: np.random.Generator, n: int, rate: float) -> NDArray[np.int64]:
    cycle, share = np.exp(rng.uniform(np.log(8), np.log(90))), rng.uniform(0.15, 0.75)
    labels = np.zeros(n, np.int64)
    at = -cycle * rng.random()
    while at < n / rate:
        run, rest = rng.gamma(2, cycle * share / 2), rng.gamma(2, cycle * (1 - share) / 2)
        labels[max(0, round(at * rate)) : max(0, round((at + run + 1) * rate))] = 1
        at += run + rest + 2
    return labels


def _course(rng: np.random.Generator, labels: NDArray[np.int64], rate: float) -> Floats:
    """Return what cortex shows of running over time: it rises, adapts, falls; of bouts, unlike."""
    starts = np.flatnonzero(np.diff(labels, prepend=0) > 0)
    gains = np.exp(rng.uniform(0.1, 0.4) * rng.standard_normal(len(starts) + 1))
    bout = np.cumsum(np.diff(labels, prepend=0) > 0)
    shown = labels * gains[bout]
    events = rng.random(len(labels)) < 1 / (rate * np.exp(rng.uniform(np.log(8), np.log(60))))
    for start in np.flatnonzero(events):  # at rest, too, it is aroused now and then
        stop = start + round(rate * rng.uniform(0.5, 3))
        shown[start:stop] = np.maximum(shown[start:stop], rng.uniform(0.2, 0.7))
    for tau in (rng.uniform(0.05, 0.3), np.exp(rng.uniform(np.log(0.3), np.log(2)))):
        keep = np.exp(-1 / (rate * tau))
        shown = lfilter([1 - keep], [1, -keep], shown)
    keep = np.exp(-1 / (rate * rng.uniform(2, 30)))
    return np.asarray(shown - rng.uniform(0, 0.6) * lfilter([1 - keep], [1, -keep], shown))


def _noise(rng: np.random.Generator, activity: Floats, n: int, rate: float) -> Floats:
    rank = int(rng.integers(3, 9))
    scores, values, patterns = np.linalg.svd(activity - activity.mean(axis=0), full_matrices=False)
    kept = scores[:, :rank] * values[:rank]
    before, after = kept[:-1], kept[1:]
    ridge = 0.01 * np.trace(before.T @ before) / rank * np.eye(rank)
    step = np.linalg.solve(before.T @ before + ridge, before.T @ after)
    step *= min(1.0, 0.97 / np.abs(np.linalg.eigvals(step)).max())
    left = after - before @ step
    jumps = (
        rng.standard_normal((int(n / rate) + 60, rank))
        @ np.linalg.cholesky(np.cov(left.T) + 1e-12 * np.eye(rank)).T
    )
    course = np.zeros_like(jumps)
    for now in range(1, len(course)):
        course[now] = course[now - 1] @ step + jumps[now]
    seconds = 50 + np.arange(n) / rate
    every = np.arange(len(course)) / HERTZ
    slow = np.stack([np.interp(seconds, every, column) for column in course.T], axis=1)
    keep = np.exp(-1 / (rate * 0.15))
    fast = lfilter([np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal((n, rank)), axis=0)
    fast *= rng.uniform(0.2, 0.8) * left.std(axis=0)
    rest = (activity - activity.mean(axis=0)) - kept @ patterns[:rank]
    own = rest.std(axis=0) * rng.standard_normal((n, activity.shape[1]))
    return np.asarray((slow + fast) @ patterns[:rank] + own)


def score(decoder: TraceDecoder, real: Real, mice: int, seconds: float) -> None:
    """Print the AUC of a decoder and of the frame's mean for each mouse and for all."""
    found = []
    labels = [area.label for area in load_atlas("dorsal-cortex").areas]
    read = [labels.index(label) for label in decoder.config.preprocessing.areas]
    for number in range(mice):
        one = stand_in(real, number, seconds, decoder.frame_rate)
        said = decoder.decode_traces(one.traces[:, read])[:, 1]
        known = np.isfinite(said)
        pair = [
            auc_of_logits(values[known][:, None].astype(np.float64), one.labels[known]) or 0.5
            for values in (said, one.traces.mean(axis=1))
        ]
        found.append(pair)
        print(json.dumps({"mouse": number, "decoder": pair[0], "mean": pair[1]}), flush=True)
    own, mean = np.array(found).T
    line = {
        "decoder": decoder.name,
        "mice": mice,
        "seconds": seconds,
        "AUC": round(float(own.mean()), 3),
        "worst": round(float(own.min()), 3),
        "of the frame's mean": round(float(mean.mean()), 3),
        "its worst": round(float(mean.min()), 3),
        "most below the mean": round(float((mean - own).max()), 3),
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("movie", type=Path, help="a real recording of dorsal cortex")
    parser.add_argument("--ran", type=float, nargs=2, required=True, help="s: from when to when")
    parser.add_argument("--frame-rate", type=float, default=1.0, help="of the recording, Hz")
    parser.add_argument("--decoder", action="append", help="of areas; may be repeated")
    parser.add_argument("--mice", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=400)
    asked = parser.parse_args()
    real = measured(asked.movie, tuple(asked.ran), asked.frame_rate)
    for name in asked.decoder or ["run-rest-areas"]:
        score(reads_traces(load_decoder(name)), real, asked.mice, asked.seconds)


if __name__ == "__main__":
    main()
