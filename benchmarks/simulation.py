"""How close simulated mice come to real ones: statistics and decoders beside published numbers.

Everything is measured on the movies, as one would on real data. The decoders are linear (logistic
regression across mice); they stand in for the paper's networks, whose numbers are beside theirs.

    python benchmarks/simulation.py [--mice 24] [--seconds 90]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, periodogram, sosfiltfilt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from napari_cortex_decoder.atlas import area_traces
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.simulation.parameters import RUN, Parameters
from napari_cortex_decoder.simulation.subject import draw_subject

Floats = NDArray[np.float64]

FIRST_SUBJECT = 501
RATE = 30.0
BANDS = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0)
GROUPS = {
    "limb S1": ("SSp-ul", "SSp-ll"),
    "motor": ("MOs", "MOp"),
    "parietal + RSP": ("VISa", "SSp-tr", "RSPagl", "RSPd"),
    "V1 + medial visual": ("VISp", "VISpm", "VISam"),
    "lateral visual + auditory": ("VISl", "VISal", "VISrl", "AUDs"),
}
MEDIAL, FRONTAL, LATERAL = ("RSPd", "RSPagl"), ("MOs",), ("SSp-bfd", "SSp-m", "SSp-n")


@dataclass(frozen=True, eq=False)
class Session:
    """What is measured in one mouse: traces (t, areas) and a coarse movie (t, squares)."""

    acronyms: tuple[str, ...]
    raw: Floats
    reference: Floats
    squares: Floats
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
        """Give the places of the areas of those names."""
        return [i for i, name in enumerate(self.acronyms) if name in acronyms]


def measure(recording: SimulatedRecording) -> Session:
    atlas = recording.truth.registration.atlas
    labels = recording.truth.registration.label_image(recording.shape)
    names = [area.acronym for area in atlas.areas]
    movie = recording.movie.compute()
    raw = area_traces(recording.movie, labels, len(names))
    reference = area_traces(recording.reference, labels, len(names))
    # The most lateral areas leave the field of view of some mice.
    seen = [i for i, name in enumerate(names) if name not in ("OB", "AUDp")]
    t, rows, columns = movie.shape
    squares = movie.reshape(t, 16, rows // 16, 16, columns // 16).mean(axis=(2, 4)).reshape(t, -1)
    cortex = np.isin(labels, [i + 1 for i in seen])
    return Session(
        acronyms=tuple(names[i] for i in seen),
        raw=raw[:, seen],
        reference=reference[:, seen],
        squares=squares,
        running=recording.truth.ethogram.frames() == RUN,
        counts=np.percentile(movie[0][cortex], [5, 50, 95]),
        saturated=float((movie[0] == 65_535).mean()),
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
    heart = over(lambda s: band(s.reference / s.reference.mean(0), 9, 14).std(axis=0).mean())
    line("heartbeat, SD %", numbers(100 * heart), "0.15–0.19")
    slow = over(lambda s: band(s.reference / s.reference.mean(0), 0.02, 0.5).std(axis=0).mean())
    line("slow blood volume, reference movie, SD %", numbers(100 * slow), "0.7–1.0, with vessels")
    line("cortex counts, 5/50/95 %", numbers(over(lambda s: s.counts), 0), "5–15 k")
    line("saturated, %", numbers(100 * over(lambda s: s.saturated)), "0.1")
    for what, names, published in (
        ("M2", ("MOs",), ".32–.39"),
        ("medial", MEDIAL, ".19–.37"),
        ("limb S1", GROUPS["limb S1"], ".19–.23"),
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
        recording = simulate_recording(2, subject=subject, seconds=30, shape=(284, 284))
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


def standard(x: Floats) -> Floats:
    """Scale each column of x (t, n) to mean 0 and SD 1."""
    return (x - x.mean(axis=0)) / x.std(axis=0)


def window(x: Floats, half: int, step: int) -> Floats:
    """Put frames t − half … t + half of x (t, n), every `step`, side by side."""
    places = np.arange(len(x))[:, None] + np.arange(-half, half + 1, step)
    return x[np.clip(places, 0, len(x) - 1)].reshape(len(x), -1)


def detrended(s: Session, names: Sequence[str] | None = None, keep: bool = True) -> Floats:
    """Give the traces of some areas (or of all others) as the paper's ROI decoders take them."""
    chosen = [i for i, a in enumerate(s.acronyms) if names is None or (a in names) == keep]
    x = s.change[:, chosen]
    return standard(x - uniform_filter1d(x, 1000, axis=0, mode="nearest"))


