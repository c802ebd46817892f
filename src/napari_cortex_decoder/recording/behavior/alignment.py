"""Put behaviour on a recording's clock, and refuse what cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import FINER_UNITS, frame_interval, seconds_to_add, zero_of
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import BehaviorContent, Intervals, Samples
from napari_cortex_decoder.recording.behavior.coverage import coverage_warnings, covered
from napari_cortex_decoder.recording.recording import BehaviorTrace, Recording, check_scale

_Floats = NDArray[np.float64]


class ClockOptions(TypedDict, total=False):
    """How the clock of a behaviour file relates to the movie's.

    Attributes
    ----------
    rate
        Samples a second of traces that come without times; without it, such a trace must have
        exactly one value a frame.
    offset
        Seconds to add to the file's own times, or, with `rate`, the time of the first sample after
        the movie's first frame.
    clock
        What the file's times count from: ``"session"``, as the recording's frame times do, or
        ``"first-frame"``; needed only where the file does not say and the movie's first frame is
        not at 0.
    first_frame
        Number that the file gives to the movie's first frame, where it counts frames; 0 if not
        given.
    frame_times
        Which of the file's own lists of frame times is this movie's; needed only where there are
        several.
    """

    rate: float | None
    offset: float
    clock: str | None
    first_frame: int
    frame_times: str | None


def choose_frame_times(
    content: BehaviorContent, recording: Recording, path: Path, name: str | None
) -> _Floats | None:
    """Return the movie's frame times (t,) in a behaviour file, on its clock; None if it has none.

    Several lists that could be meant, and one that has not one time a frame, raise.
    """
    lists = content.frame_times
    if name is not None and name not in lists:
        raise RecordingError(f"{path}: no frame times {name!r}; it has {sorted(lists)}.")
    if name is None:
        if not lists:
            return None
        fitting = [n for n, times in lists.items() if times.size == recording.n_frames]
        if content.counted and not fitting:
            return None
        if len(fitting) > 1:
            raise RecordingError(
                f"{path}: {fitting} could all be the movie's frame times; name one as frame_times."
            )
        name = fitting[0] if fitting else next(iter(lists))
    times = lists[name]
    if times.size != recording.n_frames:
        raise RecordingError(
            f"{path}: {name!r} has {times.size} times for the movie's {recording.n_frames} "
            f"frames{_one_off(times.size, recording)}; correct the list or crop the movie."
        )
    _check_order(times, f"{path}: {name!r}")
    return times


def align(
    content: BehaviorContent, recording: Recording, path: Path, clock: ClockOptions
) -> tuple[dict[str, BehaviorTrace], tuple[str, ...]]:
    """Put each trace of a file on the recording's clock, and say what does not fit.

    A file that lists the movie's frame times has its clock mapped onto the recording's frame by
    frame; any other is taken to share the recording's clock, shifted by the offset. Intervals
    become traces of 0 and 1 with one value a frame. If a trace that was asked for does not fit, or
    none does, that raises.
    """
    rate, offset = clock.get("rate"), clock.get("offset", 0.0)
    zero = zero_of(path, clock.get("clock"), content.zero, RecordingError)
    check_scale(path, rate, None)
    if not np.isfinite(offset):
        raise RecordingError(f"{path}: the offset is {offset}; give a number of seconds.")
    file_frames = choose_frame_times(content, recording, path, clock.get("frame_times"))
    frames = recording.times
    traces: dict[str, BehaviorTrace] = {}
    warnings = [f"{path.name}: {said}" for said in content.said]
    stated = [one.times[0] for one in content.samples.values() if one.times is not None]
    stated += [one.starts.min() for one in content.intervals.values() if one.starts.size]
    shift = 0.0
    if file_frames is None and stated:
        shift, said = seconds_to_add(zero, frames, min(stated))
        warnings += [] if offset else [f"{path.name}: {sentence}" for sentence in said]

    def on_session(times: _Floats) -> _Floats:
        return _to_recording(times, file_frames, frames) + shift + offset

    def placed(name: str, samples: Samples) -> _Floats:
        where = f"{path}: {name!r}"
        if samples.times is not None:
            _check_order(samples.times, where)
            times = on_session(samples.times)
        elif samples.frames is not None:
            times = _times_of_frames(samples.frames - clock.get("first_frame", 0), frames, where)
        elif rate is not None:
            times = frames[0] + offset + np.arange(samples.values.size) / rate
        elif (n := samples.values.size) == recording.n_frames:
            times = frames
        else:
            raise RecordingError(
                f"{where} has {n} values for the movie's {recording.n_frames} frames"
                f"{_one_off(n, recording)}; give its times, its rate and offset, or the fields to "
                "read."
            )
        _check_order(times, where)
        if not covered(frames, times).any():
            raise RecordingError(_outside(where, times[0], times[-1], frames))
        return times

    def marked(name: str, intervals: Intervals) -> _Floats:
        starts, stops = on_session(intervals.starts), on_session(intervals.stops)
        values, outside = _frames_in(Intervals(starts, stops), frames)
        if outside == starts.size:
            raise RecordingError(_outside(f"{path}: {name!r}", starts.min(), stops.max(), frames))
        if outside:
            warnings.append(
                f"{path.name}: {outside} of {starts.size} intervals of {name!r} lie outside the "
                "movie and are left out."
            )
        return values

    refused: list[RecordingError] = []
    every: dict[str, Samples | Intervals] = {**content.samples, **content.intervals}
    for name, held in every.items():
        try:
            if isinstance(held, Samples):
                traces[name] = BehaviorTrace(name, held.values, placed(name, held), held.unit)
            else:
                traces[name] = BehaviorTrace(name, marked(name, held), frames)
        except RecordingError as error:
            refused.append(error)
            continue
        if isinstance(held, Samples):
            said = coverage_warnings(traces[name], recording)
            if held.times is not None:
                said += _other_unit(name, np.asarray(traces[name].times, np.float64), frames)
            warnings += [f"{path.name}: {sentence}" for sentence in said]
    if refused and (content.asked or not traces):
        raise refused[0]
    warnings += [f"{error} It is left out." for error in refused]
    return traces, tuple(warnings)


def _other_unit(name: str, times: _Floats, frames: _Floats) -> tuple[str, ...]:
    """Say that times in seconds last a thousand times as long as the movie."""
    length = float(frames[-1] - frames[0])
    ratio = float(times[-1] - times[0]) / length if length else 0.0
    unit = next((u for u, n in FINER_UNITS if n / 2 < ratio < 2 * n), "")
    if not unit:
        return ()
    return (
        f"the times of {name!r} last {times[-1] - times[0]:g} s and the movie {length:g} s: if "
        f"they are in {unit} say so in their name, such as 'time ({unit})'.",
    )


def _to_recording(times: _Floats, file_frames: _Floats | None, frames: _Floats) -> _Floats:
    """Map times from the file's clock to the recording's, piecewise linearly, frame by frame."""
    if file_frames is None or np.array_equal(file_frames, frames):
        return times
    mapped = np.interp(times, file_frames, frames)
    # beyond the first and last frame both clocks are taken to run alike
    mapped = np.where(times < file_frames[0], frames[0] + times - file_frames[0], mapped)
    return np.where(times > file_frames[-1], frames[-1] + times - file_frames[-1], mapped)


def _frames_in(intervals: Intervals, frames: _Floats) -> tuple[_Floats, int]:
    """Mark the frames whose middle lies in an interval; count intervals outside the movie.

    An interval too short to hold a middle, and an instant, mark the frame that it starts in.
    """
    duration = frame_interval(frames)
    middles = frames + duration / 2
    first = np.searchsorted(middles, intervals.starts)
    stop = np.searchsorted(middles, intervals.stops)
    short = first == stop
    own = np.searchsorted(frames, intervals.starts, side="right") - 1
    first = np.where(short, own, first)
    stop = np.where(short, own + 1, stop)
    outside = (intervals.stops < frames[0]) | (intervals.starts >= frames[-1] + duration)
    values = np.zeros(frames.size)
    for begin, end in zip(first[~outside], stop[~outside], strict=True):
        values[max(begin, 0) : end] = 1
    return values, int(outside.sum())


def _one_off(n: int, recording: Recording) -> str:
    one_off = abs(n - recording.n_frames) == 1
    return " (one frame off: the camera or the other clock lost one)" if one_off else ""


def _outside(where: str, start: float, stop: float, frames: _Floats) -> str:
    return (
        f"{where} runs from {start:g} s to {stop:g} s, the movie from {frames[0]:g} s to "
        f"{frames[-1]:g} s; give the offset between the two clocks, or name the fields to read."
    )


def _times_of_frames(counted: NDArray[np.int64], frames: _Floats, where: str) -> _Floats:
    if counted.min() < 0 or counted.max() >= frames.size:
        from_one = counted.min() == 1 and counted.max() == frames.size
        remedy = "it counts from 1: give first_frame=1" if from_one else "give first_frame"
        raise RecordingError(
            f"{where} counts frames {counted.min()}…{counted.max()}, the movie's are "
            f"0…{frames.size - 1}; {remedy}, or correct it."
        )
    return frames[counted]


def _check_order(times: _Floats, where: str) -> None:
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise RecordingError(f"{where} has no time at sample {at}; give every sample one.")
    back = np.flatnonzero(np.diff(times) <= 0)
    if back.size:
        at = int(back[0])
        steps = f"from {times[at]:g} s to {times[at + 1]:g} s at sample {at + 1}"
        raise RecordingError(f"{where} goes {steps}; times must increase: sort or repair them.")
