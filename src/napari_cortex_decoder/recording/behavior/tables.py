"""Behaviour in text tables: CSV and TSV with one header line."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import BehaviorContent, Samples

if TYPE_CHECKING:
    import pandas as pd

TIME_COLUMNS = ("time", "times", "timestamp", "timestamps", "t", "seconds", "sec")
FRAME_COLUMNS = ("frame", "frames", "frame_number", "frame_index", "frame_id")
SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
MAX_LABELS = 32

_UNIT = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<unit>[^)\]]+)[)\]]\s*$")
_DECIMAL_COMMA = re.compile(r"^([+-]?\d+),(\d+)$")
_EMPTY = {"", "nan", "na", "n/a"}


def read_table(path: Path) -> pd.DataFrame:
    """Read a text table with one header line, every cell as text.

    Parameters
    ----------
    path
        UTF-8 text, separated by tabs, or by commas or semicolons.

    Raises
    ------
    RecordingError
        If it is not such a table, or has no rows.
    """
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            separator = max("\t;,", key=header.count)
            table = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, ValueError, OverflowError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        raise RecordingError(
            f"{path}: this table cannot be read ({reason}); save it as CSV or TSV with one "
            "header line."
        ) from error
    if not len(table):
        raise RecordingError(f"{path}: the table has no rows below its header; write some.")
    if not isinstance(table.index, pd.RangeIndex):
        raise RecordingError(f"{path}: rows have more cells than the header has; complete it.")
    table.columns = [str(column).strip() for column in table.columns]
    # a row shorter than the header comes as NaN whatever keep_default_na says
    return table.fillna("")


def read_text_table(path: Path, fields: Collection[str] | None = None) -> BehaviorContent:
    """Read behaviour from a CSV or TSV file.

    A column named ``time`` (or ``timestamp``, …; ``time_ms``, ``time (ms)``) holds the clock, one
    named ``frame`` counts movie frames; without either, rows are frames. ``speed (cm/s)`` gives a
    unit. A column of text holds labels: it becomes one trace of 0 and 1 for each label. Empty cells
    are unknown.

    Parameters
    ----------
    path
        The table.
    fields
        Columns to read, as the header names them; all if None.

    Raises
    ------
    RecordingError
        If a column is missing, a cell is no number, or nothing but times is there.
    """
    table = read_table(path)
    clock = {column: kind for column in table.columns if (kind := _clock_kind(column))}
    times = _clock_column(path, table, clock, "time")
    frames = None if times is not None else _clock_column(path, table, clock, "frame")
    if frames is not None and ((frames != np.round(frames)) | (np.abs(frames) > 2**53)).any():
        raise RecordingError(f"{path}: the frame column must hold whole numbers; correct it.")
    counted = None if frames is None else frames.astype(np.int64)

    for name in fields or ():
        if name not in table.columns:
            raise RecordingError(f"{path}: no column {name!r}; columns are {list(table.columns)}.")
    samples: dict[str, Samples] = {}
    for column in fields or [c for c in table.columns if c not in clock]:
        name, unit = _split_unit(column)
        traces = _labels(path, column, table[column])
        if traces is None:
            traces = {name: _numbers(path, column, table[column])}
        for trace, values in traces.items():
            if trace in samples:
                raise RecordingError(
                    f"{path}: two columns or labels are called {trace!r}; rename one."
                )
            samples[trace] = Samples(values, times, counted, unit)
    if not samples:
        raise RecordingError(
            f"{path}: no column but times or frames; add one with the speed or the labels."
        )
    return BehaviorContent(samples)


def _split_unit(column: str) -> tuple[str, str]:
    """Split ``speed (cm/s)`` into name and unit; the unit is empty if there is none."""
    match = _UNIT.match(column)
    return (match["name"], match["unit"].strip()) if match else (column, "")


def _clock_kind(column: str) -> str | None:
    name, _ = _split_unit(column.lower())
    stem, _, suffix = name.replace(" ", "_").rpartition("_")
    plain = stem if suffix in SECONDS and stem else name
    if plain in TIME_COLUMNS:
        return "time"
    return "frame" if plain in FRAME_COLUMNS else None


def _clock_column(
    path: Path, table: pd.DataFrame, clock: dict[str, str], kind: str
) -> NDArray[np.float64] | None:
    columns = [column for column, of in clock.items() if of == kind]
    if not columns:
        return None
    if len(columns) > 1:
        raise RecordingError(f"{path}: several {kind} columns, {columns}; keep one.")
    column = columns[0]
    values = _numbers(path, column, table[column])
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise RecordingError(f"{path}: column {column!r} has no number in row {row + 1}; fill it.")
    if kind == "frame":
        return values
    name, unit = _split_unit(column.lower())
    suffix = name.rpartition("_")[2]
    unit = unit or (suffix if suffix in SECONDS else "s")
    if unit not in SECONDS:
        raise RecordingError(
            f"{path}: the times in column {column!r} are in {unit!r}; convert them to seconds."
        )
    return values * SECONDS[unit]


def _numbers(path: Path, column: str, cells: pd.Series) -> NDArray[np.float64]:
    values = _parsed(cells)
    unread = np.isnan(values) & ~cells.str.strip().str.lower().isin(_EMPTY).to_numpy()
    if unread.any():
        row = int(np.flatnonzero(unread)[0])
        raise RecordingError(
            f"{path}: column {column!r} holds {cells.iloc[row]!r} in row {row + 1}, which is no "
            "number; correct it or name the columns to read."
        )
    return values


def _parsed(cells: pd.Series) -> NDArray[np.float64]:
    """Numbers of cells, NaN where a cell is none."""
    import pandas as pd

    # in a table separated by something else, a comma is how half of Europe writes 0.5
    points = cells.str.strip().str.replace(_DECIMAL_COMMA, r"\1.\2", regex=True)
    return np.array(pd.to_numeric(points, errors="coerce"), dtype=np.float64)


def _labels(path: Path, column: str, cells: pd.Series) -> dict[str, NDArray[np.float64]] | None:
    """Split a column of labels into one trace of 0 and 1 a label; None if it holds numbers."""
    text = cells.str.strip()
    empty = text.str.lower().isin(_EMPTY).to_numpy()
    if empty.all() or np.isfinite(_parsed(text)).any():
        return None
    labels = sorted(set(text[~empty]))
    if len(labels) > MAX_LABELS:
        raise RecordingError(
            f"{path}: column {column!r} holds {len(labels)} different texts, too many for labels; "
            "name the columns to read."
        )
    return {
        label: np.where(empty, np.nan, (text == label).to_numpy(dtype=np.float64))
        for label in labels
    }
