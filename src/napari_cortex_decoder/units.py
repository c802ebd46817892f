"""Units of time and length as files spell them."""

from __future__ import annotations

import math
from typing import Any

SECONDS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
    "millisecond": 1e-3, "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "ns": 1e-9,
    "nanosecond": 1e-9, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0,
}  # fmt: skip
_MILLIMETRES = {
    "m": 1e3, "meter": 1e3, "meters": 1e3, "cm": 10.0, "centimeter": 10.0, "mm": 1.0,
    "millimeter": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3,
    "microns": 1e-3, "micrometer": 1e-3, "nm": 1e-6, "nanometer": 1e-6, "inch": 25.4, "in": 25.4,
}  # fmt: skip


def positive(value: Any) -> float | None:
    """Give a positive finite number, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def in_seconds(value: Any, unit: Any) -> float | None:
    """Convert a duration, None if it is not one; without a unit it is in seconds."""
    number, factor = positive(value), SECONDS.get(str(unit or "").strip().lower())
    return None if number is None or factor is None else number * factor


def in_millimetres(value: Any, unit: Any) -> float | None:
    """Convert a length, None if it is not one: pixels, for instance, or a number without unit."""
    number, factor = positive(value), _MILLIMETRES.get(str(unit or "").strip().lower())
    return None if number is None or factor is None else number * factor
