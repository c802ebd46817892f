"""Text tables as they stand: their text, their separator, their header."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cortex_decoder.files import Refusal, read_bytes
from napari_cortex_decoder.tables.names import EMPTY, is_value, split_unit

_COMMENTS = ("#", "%", "//")
SAMPLE = 200  # lines that tell the separator, and where the table begins


@dataclass(frozen=True)
class Lines:
    """A text table as it stands."""

    path: Path
    # cells of each line, trimmed; a line of nothing or of a comment has none, so that row *i* is
    # line *i* + 1 unless a cell has line breaks
    rows: list[list[str]]
    header: int | None  # place of the row that names the columns, None if there is none
    separator: str  # what stands between two cells


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
    sample = [line for line in lines[start:] if line.strip() and not _is_comment(line)][:SAMPLE]
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


def _is_numbered(row: Sequence[str]) -> bool:
    return row[0] in ("0", "1") and len(row) > 1


def _header(
    lines: Sequence[str], rows: list[list[str]], separator: str
) -> tuple[int | None, list[list[str]]]:
    """Find the row that names the columns; what stands above it is no part of the table."""
    filled = [place for place, row in enumerate(rows) if any(row)][:SAMPLE]
    width = Counter(len(rows[place]) for place in filled).most_common(1)[0][0]
    top = next((at for at, place in enumerate(filled) if len(rows[place]) >= width), 0)
    if top and len(rows[filled[top - 1]]) == width - 1 and _is_numbered(rows[filled[top]]):
        top -= 1  # as R writes it: no name stands above the numbers of rows
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
    words = len(names) > 1 or " " not in split_unit(above)[0]  # else it is a remark
    if words and len(names) == len(first) and all(names) and not any(map(is_value, names)):
        return place - 1, [*rows[: place - 1], names, *rows[place:]]
    return None, rows
