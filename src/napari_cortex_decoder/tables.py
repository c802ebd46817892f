"""Text tables as programs and people save them: any separator, comments, a header or none."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.files import Refusal, read_bytes
from napari_cortex_decoder.units import seconds

if TYPE_CHECKING:
    import pandas as pd

EMPTY = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""What stands in a cell where nothing is known, in lower case."""

_COMMENTS = ("#", "%", "//")
_SAMPLE = 200  # lines that tell the separator, and where the table begins
_VALUE = re.compile(
    r"[+-]?(\d[\d.,'\u00a0\u202f]*|[.,]\d+)([eE][+-]?\d+)?|[+-]?inf|true|false"
    r"|(\d+ days? )?\d+:\d{1,2}(:\d{1,2}([.,]\d+)?|[.,]\d+)|\d{4}-\d\d-\d\d([T ]\S*)?",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<unit>[^)\]]*)[)\]]\s*$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GROUP = r"[+-]?\d{{1,3}}([{0}'\u00a0\u202f ]\d{{3}})+([{1}]\d+)?"
_CLEARLY = (
    r"[+-]?(0|\d{{1,3}}([{0}]\d{{3}})+|\d*)[{1}](\d{{1,2}}|\d{{4,}})([eE][+-]?\d+)?|[+-]?0?[{1}]\d+"
)


@dataclass(frozen=True)
class Lines:
    """A text table as it stands.

    Attributes
    ----------
    rows
        Cells of each line, trimmed; a line of nothing or of a comment has none, so that row *i* is
        line *i* + 1 unless a cell has line breaks.
    header
        Place of the row that names the columns, None if there is none.
    separator
        What stands between two cells.
    """

    path: Path
    rows: list[list[str]]
    header: int | None
    separator: str


def read_lines(path: Path, error: Refusal) -> Lines:
    """Read a text table as it stands: UTF-8, UTF-16 or Windows text, any usual separator.

    Parameters
    ----------
    path
        The table.
    error
        What is raised if it cannot be read, is no text or is empty.
    """
    text = _text(path, error)
    lines = text.splitlines()
    told = re.fullmatch(r"sep=(.)", lines[0].strip(), re.IGNORECASE) if lines else None
    start = 1 if told else 0  # Excel's own first line
    sample = [line for line in lines[start:] if line.strip() and not _is_comment(line)][:_SAMPLE]
    separator = told[1] if told else _separator(sample)
    body = io.StringIO(text, newline="")
    try:
        rows = _parsed(body, separator, strict=True)
    except csv.Error:  # a lone quotation mark, which would swallow all that follows
        body.seek(0)
        try:
            rows = _parsed(body, separator, strict=False)
        except csv.Error as reason:
            raise error(f"{path} is no table ({reason}); save it as CSV or TSV.") from reason
    if told:
        rows[0] = []
    if not any(any(row) for row in rows):
        raise error(f"{path} is empty; export it again.")
    header, rows = _header(lines, rows, separator)
    return Lines(path, rows, header, separator)


def _text(path: Path, error: Refusal) -> str:
    content = read_bytes(path, error, limit=1 << 30)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise error(f"{path} is not UTF-8 text; save it as CSV or TSV.")


def _parsed(body: io.StringIO, separator: str, *, strict: bool) -> list[list[str]]:
    lines = (line.strip() + "\n" for line in body) if separator == " " else body
    reader = csv.reader(
        ("\n" if _is_comment(line) else line for line in lines),
        delimiter=separator,
        skipinitialspace=True,
        strict=strict,
        quoting=csv.QUOTE_MINIMAL if strict else csv.QUOTE_NONE,
    )
    return [[cell.strip() for cell in row] for row in reader]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(_COMMENTS)


def _separator(sample: Sequence[str]) -> str:
    """Find what separates cells: what gives most lines the same number of them."""
    best, score = ",", 0.0
    for candidate in ("\t", ";", "|", ",", " "):
        counts = Counter(len(row) for row in csv.reader(sample, delimiter=candidate))
        width, share = counts.most_common(1)[0] if counts else (1, 0)
        # "0,5" below a header of one word is one number, and "time stamp" one name
        plain = candidate in ", " and len(sample) > 1 and candidate not in sample[0].strip()
        if width > 1 and share > score and not plain and (candidate != " " or not score):
            best, score = candidate, share
    return best


