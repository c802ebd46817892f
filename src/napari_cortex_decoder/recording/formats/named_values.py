"""What a file says of rate, pixel size and time, under the names that programs give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.tables import clock_kind, time_unit
from napari_cortex_decoder.units import millimetres, positive, seconds, stated, unknown_unit

Places = tuple[Mapping[str, Any], ...]
"""Where a file may say something, by name; the first that does counts."""

MOST_TIMES = 2**24
# Only names that mean the movie and no other thing in the file, and only lengths with a unit.
_RATES = ("frame_rate", "framerate", "fps", "frames_per_second", "imaging_rate")
_INTERVALS = ("frame_interval", "frameinterval", "frame_period", "frameperiod")
_SIZES = ("pixel_size", "pixelsize", "pixel_size_x")


def said_rate(places: Places) -> float | None:
    """Return the frame rate (Hz) under one of its usual names, or by the time between frames."""
    lowered = _lowered(places)
    said = (_number(place[name]) for place in lowered for name in _RATES if name in place)
    interval = _measure(_INTERVALS, seconds, lowered)
    return next(filter(None, said), None) or (1 / interval if interval else None)


def said_pixel_size(places: Places) -> float | None:
    """Return the pixel size (mm) under a name that tells its unit, or with the unit beside it."""
    return _measure(_SIZES, millimetres, _lowered(places))


def are_times(name: str) -> bool:
    """Return whether a list of numbers is called like frame times, such as ``t_ms``."""
    return clock_kind(name) == "time"


def said_times(name: str, values: Any, unit: Any, said: list[str]) -> NDArray[np.float64] | None:
    """Return a list of times in seconds.

    A unit may stand in the name, and seconds need none; one that is not known is `said`, and gives
    None.
    """
    times = np.asarray(values, np.float64).reshape(-1)
    unit = stated(unit) or time_unit(name)
    factor = seconds(unit) if unit else 1.0
    if factor is None:
        said.append(unknown_unit(times[0], unit, "time"))
        return None
    return times * factor


def said_frame_times(
    claimed: int, points: int, colours: int, places: Places
) -> NDArray[np.float64] | None:
    """Return the time of each frame (s), from a list with one for each, or for each time point."""
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
    return None


def _lowered(places: Places) -> list[dict[str, Any]]:
    return [{str(key).lower(): value for key, value in place.items()} for place in places]


def _number(value: Any) -> float | None:
    one = np.asarray(value)
    is_number = one.size == 1 and one.dtype.kind in "iufc"
    return positive(np.real(one.reshape(-1)[0])) if is_number else None


def _measure(
    names: Iterable[str], units: Callable[[Any], float | None], places: list[dict[str, Any]]
) -> float | None:
    """Return the first positive number under one of some names whose unit the name tells.

    As ``pixel_size_um`` does, or ``pixel_size`` beside ``pixel_size_unit``.
    """
    for place in places:
        for key, value in place.items():
            name, _, suffix = key.rpartition("_")
            beside = place.get(f"{key}_unit", place.get(f"{key}_units"))
            unit = suffix if name in names else beside if key in names else None
            factor = None if unit is None else units(unit)
            number = _number(value) if factor else None
            if number and factor:
                return number * factor
    return None
