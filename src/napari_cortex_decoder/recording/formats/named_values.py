"""What a file says of rate, pixel size and time, under the names that programs give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.tables import (
    clock_kind,
    plain_name,
    since_1970,
    split_unit,
    time_unit,
)
from napari_cortex_decoder.units import millimetres, positive, seconds, stated, unknown_unit

Places = tuple[Mapping[str, Any], ...]
"""Where a file may say something, by name; the first that does counts."""

MOST_TIMES = 2**24
# Only names that mean the movie and no other thing in the file, and only lengths with a unit.
_RATES = ("frame_rate", "framerate", "fps", "frames_per_second", "imaging_rate")
_INTERVALS = ("frame_interval", "frameinterval", "frame_period", "frameperiod")
_SIZES = ("pixel_size", "pixelsize", "pixel_size_x")
_QUANTITY = re.compile(r"(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*(\D*)")
_LONGEST = 100  # characters of a number with its unit


def said_rate(places: Places, said: list[str]) -> float | None:
    """Return the frame rate (Hz) under one of its usual names, or by the time between frames.

    A unit that is not known is `said`.
    """
    named = [item for place in places for item in by_plain_names(place.items()).items()]
    rates = (_quantity(value) for key, value in named if key.removesuffix("_hz") in _RATES)
    rate = next((n for n, unit in rates if n and unit.lower() in ("", "hz", "fps")), None)
    interval = None if rate else _measure(_INTERVALS, seconds, places, "time", said)
    return 1 / interval if interval else rate


def said_pixel_size(places: Places, said: list[str]) -> float | None:
    """Return the pixel size (mm) under a name that tells its unit, or with the unit beside it.

    A unit that is not known is `said`.
    """
    return _measure(_SIZES, millimetres, places, "length", said)


def are_times(name: str) -> bool:
    """Return whether a list of numbers is called like frame times, such as ``t_ms``."""
    return clock_kind(name) == "time"


def said_times(name: str, values: Any, unit: Any, said: list[str]) -> NDArray[np.float64] | None:
    """Return a list of times in seconds.

    A unit may stand in the name, and seconds need none; one that is not known is `said`, and gives
    None. Without one, times so large count from 1970.
    """
    times = np.asarray(values, np.float64).reshape(-1)
    unit = stated(unit) or time_unit(name)
    epoch = None if unit else since_1970(times)
    if epoch is not None:
        return epoch
    factor = seconds(unit) if unit else 1.0
    if factor is None:
        said.append(unknown_unit(times[0], unit, "time"))
        return None
    return times * factor


def said_frame_times(
    claimed: int, points: int, colours: int, places: Places, said: list[str]
) -> NDArray[np.float64] | None:
    """Return the time of each frame (s), from a list with one for each, or for each time point.

    It is `said` if a list has a few too many or too few.
    """
    near: tuple[str, ...] = ()
    for place in places:
        for key, value in place.items():
            times = np.asarray(value) if are_times(key) else np.empty(0)
            if times.dtype.kind not in "iuf":
                continue
            if times.size in (points, claimed):
                read = said_times(key, times.reshape(-1)[:points], "", [])
                return None if read is None else np.repeat(read, colours)
            if times.size == points * colours:
                return said_times(key, times, "", [])
            if times.size > 1 and abs(times.size - points) <= max(2, points // 50):
                near = near or (frame_times_differ(str(key), times.size, points),)
    said += near
    return None


def frame_times_differ(name: str, listed: int, frames: int) -> str:
    """Say that a list has not one time a frame, so that it is left out."""
    return (
        f"{name!r} has {listed} times for {frames} frames and is left out, as nobody knows which "
        "of them belong together; give frame times with the behavior."
    )


def by_plain_names(pairs: Iterable[tuple[object, Any]]) -> dict[str, Any]:
    """Return what is said by plain names, ``Pixel size (µm)`` also as ``pixel_size_µm``."""
    plain: dict[str, Any] = {}
    for key, value in pairs:
        name, unit = plain_name(str(key)), split_unit(str(key))[1].lower()
        for one in (name, f"{name}_{unit}") if unit else (name,):
            plain.setdefault(one, value)
    return plain


def _quantity(value: Any) -> tuple[float | None, str]:
    """Return a positive number and the unit behind it, ``(30.0, "Hz")`` of the text ``30 Hz``."""
    one = np.asarray(value)
    if one.size == 1 and one.dtype.kind in "iufc":
        return positive(np.real(one.reshape(-1)[0])), ""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    found = _QUANTITY.fullmatch(text[:_LONGEST].strip()) if isinstance(text, str) else None
    return (positive(found[1]), found[2]) if found else (None, "")


def _measure(
    names: Iterable[str], units: Callable[[Any], float | None], places: Places, kind: str,
    said: list[str],
) -> float | None:  # fmt: skip
    """Return the first positive number under one of some names whose unit is told.

    By the name, as ``pixel_size_um`` does, beside it in ``pixel_size_unit``, or behind the number.
    """
    for place in (by_plain_names(one.items()) for one in places):
        for key, value in place.items():
            name, _, suffix = key.rpartition("_")
            in_name = name in names and units(suffix) is not None
            if not in_name and key not in names:
                continue
            number, behind = _quantity(value)
            beside = place.get(f"{key}_unit", place.get(f"{key}_units"))
            unit = suffix if in_name else behind or stated(beside)
            factor = units(unit) if unit else None
            if number and factor:
                return number * factor
            if number and unit:
                said.append(unknown_unit(number, unit, kind))
    return None
