"""Columns of a text table by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_cortex_decoder.files import Refusal
from napari_cortex_decoder.tables.lines import Lines
from napari_cortex_decoder.tables.names import is_value

if TYPE_CHECKING:
    import pandas as pd


def columns_of(lines: Lines, error: Refusal) -> tuple[pd.DataFrame, str]:
    """Return the columns of a table by their names, every cell as text, and what was left out.

    The index of the table has the line of each row.

    Parameters
    ----------
    lines
        The table as it stands.
    error
        What is raised if names are missing or repeated, or rows are too long or none.
    """
    import pandas as pd

    path, place = lines.path, -1 if lines.header is None else lines.header
    placed = [at for at in range(place + 1, len(lines.rows)) if any(lines.rows[at])]
    body = [lines.rows[at] for at in placed]
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
        line = next(at + 1 for at in placed if len(lines.rows[at]) == width)
        raise error(
            f"{path}: line {line} has {width} cells and the header {len(names)}: rows have more "
            "cells than the header has; complete it, or put texts with commas into quotes."
        )
    width = len(names)
    body = [[*row[:width], *[""] * (width - len(row))] for row in body]
    dropped = {at for at, name in enumerate(names) if not name and not any(row[at] for row in body)}
    if not names[0] and counts and width > 1:
        dropped.add(0)
    kept = [at for at in range(width) if at not in dropped]
    names = [names[at] or f"column {at + 1}" for at in kept]
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise error(f"{path}: two columns are called {twice[0]!r}; rename one.")
    table = pd.DataFrame(
        [[row[at] for at in kept] for row in body],
        index=pd.Index([at + 1 for at in placed]),
        columns=pd.Index(names),
        dtype=str,
    )
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
    return table.iloc[1:].rename(columns=named)
