"""Run and rest from running speed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from napari_cortex_decoder.bouts import drop_short, two_thresholds
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.recording import BehaviorTrace
from napari_cortex_decoder.settings import FewSeconds, Shown
from napari_cortex_decoder.units import centimetres_a_second, stated

REST, RUN = 0, 1
Speed = Annotated[float, Field(ge=0, le=1000), Shown("cm/s")]

_COUNTED = ("count", "tick", "pulse", "step", "edge")
_ANGLES = ("deg", "degree", "°")
_COUNTER = re.compile(r"tick|count|encoder|rotary|quadrature", re.I)


@dataclass(frozen=True, kw_only=True)
class RunAndRest:
    """How running is told by speed.

    Running starts where the speed rises above `threshold` and lasts until it falls below
    `stop_threshold` (hysteresis), so that a speed that hovers at the threshold does not flicker.
    Then every bout shorter than `shortest_bout` that lies between two bouts of the other kind joins
    them, the shortest first. A bout at the edge of what is known may have begun earlier or end
    later, and stays.

    Attributes
    ----------
    threshold
        Speed (cm/s); the default is that of the laboratory of Ajioka et al. 2024.
    stop_threshold
        Speed (cm/s); `threshold` if None.
    shortest_bout
        Seconds.
    """

    threshold: Speed = 0.5
    stop_threshold: Speed | None = None
    shortest_bout: FewSeconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for what in ("threshold", "stop_threshold", "shortest_bout"):
            value = getattr(self, what)
            if value is not None and not (np.isfinite(value) and value >= 0):
                shown = what.replace("_", " ")
                raise RecordingError(f"the {shown} is {value}; give a number of 0 or more.")
        if self.low > self.threshold:
            above = f"{self.low} cm/s is above the threshold of {self.threshold} cm/s"
            raise RecordingError(f"the stop threshold of {above}; lower it.")

    @property
    def low(self) -> float:
        """The speed (cm/s) below which running stops."""
        return self.threshold if self.stop_threshold is None else self.stop_threshold


def run_and_rest(
    speed: ArrayLike, frame_rate: float, settings: RunAndRest | None = None
) -> NDArray[np.int64]:
    """Return where a mouse runs and where it rests, shape (t,): 1 run, 0 rest, −1 unknown.

    `speed`, shape (t,), is in cm/s, one value a frame, of which there are `frame_rate` a second;
    NaN is unknown, and the sign, which is the direction, does not count. Another shape, or a rate
    that cannot be, raises `RecordingError`.
    """
    told = settings or RunAndRest()
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise RecordingError(f"the frame rate is {frame_rate}; give a positive number of Hz.")
    absolute = np.abs(np.asarray(speed, dtype=np.float64))
    if absolute.ndim != 1:
        raise RecordingError(f"speed has shape {absolute.shape}; give one value a frame.")
    states = two_thresholds(absolute, ~np.isnan(absolute), told.threshold, told.low)
    return drop_short(states, told.shortest_bout * frame_rate)


def speed_from_voltage(
    trace: BehaviorTrace, *, gain: float, zero: float | None = None
) -> BehaviorTrace:
    """Return the trace ``speed`` (cm/s) of the voltage (V) of a treadmill.

    `gain`, in cm/s per V, is from the treadmill's calibration; `zero` is the voltage at standstill,
    the trace's median if None, which is right while the animal rests more than half of the time.
    Speed is never negative: many treadmills swing around standstill as they run, and a mean over a
    frame must not cancel that. If either is no number that raises `RecordingError`.
    """
    standstill = float(np.nanmedian(trace.values)) if zero is None else zero
    if not (np.isfinite(gain) and gain and np.isfinite(standstill)):
        raise RecordingError(
            f"trace {trace.name!r} cannot become speed with a gain of {gain} cm/s per V and "
            f"{standstill} V at standstill; give both as numbers."
        )
    speed = np.abs((trace.values - standstill) * gain)
    return BehaviorTrace("speed", speed, trace.times, "cm/s")


def speed_in_cm(trace: BehaviorTrace) -> NDArray[np.float64]:
    """Return the values of a speed in cm/s, whatever unit of speed it states; none is cm/s.

    Another unit (ticks, volts, degrees) raises `RecordingError`.
    """
    factor = centimetres_a_second(trace.unit) if stated(trace.unit) else 1.0
    if factor is None:
        raise RecordingError(
            f"trace {trace.name!r} is in {trace.unit!r}, and running is told in cm/s; make "
            "a speed of it (speed_from_voltage, speed_from_counts), or state its unit."
        )
    return np.asarray(trace.values, np.float64) * factor


def counter_size(values: NDArray[np.floating]) -> float | None:
    """Return how far a counter counts before it starts over; None if that cannot be told.

    It is told where the counter jumps by more than half of its range, which is a power of two or
    the 360 degrees of a turn.
    """
    known = values[np.isfinite(values)]
    span = float(np.ptp(known)) if known.size else 0.0
    if not span or not (np.abs(np.diff(known)) > span / 2).any() or known.size < 8:
        return None
    sizes = [360.0, *(2.0**bits for bits in range(8, 33))]
    return next((size for size in sizes if 0.9 * size <= span + 1 <= size), None)


def is_running_count(trace: BehaviorTrace) -> bool:
    """Return whether a trace may be a wheel's running count, by its unit, values and name."""
    unit, values = stated(trace.unit), np.asarray(trace.values)
    if unit.removesuffix("s") in _COUNTED:
        return True
    if unit.removesuffix("s") not in ("", *_ANGLES):
        return False
    whole = not unit and bool((values == np.round(values)).all())
    return counter_size(values) is not None or (whole and bool(_COUNTER.search(trace.name)))


def speed_from_counts(
    trace: BehaviorTrace, *, cm_per_count: float, starts_over_at: float | None = None
) -> BehaviorTrace:
    """Return the trace ``speed`` (cm/s) of the running count of a wheel: the steps of its samples.

    It lies between each two samples, and is negative backwards. The count starts over at 0 once it
    is `starts_over_at`, such as 65536; None finds it, see `counter_size`. Numbers that cannot be,
    and a trace of less than three samples, raise `RecordingError`.
    """
    size = counter_size(np.asarray(trace.values)) if starts_over_at is None else starts_over_at
    if not (np.isfinite(cm_per_count) and cm_per_count) or (size is not None and not size > 0):
        raise RecordingError(
            f"trace {trace.name!r} cannot become speed with {cm_per_count} cm per count that start "
            f"over at {size}; give both as numbers."
        )
    if trace.values.size < 3:
        raise RecordingError(f"trace {trace.name!r} has no two steps to make a speed of.")
    steps = np.diff(np.asarray(trace.values, np.float64))
    if size is not None:
        steps = (steps + size / 2) % size - size / 2  # the shorter way round
    times = np.asarray(trace.times, np.float64)
    speed = steps * cm_per_count / np.diff(times)
    return BehaviorTrace("speed", speed, (times[1:] + times[:-1]) / 2, "cm/s")
