"""Names of columns, and what kind of thing a cell holds."""

from __future__ import annotations

import re

from napari_cortex_decoder.units import centimetres_a_second, seconds

EMPTY = frozenset({"", "nan", "na", "n/a", "#n/a", "#na", "null", "none", "-", "--"})
"""What stands in a cell where nothing is known, in lower case."""

_VALUE = re.compile(
    r"[+-]?(\d[\d.,'\u00a0\u202f]*|[.,]\d+)([eE][+-]?\d+)?|[+-]?inf|true|false"
    r"|(\d+ days? )?\d+:\d{1,2}(:\d{1,2})?([.,]\d+)?|\d{4}-\d\d-\d\d([T ]\S*)?"
    r"|\d{1,4}(?P<of_day>[-/.])\d{1,2}(?P=of_day)\d{1,4} \d{1,2}:[\d:.]+( [ap]m)?",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

_TIME = frozenset({"time", "times", "timestamp", "timestamps", "t", "seconds", "sec", "clock"})
_WITH_TIME = frozenset([
    "stamp", "stamps", "elapsed", "relative", "rel", "session", "system", "sample", "frame",
    "camera", "since", "start", "of", "from", "the", "recording", "absolute", "computer", "utc",
    "local", "in", "date", "datetime",
])  # fmt: skip
_FRAME = frozenset({"frame", "frames"})
_WITH_FRAME = frozenset([
    "number", "numbers", "no", "nr", "num", "index", "idx", "id", "count", "camera", "movie",
    "the", "of",
])  # fmt: skip


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a time, a date or a truth value."""
    return _VALUE.fullmatch(cell.strip()) is not None


def plain_name(column: str) -> str:
    """Return a column's name as small words with ``_`` between, without the unit in brackets."""
    name, _ = split_unit(column)
    return re.sub(r"[^0-9a-zµ]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


def split_unit(column: str) -> tuple[str, str]:
    """Split ``speed (cm/s)`` into name and unit; the unit is empty if there is none."""
    body = column.rstrip()
    if body.endswith((")", "]")):
        body = body[:-1]
        inside = max(body.rfind(")"), body.rfind("]")) + 1
        begins = [at for sign in "([" if (at := body.find(sign, inside)) >= 0]
        if begins:
            return body[: min(begins)].strip(), body[min(begins) + 1 :].strip()
    return column.strip(), ""


def time_unit(column: str) -> str:
    """Return the unit that a column of times states, in brackets or as ``_ms``; empty if none."""
    unit = split_unit(column)[1]
    last = plain_name(column).rpartition("_")
    return unit or (last[2] if last[0] and seconds(last[2]) else "")


def unit_in(column: str) -> str:
    """Return the unit of speed that ends a name, as ``mm/s`` of ``speed_mm_s``; else nothing."""
    words = re.split(r"[\s_,]+", column.strip())
    ends = (words[-1], "/".join(words[-2:]), " ".join(words[-3:]))
    fitting = (end for n, end in enumerate(ends, 1) if n < len(words) and end[-1:] in "sc")
    return next((end for end in fitting if centimetres_a_second(end)), "")


def clock_kind(column: str) -> str | None:
    """Return ``"time"`` or ``"frame"`` for the name of a column that holds one; else None."""
    words = set(plain_name(column).split("_"))
    timing = {word for word in words - _TIME - _WITH_TIME if seconds(word) is None}
    if not timing and (words & _TIME or words in ({"datetime"}, {"elapsed"}, {"s"})):
        return "time"
    return "frame" if words & _FRAME and not words - _FRAME - _WITH_FRAME else None
