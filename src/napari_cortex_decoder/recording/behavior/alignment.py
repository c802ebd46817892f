"""Put behaviour on a recording's clock, and say where the two do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import BehaviorContent, Samples
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording


def align(
    content: BehaviorContent,
    recording: Recording,
    path: Path,
    *,
    rate: float | None = None,
    offset: float = 0.0,
    first_frame: int = 0,
) -> dict[str, BehaviorTrace]:
    """Give each trace its times on the recording's clock.

    Parameters
    ----------
    content
        What the file holds.
    recording
        The recording whose clock counts.
    path
        Name of the file, for messages.
    rate
        Samples a second of traces without times; if None, such a trace must have exactly one value
        a frame.
    offset
        Seconds to add to the file's own times, or, with `rate`, the time of the first sample.
    first_frame
        Number that the file gives to the movie's first frame.

    Raises
    ------
    RecordingError
        If a trace has neither times nor one value a frame, counts frames that the movie does not
        have, or its times do not increase.
    FrameRateError
        If the recording's frame times are needed and unknown.
    """
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise RecordingError(f"{path}: the rate is {rate}; give a positive number of Hz.")
    if not np.isfinite(offset):
        raise RecordingError(f"{path}: the offset is {offset}; give a number of seconds.")
    traces = {}
    for name, samples in content.samples.items():
        where = f"{path}: {name!r}"
        if samples.times is not None:
            times = samples.times + offset
        elif samples.frames is not None:
            times = _times_of_frames(samples.frames - first_frame, recording, where)
        elif rate is not None:
            times = offset + np.arange(samples.values.size) / rate
        else:
            _check_one_value_a_frame(samples, recording, where)
            times = recording.times
        _check_order(times, where)
        frames = recording.times
        if not _covered(frames, times).any():
            raise RecordingError(
                f"{where} runs from {times[0]:g} s to {times[-1]:g} s, the movie from "
                f"{frames[0]:g} s to {frames[-1]:g} s; give the offset between the two clocks."
            )
        traces[name] = BehaviorTrace(name, samples.values, times, samples.unit)
    return traces


def _check_one_value_a_frame(samples: Samples, recording: Recording, where: str) -> None:
    n, frames = samples.values.size, recording.n_frames
    if n == frames:
        return
    hint = (
        " (one frame off: the camera or the other clock lost one)" if abs(n - frames) == 1 else ""
    )
    raise RecordingError(
        f"{where} has {n} values for the movie's {frames} frames{hint}; "
        "correct it, or give its times, or its rate and offset."
    )


def _times_of_frames(
    frames: NDArray[np.int64], recording: Recording, where: str
) -> NDArray[np.float64]:
    if frames.size and (frames.min() < 0 or frames.max() >= recording.n_frames):
        off = frames.min() == 1 and frames.max() == recording.n_frames
        remedy = "it counts from 1: give first_frame=1" if off else "correct it or give first_frame"
        raise RecordingError(
            f"{where} counts frames {frames.min()}…{frames.max()}, the movie's are "
            f"0…{recording.n_frames - 1}; {remedy}."
        )
    return recording.times[frames]


def _check_order(times: NDArray[np.float64], where: str) -> None:
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise RecordingError(f"{where} has no time at sample {at}; give every sample one.")
    back = np.flatnonzero(np.diff(times) <= 0)
    if back.size:
        at = int(back[0])
        raise RecordingError(
            f"{where} goes from {times[at]:g} s to {times[at + 1]:g} s at sample {at + 1}; "
            "times must increase: sort or repair them."
        )


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
        movie is averaged over each frame (from its time, for one median frame interval), a slower
        one is interpolated linearly, and one that holds only whole numbers (labels, counts) gives
        its nearest sample. Nothing is extrapolated by more than half a sample, and nothing is
        bridged over a gap of more than 2.5 median sample intervals.
    """
    times, values = np.asarray(trace.times, np.float64), np.asarray(trace.values, np.float64)
    frames = recording.times
    if times.shape == frames.shape and np.allclose(times, frames, rtol=0, atol=1e-9):
        return values.copy()
    if times.size < 2:
        nearest = np.abs(frames - times[0]).argmin() if times.size else None
        single = np.full(frames.size, np.nan)
        if nearest is not None and _covered(frames, times)[nearest]:
            single[nearest] = values[0]
        return single
    finite = values[np.isfinite(values)]
    sample_interval = float(np.median(np.diff(times)))
    frame_interval = _frame_interval(frames)
    if not (finite == np.round(finite)).all() and frame_interval > 1.5 * sample_interval:
        return _mean_in(frames, frame_interval, times, values)
    after = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    before = after - 1
    if (finite == np.round(finite)).all():
        is_later = frames - times[before] > times[after] - frames
        result = np.where(is_later, values[after], values[before])
    else:
        weight = np.clip((frames - times[before]) / (times[after] - times[before]), 0, 1)
        result = values[before] * (1 - weight) + values[after] * weight
        result = np.where(weight == 0, values[before], result)
        result = np.where(weight == 1, values[after], result)
    return np.where(_covered(frames, times), result, np.nan)


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
    n, interval = trace.times.size, _frame_interval(frames)
    same_rate = n > 1 and abs(np.median(np.diff(trace.times)) / interval - 1) < 0.01
    if same_rate and abs(n - frames.size) == 1:
        said.append(
            f"{trace.name!r} has {n} samples at the movie's own rate for {frames.size} frames, one "
            f"{'more' if n > frames.size else 'fewer'}: check at which end the two clocks differ."
        )
    return tuple(said)


def _frame_interval(frames: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(frames))) if frames.size > 1 else 0.0


def _covered(frames: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which frames lie within reach of a sample."""
    if times.size < 2:
        return np.isclose(frames, times[0]) if times.size else np.zeros(frames.size, bool)
    interval = float(np.median(np.diff(times)))
    after = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    nearest = np.minimum(np.abs(frames - times[after - 1]), np.abs(times[after] - frames))
    # a hair more than half: a frame exactly between two clocks is not lost to rounding
    inside = (frames >= times[0]) & (frames <= times[-1])
    bridged = inside & (times[after] - times[after - 1] <= 2.5 * interval)
    covered: NDArray[np.bool_] = bridged | (nearest <= 0.5 * interval * (1 + 1e-6))
    return covered


def _mean_in(
    frames: NDArray[np.float64],
    frame_interval: float,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Average the samples of each frame, unknown ones left out."""
    known = np.isfinite(values)
    # a running sum of deviations, so that a large offset does not eat the digits
    centre = values[known].mean() if known.any() else 0.0
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values - centre, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    first = np.searchsorted(times, frames)
    stop = np.searchsorted(times, frames + frame_interval)
    n = count[stop] - count[first]
    with np.errstate(invalid="ignore"):
        return np.where(n > 0, centre + (total[stop] - total[first]) / n, np.nan)