def _header(
    lines: Sequence[str], rows: list[list[str]], separator: str
) -> tuple[int | None, list[list[str]]]:
    """Find the row that names the columns; what stands above it is no part of the table."""
    filled = [place for place, row in enumerate(rows) if any(row)][:_SAMPLE]
    width = Counter(len(rows[place]) for place in filled).most_common(1)[0][0]
    top = next((at for at, place in enumerate(filled) if len(rows[place]) >= max(width - 1, 1)), 0)
    place, below = filled[top], [rows[at] for at in filled[top + 1 :]]
    first = rows[place]
    if not any(is_value(cell) for cell in first) and first not in below:
        return place, rows
    named = [
        not is_value(cell) and cell.lower() not in EMPTY for cell in first
    ]  # "time, 1, 2, 3" names columns by numbers, "0.1, run" does not
    columns = [[row[at] for row in below if at < len(row)] for at in range(len(first))]
    if below and any(
        name and values and all(is_value(cell) or cell.lower() in EMPTY for cell in values)
        for name, values in zip(named, columns, strict=True)
    ):
        return place, rows
    # as NumPy writes it, the header is the last comment above the numbers
    above = lines[place - 1].lstrip("#%/ ") if 0 < place <= len(lines) else ""
    names = [cell.strip() for row in csv.reader([above], delimiter=separator) for cell in row]
    if len(names) == len(first) and all(names) and not any(map(is_value, names)):
        return place - 1, [*rows[: place - 1], names, *rows[place:]]
    return None, rows


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a time, a date or a truth value."""
    return _VALUE.fullmatch(cell.strip()) is not None


def plain_name(column: str) -> str:
    """Give a column's name as small words with ``_`` between, without the unit in brackets."""
    name, _ = split_unit(column)
    return re.sub(r"[^0-9a-zµ]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


def split_unit(column: str) -> tuple[str, str]:
    """Split ``speed (cm/s)`` into name and unit; the unit is empty if there is none."""
    match = _BRACKET.match(column)
    return (match["name"].strip(), match["unit"].strip()) if match else (column.strip(), "")


def time_unit(column: str) -> str:
    """Give the unit that a column of times states, in brackets or as ``_ms``; empty if none."""
    unit = split_unit(column)[1]
    last = plain_name(column).rpartition("_")
    return unit or (last[2] if last[0] and seconds(last[2]) else "")


@dataclass(frozen=True)
class Numerals:
    """How a table writes its numbers.

    Attributes
    ----------
    decimal, thousands
        Signs in them.
    unclear
        Whether nothing in the table tells the two apart, as in ``1,234`` alone.
    """

    decimal: str = "."
    thousands: str = ","
    unclear: bool = False


def numerals_of(lines: Lines) -> Numerals:
    """Tell decimal sign and thousands sign of a table from its cells."""
    cells = [cell for row in lines.rows[: 10 * _SAMPLE] for cell in row if cell and is_value(cell)]
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
    """Give the numbers of cells, float64; NaN where a cell is none. True is 1, False 0."""
    import pandas as pd

    text = cells.str.strip()
    group = _GROUP.format(re.escape(numerals.thousands), re.escape(numerals.decimal))
    if numerals.decimal != "." or not text.str.isdecimal().all():
        strip = re.escape(numerals.thousands) + "'\u00a0\u202f "
        grouped = text.str.fullmatch(group)
        text = text.where(~grouped, text.str.replace(f"[{strip}]", "", regex=True))
        text = text.str.replace(numerals.decimal, ".") if numerals.decimal != "." else text
        text = text.replace(regex={r"(?i)^true$": "1", r"(?i)^false$": "0"})
    return np.array(pd.to_numeric(text, errors="coerce"), dtype=np.float64)


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
    filled = text[~text.str.lower().isin(EMPTY)]
    if filled.empty or not filled.str.contains(r"\d[:-]\d").all():
        return None
    if filled.str.fullmatch(r"(\d+ days? )?\d+:\d{1,2}(:\d{1,2}([.,]\d+)?|[.,]\d+)").all():
        whole = text.str.replace(",", ".").str.replace(r"^(\d+:\d+\.\d+)$", r"0:\1", regex=True)
        spans = pd.to_timedelta(whole, errors="coerce")
        return np.array(spans.dt.total_seconds(), dtype=np.float64), False
    dates = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if dates[filled.index].isna().any():
        return None
    epoch = pd.Timestamp(0, tz="UTC")
    return np.array((dates - epoch).dt.total_seconds(), dtype=np.float64), True


_TIME = frozenset({"time", "times", "timestamp", "timestamps", "t", "seconds", "sec", "clock"})
_WITH_TIME = frozenset(
    [
        "stamp",
        "stamps",
        "elapsed",
        "relative",
        "rel",
        "session",
        "system",
        "sample",
        "frame",
        "camera",
        "since",
        "start",
        "of",
        "from",
        "the",
        "recording",
        "absolute",
        "computer",
        "utc",
        "local",
        "in",
        "date",
        "datetime",
    ]
)
_FRAME = frozenset({"frame", "frames"})
_WITH_FRAME = frozenset(
    [
        "number",
        "numbers",
        "no",
        "nr",
        "num",
        "index",
        "idx",
        "id",
        "count",
        "camera",
        "movie",
        "the",
        "of",
    ]
)


def clock_kind(column: str) -> str | None:
    """Return ``"time"`` or ``"frame"`` for the name of a column that holds one; else None."""
    words = set(plain_name(column).split("_"))
    timing = {word for word in words - _TIME - _WITH_TIME if seconds(word) is None}
    if not timing and (words & _TIME or words in ({"datetime"}, {"elapsed"}, {"s"})):
        return "time"
    return "frame" if words & _FRAME and not words - _FRAME - _WITH_FRAME else None


def columns_of(lines: Lines, error: Refusal) -> tuple[pd.DataFrame, str]:
    """Return the columns of a table by their names, every cell as text, and what was left out.

    Parameters
    ----------
    lines
        The table as it stands.
    error
        What is raised if names are missing or repeated, or rows are too long or none.
    """
    import pandas as pd

    path, place = lines.path, -1 if lines.header is None else lines.header
    body = [row for row in lines.rows[place + 1 :] if any(row)]
    if not body:
        raise error(f"{path}: the table has no rows below its header; write some.")
    width = max(map(len, body))
    if lines.header is not None:
        names = list(lines.rows[place])
    elif width == 1:
        names = [path.stem]
    else:
        raise error(
            f"{path}: it has no header line, and which of its {width} columns is what cannot be "
            "told; write their names into a first line, such as time,speed."
        )
    counts = _counts(body)
    if len(names) == width - 1 and counts and not _counts(body, 1):
        names.insert(0, "")  # as R writes it: the column of row numbers has no name
    while width > len(names) and not any(row[width - 1] for row in body if len(row) == width):
        width -= 1  # each line ends with a separator
    if len(names) < width:
        raise error(f"{path}: rows have more cells than the header has; complete it.")
    width = len(names)
    table = pd.DataFrame([row[:width] for row in body], dtype=str, columns=range(width)).fillna("")
    dropped = [at for at, name in enumerate(names) if not name and (table[at] == "").all()]
    if not names[0] and counts and width > 1:
        dropped.append(0)
    table = table.drop(columns=dropped)
    names = [name or f"column {at + 1}" for at, name in enumerate(names) if at not in dropped]
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise error(f"{path}: two columns are called {twice[0]!r}; rename one.")
    table.columns = pd.Index(names)
    above = sum(1 for row in lines.rows[: max(place, 0)] if any(row))
    left_out = f"{above} lines above its header are left out." if above else ""
    return _with_units(table), left_out


def _counts(body: Sequence[Sequence[str]], at: int = 0) -> bool:
    """Whether a column goes up by one from row to row."""
    cells = [row[at] if at < len(row) else "" for row in body]
    return all(cell.isdecimal() for cell in cells) and bool(
        (np.diff(list(map(int, cells))) == 1).all()
    )


def _with_units(table: pd.DataFrame) -> pd.DataFrame:
    """Take a first row of units, such as ``s, cm/s``, into the names of the columns."""
    first = table.iloc[0]
    texts = [cell for cell in first if cell and not is_value(cell)]
    if len(table) < 2 or not texts or any(is_value(cell) for cell in first):
        return table
    below = [name for name in table if first[name] and all(map(is_value, table[name].iloc[1:11]))]
    if len(below) != len(texts):
        return table
    named = {name: f"{name} ({first[name].strip('()[]')})" for name in below}
    return table.iloc[1:].rename(columns=named).reset_index(drop=True)
