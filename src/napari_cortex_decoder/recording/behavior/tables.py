"""Behaviour in text tables: CSV, TSV and their kin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.arrays import seconds_in
from napari_cortex_decoder.recording.behavior.content import BehaviorContent, Samples
from napari_cortex_decoder.tables import (
    EMPTY,
    Numerals,
    clock_kind,
    clock_times,
    columns_of,
    numbers,
    numerals_of,
    read_lines,
    since_1970,
    split_unit,
    time_unit,
    unit_in,
    with_unit,
)

if TYPE_CHECKING:
    import pandas as pd

MAX_LABELS = 32


def read_text_table(path: Path, fields: Collection[str] | None = None) -> BehaviorContent:
    """Read behaviour from a text table.

    A column named ``time`` (or ``Time Stamp (ms)``, ``time_ms``, …) holds the clock, in numbers, as
    hh:mm:ss or as dates; one named ``frame`` counts movie frames, and with a time beside it tells
    when they were taken; without either, rows are frames. ``speed (cm/s)`` gives a unit. True is 1
    and False 0. A column of text holds labels: it becomes one trace of 0 and 1 for each label.
    Empty cells are unknown, and rows at the end without time or value are none. A table of one
    column needs no header.
    """
    lines = read_lines(path, RecordingError)
    table, left_out = columns_of(lines, RecordingError)
    numerals = numerals_of(lines)
    said = [left_out] if left_out else []
    if numerals.unclear:
        sign = "the thousands" if numerals.decimal == "." else "the decimals"
        said.append(f"a comma is taken to set off {sign} of its numbers; check their size.")
    clock = {column: kind for column in table.columns if (kind := clock_kind(column))}
    if clock:  # else rows are frames, and one of which nothing is known is one
        known = ~table.apply(lambda cells: cells.str.strip().str.lower().isin(EMPTY)).all(axis=1)
        table = table.iloc[: known.to_numpy().nonzero()[0].max(initial=-1) + 1]
    times, zero = _times(path, table, clock, numerals)
    counted = _frames(path, table, clock, numerals)

    for name in fields or ():
        if name not in table.columns:
            raise RecordingError(f"{path}: no column {name!r}; columns are {list(table.columns)}.")
    samples: dict[str, Samples] = {}
    several = Counter(split_unit(column)[0] for column in table.columns)
    for column in fields or [c for c in table.columns if c not in clock]:
        name, unit = split_unit(column)
        if several[name] > 1:  # what stands in brackets tells them apart: (left), (right)
            name, unit = column, ""
        unit = unit or unit_in(column)
        traces, measured = _labels(table[column], numerals), with_unit(table[column], numerals)
        if traces is not None and measured is not None:
            traces, unit = {name: measured[0]}, unit or measured[1]
        if traces is not None and len(traces) > MAX_LABELS:
            many = f"column {column!r} holds {len(traces)} texts"
            if fields is not None:
                raise RecordingError(f"{path}: {many}, too many for labels; name other columns.")
            said.append(f"{many}, too many for labels, and is left out.")
            continue
        if traces is None:
            traces = {name: _numbers(path, column, table[column], numerals)}
        for trace, values in traces.items():
            if trace in samples:
                raise RecordingError(
                    f"{path}: two columns or labels are called {trace!r}; rename one."
                )
            samples[trace] = Samples(values, times, None if times is not None else counted, unit)
    by_one = counted is not None and counted[0] in (0, 1) and (np.diff(counted) == 1).all()
    frame_times = {}
    if times is not None and (by_one or not samples):
        frame_times[next(column for column, kind in clock.items() if kind == "time")] = times
    if not samples and not frame_times:
        raise RecordingError(
            f"{path}: no column but frames; add one with the speed, the labels or the times."
        )
    return BehaviorContent(
        samples, frame_times=frame_times, zero=zero, counted=bool(samples), said=tuple(said)
    )


def _clock_column(path: Path, clock: dict[str, str], kind: str) -> str | None:
    columns = [column for column, of in clock.items() if of == kind]
    if len(columns) > 1:
        raise RecordingError(f"{path}: several {kind} columns, {columns}; keep one.")
    return columns[0] if columns else None


def _times(
    path: Path, table: pd.DataFrame, clock: dict[str, str], numerals: Numerals
) -> tuple[NDArray[np.float64] | None, Zero]:
    """Return the seconds of each row, None if it has none, and what they count from."""
    column = _clock_column(path, clock, "time")
    if column is None:
        return None, Zero.UNSAID
    cells, what = table[column], f"the times in column {column!r}"
    if (written := clock_times(cells)) is not None:
        _check_complete(path, column, written[0])
        return written[0], Zero.DATE if written[1] else Zero.UNSAID
    said = time_unit(column)
    values, unit = with_unit(cells, numerals) or (_numbers(path, column, cells, numerals), None)
    _check_complete(path, column, values)
    if unit is None and (epoch := since_1970(values)) is not None:
        return epoch, Zero.DATE
    factor = seconds_in(path, what, said if unit is None else unit)
    if said and seconds_in(path, what, said) != factor:
        raise RecordingError(f"{path}: cells of column {column!r} are in {unit!r}; correct one.")
    return values * factor, Zero.UNSAID


def _frames(
    path: Path, table: pd.DataFrame, clock: dict[str, str], numerals: Numerals
) -> NDArray[np.int64] | None:
    column = _clock_column(path, clock, "frame")
    if column is None:
        return None
    values = _numbers(path, column, table[column], numerals)
    _check_complete(path, column, values)
    if ((values != np.round(values)) | (np.abs(values) > 2**53)).any():
        raise RecordingError(f"{path}: the frame column must hold whole numbers; correct it.")
    return values.astype(np.int64)


def _check_complete(path: Path, column: str, values: NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise RecordingError(f"{path}: column {column!r} has no number in row {row + 1}; fill it.")


def _numbers(path: Path, column: str, cells: pd.Series, numerals: Numerals) -> NDArray[np.float64]:
    values = numbers(cells, numerals)
    unread = np.isnan(values) & ~cells.str.lower().isin(EMPTY).to_numpy()
    if unread.any():
        row = int(np.flatnonzero(unread)[0])
        raise RecordingError(
            f"{path}: column {column!r} holds {cells.iloc[row]!r} in row {row + 1}, which is no "
            "number; correct it or name the columns to read."
        )
    return values


def _labels(cells: pd.Series, numerals: Numerals) -> dict[str, NDArray[np.float64]] | None:
    """Split a column of labels into one trace of 0 and 1 a label; None if it holds numbers."""
    empty = cells.str.lower().isin(EMPTY).to_numpy()
    if empty.all() or np.isfinite(numbers(cells, numerals)).any():
        return None
    labels = sorted(set(cells[~empty]))
    return {
        label: np.where(empty, np.nan, (cells == label).to_numpy(dtype=np.float64))
        for label in labels
    }
