"""Units of time, length, frequency and speed as files spell them: one table for all formats."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_SHORT = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "k": 1e3}
_LONG = {
    "": 1.0, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 1e-1, "kilo": 1e3,
}  # fmt: skip


def _table(
    short: Iterable[str], long: Iterable[str], scale: float = 1.0, **others: float
) -> dict[str, float]:
    """Make the spellings of a unit: its symbols and words, each with the prefixes that fit."""
    found = {p + name: f * scale for p, f in _SHORT.items() for name in short}
    found |= {p + name: f * scale for p, f in _LONG.items() for name in long}
    return found | others


_SECONDS = _table(
    ("s", "sec"), ("second", "sec"), min=60.0, minute=60.0, h=3600.0, hr=3600.0, hour=3600.0,
    d=86400.0, day=86400.0,
)  # fmt: skip
_MILLIMETRES = _table(
    ("m",), ("meter", "metre"), 1e3, micron=1e-3, inch=25.4, angstrom=1e-7, foot=304.8, feet=304.8,
    ft=304.8, mile=1609344.0, mi=1609344.0, **{"in": 25.4, "å": 1e-7},
)  # fmt: skip
_SPEEDS = {
    "mps": "m/s",
    "cmps": "cm/s",
    "mmps": "mm/s",
    "kmh": "km/h",
    "kph": "km/h",
    "mph": "mi/h",
}
_NO_UNIT = (
    "", "none", "null", "nan", "n/a", "n.a.", "na", "unknown", "no unit", "pixel", "pixels", "px",
    "au", "a.u.", "arbitrary", "arbitrary unit", "arbitrary units", "reference frame", "-", "1",
)  # fmt: skip

# No camera over a brain is slower or faster, and no pixel of it finer or coarser, than these.
_RATES = (0.1, 2e4)
_PIXELS = (1e-4, 2.0)
# what image libraries write when nobody told them a scale: dots an inch on a screen or on paper
_PRINTED = (72, 75, 90, 96, 100, 120, 150, 200, 240, 300, 360, 400, 600, 1200)


_A_PIXEL = re.compile(r"\s*(/|\bper\b|·|\*)\s*(px|pix|pixel)s?\s*(\^?[-−]1)?$")

_LONGEST = 200
"""Characters of a unit that are looked at: none is longer, and files claim anything."""


def stated(unit: Any) -> str:
    """Return a unit as one spelling for all; empty where a file says that there is none."""
    if isinstance(unit, bytes):
        unit = unit.decode(errors="replace")
    text = html.unescape(str(unit if unit is not None else "")[:_LONGEST]).replace("\\u00b5", "µ")
    # µ of UTF-8 that was once taken for Latin-1, and the Greek letter for the micro sign
    for damaged in ("Âµ", "Î¼", "�m"):
        text = text.replace(damaged, "µm" if damaged.endswith("m") else "µ")
    text = unicodedata.normalize("NFKC", text).replace("μ", "u").strip(" \t\r\n[](){}'\"\0")
    text = " ".join(text.lower().replace("_", " ").split()).rstrip(".")
    return "" if text in _NO_UNIT else text


def _factor(unit: Any, table: dict[str, float]) -> float | None:
    text = stated(unit).replace(" ", "").replace("-", "")
    spellings = (text, text.removesuffix("s"), text.removesuffix("es"))
    return next((table[one] for one in spellings if one in table), None)


def seconds(unit: Any) -> float | None:
    """Return how many seconds a unit of time is, ``seconds since 2024`` too; None if it is none."""
    return _factor(stated(unit).partition(" since ")[0], _SECONDS)


def millimetres(unit: Any) -> float | None:
    """Return how many mm a unit of length, or of length per pixel, is; None if it is none."""
    return _factor(_A_PIXEL.sub("", stated(unit)), _MILLIMETRES)


def centimetres_a_second(unit: Any) -> float | None:
    """Return how many cm/s a unit of speed is; None if it is none, such as ticks or volts."""
    text = stated(unit)
    length, per = _divided(_SPEEDS.get(text.replace(" ", ""), text))
    factor, time = millimetres(length), None if per is None else seconds(per)
    return factor / 10 / time if factor and time else None


def _divided(text: str) -> tuple[str, str | None]:
    """Take ``cm/s``, ``cm per second``, ``cm s^-1``, ``cm·s-1`` apart; no divisor is None."""
    parts = re.split(r"\s*/\s*|\s*\bper\b\s*|(?<=\w)\s+an?\s+", text)
    if len(parts) == 2:
        return parts[0], parts[1]
    power = re.fullmatch(r"(.*?)[\s.·*]*\b([a-z]+)\s*(?:\^|\*\*)?\s*[({]?[-−]1[)}]?", text)
    return (power[1].strip(), power[2]) if power else (text, None)


def positive(value: Any) -> float | None:
    """Return a positive finite number, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def in_seconds(value: Any, unit: Any, said: list[str] | None = None) -> float | None:
    """Convert a duration, without a unit in seconds; None if it is none, or its unit is not known.

    A sentence on a unit that is not known is added to `said`.
    """
    return _converted(value, unit, seconds(unit) if stated(unit) else 1.0, "time", said)


def in_millimetres(value: Any, unit: Any, said: list[str] | None = None) -> float | None:
    """Convert a length, as `in_seconds` does a duration; a number without unit is none."""
    return _converted(value, unit, millimetres(unit), "length", said)


def _converted(
    value: Any, unit: Any, factor: float | None, kind: str, said: list[str] | None
) -> float | None:
    number = positive(value)
    if number is not None and factor is None and stated(unit) and said is not None:
        said.append(unknown_unit(number, unit, kind))
    return None if number is None or factor is None else number * factor


def unknown_unit(number: Any, unit: Any, kind: str) -> str:
    """Say that a unit is not known and its number not used."""
    return (
        f"the file says {number:g} {str(unit)[:40]!r}, a unit of {kind} that is not known; the "
        "number is not used."
    )


def printed(pixel_size: float) -> bool:
    """Whether a pixel size (mm) is that of a printer or a screen: 72 or 300 dots an inch."""
    return any(math.isclose(25.4 / pixel_size, dots, rel_tol=1e-3) for dots in _PRINTED)


def plausible(
    rate: float | None, pixel_size: float | None
) -> tuple[float | None, float | None, list[str]]:
    """Leave out a rate (Hz) and a pixel size (mm) that no camera over a brain has, and say so."""
    said = []
    if rate is not None and not _RATES[0] <= rate <= _RATES[1]:
        said.append(
            f"the file says a frame rate of {rate:.3g} Hz, which is not likely and not used; give "
            "the true one as frame_rate (command line: --frame-rate HZ)."
        )
        rate = None
    if pixel_size is not None and (
        not _PIXELS[0] <= pixel_size <= _PIXELS[1] or printed(pixel_size)
    ):
        said.append(
            f"the file says a pixel of {pixel_size:.3g} mm, which is not likely and not used; give "
            "the true one as pixel_size (command line: --pixel-size MM)."
        )
        pixel_size = None
    return rate, pixel_size, said
