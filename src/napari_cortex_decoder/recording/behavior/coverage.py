"""What a trace says in each frame of a recording, and where it says nothing."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.bouts import stretches
from napari_cortex_decoder.clock import frame_interval
from napari_cortex_decoder.recording.behavior.speed import counter_size
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording
from napari_cortex_decoder.units import centimetres_a_second

_FEW = 10  # different whole numbers that are states of the animal or the rig, not measurements
_MOTION = re.compile(r"speed|veloc|tick|count|encoder|wheel|treadmill|position|angle", re.I)


def trace_at_frames(trace: BehaviorTrace, recording: Recording) -> NDArray[np.float64]:
    """Return the value of a trace in each frame of a recording, shape (t,); NaN where it has none.

    A trace sampled faster than the movie is averaged over each frame (from its time to the next
    frame's, at most one median interval), a slower one is interpolated linearly. A state (up to ten
    whole numbers, or ones that stay: labels, codes of stimuli, licks) is what most samples of a
    frame say, and an event too short for that marks the frame that it begins in; a slower one gives
    its nearest sample. Speeds and counts of an encoder are no states. Nothing is extrapolated by
    more than half a sample, or bridged over a gap of more than 2.5 median sample intervals.
    """
    return _at_frames(trace, recording)[0]


def _at_frames(trace: BehaviorTrace, recording: Recording) -> tuple[NDArray[np.float64], int]:
    """Return the value in each frame, and how many short events mark one."""
    times, values = np.asarray(trace.times, np.float64), np.asarray(trace.values, np.float64)
    frames = recording.times
    if times.shape == frames.shape and np.allclose(times, frames, rtol=0, atol=1e-9):
        return values.copy(), 0
    if times.size < 2:
        single = np.full(frames.size, np.nan)
        if times.size and covered(frames, times).any():
            single[np.abs(frames - times[0]).argmin()] = values[0]
        return single, 0
    is_state = _is_state(trace, values)
    after = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    before = after - 1
    if is_state:
        is_later = frames - times[before] > times[after] - frames
        result = np.where(is_later, values[after], values[before])
    else:
        weight = np.clip((frames - times[before]) / (times[after] - times[before]), 0, 1)
        between = values[before] * (1 - weight) + values[after] * weight
        at_one = [weight == 0, weight == 1]  # the other may be NaN
        result = np.select(at_one, [values[before], values[after]], between)
    result = np.where(covered(frames, times), result, np.nan)
    duration = frame_interval(frames)
    if duration <= 1.01 * frame_interval(times):
        return result, 0
    # a sample at the very time of a frame belongs to it, whatever the last digit says
    rounding = 1e-6 * duration
    own = np.searchsorted(frames - rounding, times, side="right") - 1
    ends = np.minimum(frames + duration, np.append(frames[1:], np.inf)) - rounding
    inside = (own >= 0) & (times < ends[own]) & ~np.isnan(values)
    if is_state:
        return _mostly(values, own, inside, result)
    import pandas as pd

    seen = pd.Series(values[inside]).groupby(own[inside]).mean()
    result[seen.index] = seen
    return result, 0


def _is_state(trace: BehaviorTrace, values: NDArray[np.float64]) -> bool:
    """Return whether numbers are labels or codes, neither measured nor counted."""
    if _MOTION.search(trace.name) or centimetres_a_second(trace.unit) is not None:
        return False
    finite = values[np.isfinite(values)]
    if not finite.size or (finite != np.round(finite)).any():
        return False
    stays = bool(np.count_nonzero(np.diff(finite)) < finite.size / 8)
    return stays or np.unique(finite).size <= _FEW


def _mostly(
    values: NDArray[np.float64],
    own: NDArray[np.int64],
    inside: NDArray[np.bool_],
    result: NDArray[np.float64],
) -> tuple[NDArray[np.float64], int]:
    """Return the state of most samples of each frame, and mark events too short for that.

    `own` is the frame that was the last to begin before each sample, and `inside` whether it is
    known and still in that frame; `result` is what frames without a sample show.
    """
    import pandas as pd

    if not inside.any():
        return result, 0
    codes, states = pd.factorize(values)
    n = np.bincount(codes[codes >= 0])
    seen = pd.DataFrame({"frame": own[inside], "code": codes[inside]}).value_counts().reset_index()
    seen["common"] = n[seen["code"]]  # the commonest wins where two are equal
    most = seen.sort_values(["count", "common"]).drop_duplicates("frame", keep="last")
    result[most["frame"]] = states[most["code"]]
    starts, lengths = stretches(codes)
    event = inside[starts] & (codes[starts] != n.argmax())
    starts, last = starts[event], (starts + lengths - 1)[event]
    starts, ends = (places[own[last] <= own[starts] + 1] for places in (starts, own[last]))
    begins = own[starts]
    lost = (result[begins] != values[starts]) & (result[ends] != values[starts])
    result[begins[lost]] = values[starts[lost]]
    return result, int(lost.sum())


def coverage_warnings(trace: BehaviorTrace, recording: Recording) -> tuple[str, ...]:
    """Say in which frames of a recording a trace has no value, and what else is odd about it.

    That is one sample too many or too few, events shorter than a frame, a count that starts over.
    """
    said = []
    frames = recording.times
    seen, marked = _at_frames(trace, recording)
    missing = np.isnan(seen)
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
    size = counter_size(np.asarray(trace.values))
    if size is not None:
        said.append(
            f"{trace.name!r} seems to count to {size:g} and start over; make a speed of it "
            "(speed_from_counts) before it is averaged over frames."
        )
    if marked:
        said.append(
            f"{trace.name!r} has {marked} events shorter than most of a frame; each marks the "
            "frame that it begins in, however short it was."
        )
    return tuple(said)


def covered(frames: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which frames lie within reach of a sample."""
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
