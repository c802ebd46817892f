"""How close simulated mice come to real ones: statistics beside published numbers.

How decoders do on them is another command's: `cortex-decoder reproduce ajioka2024`.

    python benchmarks/simulation.py [--mice 24] [--seconds 90]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, periodogram, sosfiltfilt

from napari_cortex_decoder.atlas import area_traces
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.simulation.parameters import RUN, Parameters
from napari_cortex_decoder.simulation.subject import draw_subject

Floats = NDArray[np.float64]

FIRST_SUBJECT = 501
REFERENCES = 4
"""Mice filmed at a second wavelength, which takes most of the time."""

RATE = 30.0
BANDS = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0)
LIMB = ("SSp-ul", "SSp-ll")
MEDIAL, FRONTAL, LATERAL = ("RSPd", "RSPagl"), ("MOs",), ("SSp-bfd", "SSp-m", "SSp-n")


@dataclass(frozen=True, eq=False)
class Session:
    """What is measured in one mouse: traces (t, areas); those of the reference in some mice."""

    acronyms: tuple[str, ...]
    raw: Floats
    reference: Floats | None
    running: NDArray[np.bool_]
    counts: Floats
    saturated: float

    @property
    def change(self) -> Floats:
        """ΔF/F in %, about the mean of the session."""
        return 100 * (self.raw / self.raw.mean(axis=0) - 1)

    @property
    def whole(self) -> Floats:
        """Mean ΔF/F of all areas in %, shape (t,)."""
        return self.change.mean(axis=1)

    def columns(self, acronyms: Sequence[str]) -> list[int]:
        """Return the places of the areas of those names."""
        return [i for i, name in enumerate(self.acronyms) if name in acronyms]


def measure(recording: SimulatedRecording) -> Session:
    atlas = recording.truth.registration.atlas
    labels = recording.truth.registration.label_image(recording.shape)
    names = [area.acronym for area in atlas.areas]
    raw = recording.area_traces(labels, len(names))
    reference = None
    if recording.reference is not None:
        reference = area_traces(recording.reference, labels, len(names))
    # The most lateral areas leave the field of view of some mice.
    seen = [i for i, name in enumerate(names) if name not in ("OB", "AUDp")]
    frame = recording.movie[0].compute()
    cortex = np.isin(labels, [i + 1 for i in seen])
    return Session(
        acronyms=tuple(names[i] for i in seen),
        raw=raw[:, seen],
        reference=None if reference is None else reference[:, seen],
        running=recording.truth.ethogram.frames() == RUN,
        counts=np.percentile(frame[cortex], [5, 50, 95]),
        saturated=float((frame == 65_535).mean()),
    )


def band(x: Floats, low: float, high: float) -> Floats:
    """Keep a band of frequencies (Hz); x has shape (t, …)."""
    return sosfiltfilt(butter(3, (low, high), "bandpass", fs=RATE, output="sos"), x, axis=0)


def line(what: str, here: object, published: object) -> None:
    print(f"{what:<46} {here!s:<34} {published}")


def numbers(values: object, digits: int = 2) -> str:
    return "/".join(f"{v:.{digits}f}" for v in np.atleast_1d(np.asarray(values, dtype=float)))


def statistics(sessions: list[Session]) -> None:
    def over(function: object) -> Floats:
        return np.mean([function(s) for s in sessions], axis=0)  # type: ignore[operator]

    def shares(s: Session) -> Floats:
        frequency, power = periodogram(s.change, RATE, axis=0, detrend="linear")
        inside = [(frequency >= a) & (frequency < b) for a, b in pairwise(BANDS)]
        parts = np.array([power[i].sum(axis=0) for i in inside])
        return 100 * (parts / parts.sum(axis=0)).mean(axis=1)

    def components(s: Session) -> Floats:
        variance = np.sort(np.linalg.eigvalsh(np.cov(s.change.T)))[::-1]
        return 100 * np.array([variance[0], variance[:3].sum()]) / variance.sum()

    def alike(s: Session) -> float:
        r = np.corrcoef(s.change.T)
        return float(r[np.triu_indices(len(r), 1)].mean())

    line("SD of an area, % ΔF/F", numbers(over(lambda s: s.change.std(axis=0).mean())), "0.8")
    percentiles = over(lambda s: np.percentile(s.change, [1, 99]))
    line("1st and 99th percentile, %", numbers(percentiles), "-1.7/2.7")
    line("power in .01/.1/.5/1/2–5 Hz, %", numbers(over(shares), 0), "33/33/14/10/9")
    line("first PC, first three, %", numbers(over(components), 0), "83/91")
    line("area–area r, mean", numbers(over(alike)), "0.81")
    for what, areas, published in (
        ("all", None, "0.4/0.7/1.4/1.8/1.1/1.0"),
        ("medial-posterior", MEDIAL, "peak 2.0"),
        ("frontal", FRONTAL, "peak 1.15"),
        ("lateral", LATERAL, "peak 1.0"),
    ):
        profile, n = onset(sessions, areas)
        line(f"onset at -1…+4 s, %, {what} (n = {n})", numbers(profile), published)
    blood = [s.reference / s.reference.mean(0) for s in sessions if s.reference is not None]
    heart = np.mean([band(x, 9, 14).std(axis=0).mean() for x in blood])
    line("heartbeat, SD %", numbers(100 * heart), "0.15–0.19")
    slow = np.mean([band(x, 0.02, 0.5).std(axis=0).mean() for x in blood])
    line("slow blood volume, reference movie, SD %", numbers(100 * slow), "0.7–1.0, with vessels")
    line("cortex counts, 5/50/95 %", numbers(over(lambda s: s.counts), 0), "5–15 k")
    line("saturated, %", numbers(100 * over(lambda s: s.saturated)), "0.1")
    for what, names, published in (
        ("M2", ("MOs",), ".32–.39"),
        ("medial", MEDIAL, ".19–.37"),
        ("limb S1", LIMB, ".19–.23"),
        ("visual", ("VISp", "VISl"), ".15–.23"),
        ("auditory, whiskers", ("AUDs", "SSp-bfd"), ".07–.16"),
    ):
        r = over(
            lambda s, names=names: np.mean(
                [np.corrcoef(s.change[:, i], s.running)[0, 1] for i in s.columns(names)]
            )
        )
        line(f"r with running, {what}", numbers(r), published)
    run = [s.running.mean() for s in sessions]
    habits = [draw_subject(n, Parameters()).run_fraction for n in range(1, 201)]
    line(
        "run fraction, mean (min–max of sessions)",
        f"{np.mean(run):.2f} ({min(run):.2f}–{max(run):.2f})",
        ".615 (.24–.95)",
    )
    line("run fraction of mice, min–max", f"{min(habits):.2f}–{max(habits):.2f}", ".37–.80")


def onset(sessions: list[Session], names: Sequence[str] | None) -> tuple[Floats, int]:
    """Average ΔF/F (%) about the starts of runs of 4 s after rests of 2.5 s."""
    profiles = []
    for s in sessions:
        trace = s.whole if names is None else s.change[:, s.columns(names)].mean(axis=1)
        for start in np.flatnonzero(np.diff(s.running.astype(int)) == 1) + 1:
            if start < 90 or start + 121 > trace.size or s.running[start - 75 : start].any():
                continue
            if s.running[start : start + 120].mean() > 0.9:
                moments = start + (np.array([-1, -0.5, 0, 0.5, 2, 4]) * RATE).astype(int)
                profiles.append(trace[moments] - trace[start - 90 : start - 75].mean())
    return np.mean(profiles, axis=0), len(profiles)


def resting_pixels(n_mice: int) -> None:
    """SD over time of single pixels of 36 µm and of the whole cortex, at rest."""
    pixel, whole = [], []
    for subject in range(FIRST_SUBJECT, FIRST_SUBJECT + n_mice):
        recording = simulate_recording(seed=2, subject=subject, seconds=30, shape=(284, 284))
        resting = np.flatnonzero(recording.truth.ethogram.frames() != RUN)
        movie = recording.movie.compute()[resting].astype(np.float32)
        cortex = recording.truth.registration.label_image(recording.shape) > 2
        cortex &= movie[0] > 0.5 * np.median(movie[0][cortex])
        values = movie[:, cortex]
        pixel.append(np.median(values.std(axis=0) / values.mean(axis=0)))
        mean = values.mean(axis=1)
        whole.append(mean.std() / mean.mean())
    line("resting pixel of 36 µm, SD %", numbers(100 * np.mean(pixel)), "1.0")
    line("whole cortex at rest, SD %", numbers(100 * np.mean(whole)), "0.7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=90.0)
    arguments = parser.parse_args()
    sessions = [
        measure(
            simulate_recording(
                seed=1,
                subject=FIRST_SUBJECT + i,
                seconds=arguments.seconds,
                reference=i < REFERENCES,
            )
        )
        for i in range(arguments.mice)
    ]
    print(
        f"{arguments.mice} simulated mice × {arguments.seconds:g} s, subjects from {FIRST_SUBJECT}"
    )
    line("", "simulated", "published")
    statistics(sessions)
    resting_pixels(3)


if __name__ == "__main__":
    main()