def decoders(sessions: list[Session]) -> None:
    """Score logistic regressions that learned from two thirds of the mice on the others."""

    def still(s: Session) -> Floats:
        return 100 * (s.squares / s.squares.mean(axis=0) - 1)

    limb = GROUPS["limb S1"]
    rows = {
        "global mean, raw": (lambda s: standard(s.raw.mean(axis=1)[:, None]), "–"),
        "image of 16 × 16 squares": (still, ".896 CNN"),
        "images, ± 6 frames": (lambda s: window(still(s), 6, 3), ".956 CNN-GRU"),
        "areas, one frame": (lambda s: standard(s.raw), "–"),
        "areas, ± 15, not detrended": (lambda s: window(standard(s.raw), 15, 3), ".911"),
        "areas, ± 15, detrended": (lambda s: window(detrended(s), 15, 3), ".974"),
        "  limb S1 only": (lambda s: window(detrended(s, limb), 15, 3), ".966"),
        "  all others": (lambda s: window(detrended(s, limb, keep=False), 15, 3), ".938"),
    }
    for group, published in zip(list(GROUPS)[1:], (".869", ".776", ".793", ".798"), strict=True):
        rows[f"  {group} only"] = (
            lambda s, g=group: window(detrended(s, GROUPS[g]), 15, 3),
            published,
        )
    n_train = 2 * len(sessions) // 3
    print(f"\n{'AUC in mice never seen (linear decoders)':<46} {'mean ± SD (worst)':<34} paper")
    for name, (features, published) in rows.items():
        line(name, score(sessions, features, n_train), published)
    # Another mouse's behaviour with this one's cortex
    swapped = [
        replace(s, running=other.running)
        for s, other in zip(sessions, sessions[1:] + sessions[:1], strict=True)
    ]
    null = score(swapped, lambda s: window(detrended(s), 15, 3), n_train)
    line("  null: behaviour of another session", null, ".492")
    importance(sessions, n_train)


def importance(sessions: list[Session], n_train: int) -> None:
    """Say which areas the AUC falls most without, set to their mean and not retrained."""
    model = LogisticRegression(C=1e-2, max_iter=300)
    model.fit(
        np.concatenate([window(detrended(s), 15, 3)[::3] for s in sessions[:n_train]]),
        np.concatenate([s.running[::3] for s in sessions[:n_train]]),
    )

    def auc(s: Session, without: str) -> float:
        kept = np.array([name != without for name in s.acronyms], dtype=float)
        return roc_auc_score(
            s.running[::3], model.decision_function(window(detrended(s) * kept, 15, 3)[::3])
        )

    test = sessions[n_train:]
    whole = np.mean([auc(s, "") for s in test])
    lost = {
        name: whole - np.mean([auc(s, name) for s in test])
        for name in dict.fromkeys(test[0].acronyms)
    }
    first = sorted(lost, key=lost.__getitem__, reverse=True)[:4]
    line("AUC lost without", ", ".join(f"{n} {lost[n]:.2f}" for n in first), "limb first")


def score(sessions: list[Session], features: object, n_train: int) -> str:
    x = [features(s)[::3].astype(np.float32) for s in sessions]  # type: ignore[operator]
    y = [s.running[::3] for s in sessions]
    strength = 1e-2 if x[0].shape[1] < 256 else 1e-3
    model = LogisticRegression(C=strength, max_iter=300)
    model.fit(np.concatenate(x[:n_train]), np.concatenate(y[:n_train]))
    aucs = [
        roc_auc_score(truth, model.decision_function(test))
        for test, truth in zip(x[n_train:], y[n_train:], strict=True)
    ]
    return f"{np.mean(aucs):.3f} ± {np.std(aucs):.3f} ({np.min(aucs):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=90.0)
    arguments = parser.parse_args()
    sessions = [
        measure(simulate_recording(1, subject=n, seconds=arguments.seconds, reference=True))
        for n in range(FIRST_SUBJECT, FIRST_SUBJECT + arguments.mice)
    ]
    print(
        f"{arguments.mice} simulated mice × {arguments.seconds:g} s, subjects from {FIRST_SUBJECT}"
    )
    line("", "simulated", "published")
    statistics(sessions)
    resting_pixels(3)
    decoders(sessions)


if __name__ == "__main__":
    main()
