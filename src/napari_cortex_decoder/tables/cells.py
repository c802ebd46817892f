"""Cells as numbers, durations and dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.tables.lines import SAMPLE, Lines
from napari_cortex_decoder.tables.names import EMPTY, is_value
from napari_cortex_decoder.units import centimetres_a_second, millimetres, seconds

if TYPE_CHECKING:
    import pandas as pd

_DATES = ("ISO8601", *(
    f"{date} {time}"
    for date in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y")
    for time in ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M", "%I:%M:%S %p")
))  # fmt: skip
_DAY = 86_400.0  # s
_GROUP = r"[+-]?\d{{1,3}}([{0}'\u00a0\u202f ]\d{{3}})+([{1}]\d+)?"
_CLEARLY = (
    r"[+-]?(0|\d{{1,3}}([{0}]\d{{3}})+|\d*)[{1}](\d{{1,2}}|\d{{4,}})([eE][+-]?\d+)?|[+-]?0?[{1}]\d+"
)


@dataclass(frozen=True)
class Numerals:
    """How a table writes its numbers."""

    # signs in them
    decimal: str = "."
    thousands: str = ","
    unclear: bool = False  # whether nothing in the table tells the two apart, as in ``1,234`` alone


def numerals_of(lines: Lines) -> Numerals:
    """Return decimal sign and thousands sign of a table from its cells."""
    cells = [cell for row in lines.rows[: 10 * SAMPLE] for cell in row if cell and is_value(cell)]
    clear = {
        sign: re.compile(_CLEARLY.format(re.escape(other), re.escape(sign)))
        for sign, other in ((".", ","), (",", "."))
    }
    points, commas = (any(clear[sign].fullmatch(cell) for cell in cells) for sign in (".", ","))
    if commas and not points:
        return Numerals(",", ".")
    grouped = [cell for cell in cells if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", cell)]
    if points or not grouped:
        return Numerals()
    if lines.separator == "," or any(cell.count(",") > 1 for cell in grouped):
        return Numerals()
    whole = [int(cell) for cell in cells if cell.isdecimal()]
    # "999" before "1,000": a decimal comma would not be left out only below one thousand
    return Numerals(unclear=True) if whole and max(whole) < 1000 else Numerals(",", ".", True)


def numbers(cells: pd.Series, numerals: Numerals = Numerals()) -> NDArray[np.float64]:
    """Return the numbers of cells, float64; NaN where a cell is none. True is 1, False 0."""
    import pandas as pd

    text = cells.str.strip()
    values = np.array(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    unread = np.isnan(values) | (numerals.decimal != ".")
    if not unread.any():
        return values
    text = text[unread]
    group = _GROUP.format(re.escape(numerals.thousands), re.escape(numerals.decimal))
    strip = re.escape(numerals.thousands) + "'\u00a0\u202f "
    grouped = text.str.fullmatch(group)
    text = text.where(~grouped, text.str.replace(f"[{strip}]", "", regex=True))
    text = text.str.replace(numerals.decimal, ".") if numerals.decimal != "." else text
    text = text.replace(regex={r"(?i)^true$": "1", r"(?i)^false$": "0"})
    values[unread] = pd.to_numeric(text, errors="coerce")
    return values


def with_unit(cells: pd.Series, numerals: Numerals) -> tuple[NDArray[np.float64], str] | None:
    """Return the numbers of cells such as ``3.5 cm/s``, and their unit; None if they are none."""
    parts = cells.str.strip().str.extract(r"^([+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s*([^\d\s.,].*)$")
    filled = ~cells.str.strip().str.lower().isin(EMPTY)
    units = list(dict.fromkeys(parts.loc[filled, 1].fillna("")))
    if len(units) != 1 or not any(
        f(units[0]) for f in (centimetres_a_second, millimetres, seconds)
    ):
        return None
    return numbers(parts[0].fillna(""), numerals), units[0]


def since_1970(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return times in s if they count s, ms, µs or ns since 1970, as their size tells; else None.

    Between 1976 and 2255, that is: no session is as long.
    """
    known = values[np.isfinite(values)]
    size = float(known.min()) if known.size else 0.0
    unit = next((u for u in (1.0, 1e-3, 1e-6, 1e-9) if 2e8 < size * u < 9e9), None)
    return None if unit is None else values * unit


def clock_times(cells: pd.Series) -> tuple[NDArray[np.float64], bool] | None:
    """Read cells as ``hh:mm:ss.fff``, ``mm:ss`` or dates.

    Returns
    -------
    tuple or None
        Seconds, shape (n,), NaN where a cell is none, and whether they are dates: seconds since
        1970 then. None if the cells are neither.
    """
    import pandas as pd

    text = cells.str.strip()
    if not text.iloc[:9].str.contains(r"\d[:-]\d").any():
        return None
    filled = text[~text.str.lower().isin(EMPTY)]
    if filled.empty or not filled.str.contains(r"\d[:-]\d").all():
        return None
    if filled.str.fullmatch(r"(\d+ days? )?\d+:\d{1,2}(:\d{1,2})?([.,]\d+)?").all():
        whole = text.str.replace(",", ".").str.replace(r"^(\d+:[\d.]+)$", r"0:\1", regex=True)
        spans = pd.to_timedelta(whole, errors="coerce")
        times = np.array(spans.dt.total_seconds(), dtype=np.float64)
        backwards = np.diff(times, prepend=times[:1]) < -_DAY / 2  # past midnight
        return times + _DAY * np.cumsum(backwards), False
    begins = filled.iloc[:1]
    forms = [one for one in _DATES if pd.to_datetime(begins, errors="coerce", format=one).count()]
    read = [pd.to_datetime(text, errors="coerce", utc=True, format=form) for form in forms]
    dates = [one for one in read if not one[filled.index].isna().any()]
    if not dates:
        return None
    # whether the day or the month comes first does not matter within a day, and shows beyond it
    shortest = min(dates, key=lambda one: one.max() - one.min())
    epoch = pd.Timestamp(0, tz="UTC")
    return np.array((shortest - epoch).dt.total_seconds(), dtype=np.float64), True
