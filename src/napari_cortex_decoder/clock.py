"""The clock of a session: what times count from, and what frame times say."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.choices import CLOCKS, check_choice
from napari_cortex_decoder.errors import CortexDecoderError


class Zero(StrEnum):
    """What the times of a file count from."""

    SESSION = "session"  # the same as the recording's frame times
    FIRST_FRAME = "first-frame"  # the first frame of the movie, whenever that was taken
    DATE = "date"  # 1970: the file has dates
    UNSAID = "unsaid"


def zero_of(path: Path, given: str | None, said: Zero, error: type[CortexDecoderError]) -> Zero:
    """Return what a file's times count from: what the user says counts before what it says."""
    if given is None:
        return said
    check_choice(f"{path}: the clock", given, CLOCKS, error)
    return Zero(given)


class Clocked(Protocol):
    """What must be known of a recording to put times on its clock; a `Recording` is one."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def n_frames(self) -> int:
        """Number of frames."""

    @property
    def times(self) -> Floats:
        """Time of each frame (s), shape (t,); raises if neither times nor a rate are known."""


_EPOCH = 1e8  # seconds; frame times beyond three years count from 1970, not from a session
_GAP = 1.5  # median intervals between two frames from which on others are missing between them


def rate_of(times: NDArray[np.floating]) -> float:
    """Return the frame rate (Hz) of frame times in seconds: one over the mean interval.

    Intervals in which frames are missing do not count. The median would do without that, but of
    times in whole milliseconds (33, 33, 34) it makes 30.3 Hz of 30.
    """
    steps = np.diff(times)
    return float(1 / steps[steps < _GAP * np.median(steps)].mean())


def same_rate(one: float, other: float) -> bool:
    """Return whether a rate that a user gives and one that frame times give are the same."""
    return abs(one / other - 1) <= 0.01


def is_even(times: NDArray[np.floating]) -> bool:
    """Return whether all intervals of frame times are the same, but for rounding."""
    steps = np.diff(times)
    return bool(steps.size == 0 or np.ptp(steps) < 1e-6 * steps[0])


def frames_last(times: Floats) -> Floats:
    """Return until when (s) each frame lasts, shape (t,): until the next, but not through a gap."""
    steps = np.diff(times)
    interval = frame_interval(times)
    lasting = np.where(steps < _GAP * interval, steps, interval)
    return np.asarray(times + np.append(lasting, interval))


def clock_warnings(times: NDArray[np.floating]) -> tuple[str, ...]:
    """Say what a user should know about frame times, in s, strictly increasing.

    A sentence on dropped frames (gaps of at least 1.5 intervals) and one on uneven intervals (a
    tenth of them off by more than 10 %), where there are any.
    """
    steps = np.diff(times)
    interval = float(np.median(steps))
    relative = steps / interval
    said = []
    gaps = np.flatnonzero(relative >= _GAP)
    if gaps.size:
        lost = int(np.round(relative[gaps] - 1).sum())
        first = int(gaps[0])
        said.append(
            f"{lost} {'frame seems' if lost == 1 else 'frames seem'} to be missing in "
            f"{gaps.size} {'place' if gaps.size == 1 else 'places'}, first after frame {first} "
            f"(at {times[first]:.3f} s); the time axis shows the gaps."
        )
    whole = np.delete(relative, gaps)
    if whole.size and np.quantile(np.abs(whole - 1), 0.9) > 0.1:
        low, high = np.quantile(whole, (0.05, 0.95)) * interval * 1e3
        said.append(
            f"the frame rate is uneven: most intervals are {low:.1f} to {high:.1f} ms; "
            "the time axis follows the frame times of the file."
        )
    return tuple(said)


FINER_UNITS = (("ms", 1e3), ("µs", 1e6), ("ns", 1e9))
"""Units of time in which clocks count, and how many of them are a second."""


def as_rate_says(times: Floats, rate: float | None) -> tuple[Floats, list[str]]:
    """Return frame times in seconds, where a known rate (Hz) shows that they are ms, µs or ns."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rate / rate_of(times) if rate and (np.diff(times) > 0).all() else 0.0
    for unit, n in FINER_UNITS:
        if abs(ratio / n - 1) < 0.05:
            return times / n, [
                f"its frame times are taken to be in {unit}: so they fit its {rate:g} Hz."
            ]
    return times, []


def seconds_to_add(zero: Zero, frames: Floats, first: float) -> tuple[float, tuple[str, ...]]:
    """Return the seconds that bring the times of a file onto the session's clock.

    With them comes a sentence where the file leaves it open what its times count from, and that
    matters. `frames`, shape (t,), are the movie's frame times on the session's clock, `first` is
    the first of the file's.
    """
    begin = float(frames[0])
    if zero is Zero.FIRST_FRAME:
        return begin, ()
    if zero is Zero.DATE and begin < _EPOCH:
        return begin - first, (
            "its times are dates: the first of them is taken for the time of the movie's first "
            "frame; if it is another give the offset in seconds.",
        )
    if zero is Zero.UNSAID and abs(begin) > frame_interval(frames) / 2:
        return 0.0, (
            f"its times are taken to count from the session's start, as the movie's own, whose "
            f"first frame is at {begin:g} s; if they count from the first frame say so "
            f"(clock='first-frame', or an offset of {begin:g} s).",
        )
    return 0.0, ()


def frame_interval(frames: Floats) -> float:
    """Return the median time from frame to frame in seconds, 0 for a single frame."""
    return float(np.median(np.diff(frames))) if frames.size > 1 else 0.0


def lag_of(times: NDArray[np.floating] | None, others: NDArray[np.floating] | None) -> float | None:
    """Return how many intervals after frames other frames were taken, one for one.

    None where the times of either are not known, or they are not one for one: if one is further
    off than half an interval from the others, or they are an interval or more apart.
    """
    if times is None or others is None:
        return None
    n = min(len(times), len(others))
    lags = (np.asarray(others[:n]) - times[:n]) / (frame_interval(np.asarray(times[:n])) or 1.0)
    lag = float(np.median(lags))
    return lag if abs(lag) < 1 and np.abs(lags - lag).max() < 0.5 else None


def frame_edges(times: Floats) -> Floats:
    """Return when each of the frames taken at `times` (s) begins, and where the last one ends.

    Shape (t + 1,); a frame lasts until the next one, the last one as long as the one before.
    """
    last = times[-1] - times[-2] if times.size > 1 else 1.0
    return np.append(times, times[-1] + last)
