"""What a trace says in each frame of a recording, and where it says nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording


def trace_at_frames(trace: BehaviorTrace, recording: Recording) -> NDArray[np.float64]:
    """Give the value of a trace in each frame of a recording.

    Parameters
    ----------
    trace
        Any trace on the recording's clock.
    recording
        The recording whose frames count.

    Returns
    -------
    numpy.ndarray
        Shape (t,), float64, NaN where the trace has no sample. A trace sampled faster than the
        movie is averaged over each frame (from its time to the next frame's, at most one median
        interval), a slower one is interpolated linearly, and one that holds only whole numbers
        (labels, counts) gives its nearest sample. Nothing is extrapolated by more than half a
        sample, and nothing is bridged over a gap of more than 2.5 median sample intervals.
    """
    times, values = np.asarray(trace.times, np.float64), np.asarray(trace.values, np.float64)
    frames = recording.times
    if times.shape == frames.shape and np.allclose(times, frames, rtol=0, atol=1e-9):
        return values.copy()
    if times.size < 2:
        nearest = np.abs(frames - times[0]).argmin() if times.size else None
        single = np.full(frames.size, np.nan)
        if nearest is not None and covered(frames, times)[nearest]:
            single[nearest] = values[0]
        return single
    finite = values[np.isfinite(values)]
    is_discrete = bool((finite == np.round(finite)).all())
    sample_interval = float(np.median(np.diff(times)))
    duration = frame_interval(frames)
    after = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    before = after - 1
    if is_discrete:
        is_later = frames - times[before] > times[after] - frames
        result = np.where(is_later, values[after], values[before])
    else:
        weight = np.clip((frames - times[before]) / (times[after] - times[before]), 0, 1)
        result = values[before] * (1 - weight) + values[after] * weight
        result = np.where(weight == 0, values[before], result)
        result = np.where(weight == 1, values[after], result)
    result = np.where(covered(frames, times), result, np.nan)
    if is_discrete or duration <= 1.5 * sample_interval:
        return result
    means = _mean_in(frames, duration, times, values)
    return np.where(np.isnan(means), result, means)


def coverage_warnings(trace: BehaviorTrace, recording: Recording) -> tuple[str, ...]:
    """Say in which frames a trace has no value, and whether it is one frame off.

    Parameters
    ----------
    trace
        Any trace on the recording's clock.
    recording
        The recording whose frames count.

    Returns
    -------
    tuple of str
        Sentences; empty if the trace has a value in each frame.
    """
    said = []
    frames = recording.times
    missing = np.isnan(trace_at_frames(trace, recording))
    if missing.any():
        at = np.flatnonzero(missing)
        said.append(
            f"{trace.name!r} has no value in {at.size} of {frames.size} frames "
            f"(the first is frame {at[0]} at {frames[at[0]]:.3f} s, the last frame {at[-1]} at "
            f"{frames[at[-1]]:.3f} s); they are left unknown."
        )
    n, interval = trace.times.size, frame_interval(frames)
    same_rate = n > 1 and abs(np.median(np.diff(trace.times)) / interval - 1) < 0.01
    if same_rate and abs(n - frames.size) == 1:
        said.append(
            f"{trace.name!r} has {n} samples at the movie's own rate for {frames.size} frames, one "
            f"{'more' if n > frames.size else 'fewer'}: check at which end the two clocks differ."
        )
    return tuple(said)


def frame_interval(frames: NDArray[np.float64]) -> float:
    """Median time from frame to frame in seconds, 0 for a single frame."""
    return float(np.median(np.diff(frames))) if frames.size > 1 else 0.0


def covered(frames: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which frames lie within reach of a sample."""
    if times.size < 2:
        return np.isclose(frames, times[0]) if times.size else np.zeros(frames.size, bool)
    interval = float(np.median(np.diff(times)))
    after = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    nearest = np.minimum(np.abs(frames - times[after - 1]), np.abs(times[after] - frames))
    # a hair more than half: a frame exactly between two clocks is not lost to rounding
    inside = (frames >= times[0]) & (frames <= times[-1])
    bridged = inside & (times[after] - times[after - 1] <= 2.5 * interval)
    reached: NDArray[np.bool_] = bridged | (nearest <= 0.5 * interval * (1 + 1e-6))
    return reached


def _mean_in(
    frames: NDArray[np.float64],
    duration: float,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Average the samples of each frame, unknown ones left out."""
    known = np.isfinite(values)
    # a running sum of deviations, so that a large offset does not eat the digits
    centre = values[known].mean() if known.any() else 0.0
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values - centre, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    # a sample at the very time of a frame belongs to it, whatever the last digit says
    rounding = 1e-6 * duration
    first = np.searchsorted(times, frames - rounding)
    ends = np.minimum(frames + duration, np.append(frames[1:], np.inf))
    stop = np.searchsorted(times, ends - rounding)
    n = count[stop] - count[first]
    with np.errstate(invalid="ignore"):
        return np.where(n > 0, centre + (total[stop] - total[first]) / n, np.nan)
