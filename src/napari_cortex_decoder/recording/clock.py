"""What frame times say: the rate, frames that are missing, a clock that is uneven."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAP = 1.5  # median intervals between two frames from which on others are missing between them


def rate_of(times: NDArray[np.floating]) -> float:
    """Give the frame rate (Hz) of frame times in seconds: one over the mean interval.

    Intervals in which frames are missing do not count. The median would do without that, but of
    times in whole milliseconds (33, 33, 34) it makes 30.3 Hz of 30.
    """
    steps = np.diff(times)
    return float(1 / steps[steps < _GAP * np.median(steps)].mean())


def clock_warnings(times: NDArray[np.floating]) -> tuple[str, ...]:
    """Say what a user should know about frame times.

    Parameters
    ----------
    times
        Shape (frames,), seconds, strictly increasing.

    Returns
    -------
    tuple of str
        One sentence on dropped frames (gaps of at least 1.5 intervals) and one on uneven intervals
        (a tenth of them off by more than 10 %), where there are any.
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
