"""Labels in text tables: CSV of bouts, CSV of frames, DeepEthogram's one-hot tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.bouts import UNKNOWN, stretches
from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.content import (
    FrameTable,
    Interval,
    IntervalTable,
    Unmatched,
)
from napari_cortex_decoder.labels.ethogram import Source
from napari_cortex_decoder.tables import clock_kind, plain_name, time_unit
from napari_cortex_decoder.units import in_seconds

BACKGROUND = "background"
"""DeepEthogram's first column: none of the behaviors."""

_FRAME = ("frame", "frames", "frame_number")
_BEHAVIOR = ("behavior", "behaviour", "label", "state")
_START_FRAME = ("start_frame", "frame_start", "first_frame", "onset_frame")
_STOP_FRAME = ("stop_frame", "end_frame", "frame_stop", "frame_end", "offset_frame")
_START = ("start", "start_time", "onset", "begin", "from", "time_start")
_STOP = ("stop", "stop_time", "end", "offset", "end_time", "to", "time_stop", "time_end")
_EMPTY = {"", "nan", "na", "n/a", "unknown"}

Rows = Sequence[Sequence[str]]


def find(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first column with one of some names; None if there is none.

    Case, blanks and a unit in brackets or behind ``_`` do not count, unless a name has them.
    """
    lower = [cell.lower() for cell in header]
    plain = [_without_unit(cell) for cell in header]
    for name in names:
        for cells in (lower, plain):
            if name in cells:
                return cells.index(name)
    return None


def _without_unit(column: str) -> str:
    name, unit = plain_name(column), time_unit(column)
    return name.removesuffix(f"_{unit}") if unit else name


def seconds_in(path: Path, column: str) -> float:
    """Return how many seconds the unit of a column of times is, 1 if it states none.

    Raises
    ------
    LabelError
        If it states one that is no unit of time.
    """
    factor = in_seconds(1, time_unit(column))
    if factor is None:
        raise LabelError(
            f"{path}: the times in column {column!r} are in {time_unit(column)!r}; convert them to "
            "seconds."
        )
    return factor


def moment(text: str) -> float | None:
    """Read a time, as a number or as hh:mm:ss.fff; None if it is none."""
    parts = text.split(":")
    values = [number(part) for part in parts]
    if None in values or len(parts) > 3:
        return None
    return sum(60.0**place * float(value or 0) for place, value in enumerate(reversed(values)))


def number(text: str) -> float | None:
    """Read a finite number, decimal comma or point; None if it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Read a column of numbers as `moment` does, shape (n,); NaN where a cell is none."""
    try:
        values = np.array(list(map(float, cells)))
    except ValueError:
        values = np.array([math.nan if (one := moment(cell)) is None else one for cell in cells])
    return np.where(np.isfinite(values), values, np.nan)


def is_bouts(header: Sequence[str]) -> bool:
    """Whether a table has one row a bout."""
    pairs = ((_START_FRAME, _STOP_FRAME), (_START, _STOP))
    placed = [all(find(header, names) is not None for names in pair) for pair in pairs]
    return any(placed) and find(header, _BEHAVIOR) is not None


def read_bouts(path: Path, rows: Rows) -> IntervalTable:
    """Read a table with one row a bout: its behavior, its begin and its end.

    ``start_frame`` and ``stop_frame`` count; where they are missing, ``start`` and ``stop`` in
    seconds do. ``source`` may say who labelled.
    """
    header = rows[0]
    in_frames = find(header, _START_FRAME) is not None and find(header, _STOP_FRAME) is not None
    first, last = (_START_FRAME, _STOP_FRAME) if in_frames else (_START, _STOP)
    start, stop = find(header, first), find(header, last)
    behavior, source = find(header, _BEHAVIOR), find(header, ("source",))
    assert start is not None and stop is not None and behavior is not None  # `is_bouts`
    scale = [1.0 if in_frames else seconds_in(path, header[place]) for place in (start, stop)]
    intervals, unmatched = [], []
    for line, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        text = ", ".join(cell for cell in row if cell)
        if len(row) < len(header):
            unmatched.append(Unmatched(line, text, "it has fewer cells than the header"))
            continue
        begin, end, name = moment(row[start]), moment(row[stop]), row[behavior]
        said = row[source].lower() if source is not None and row[source] else Source.PERSON
        if begin is None or end is None:
            unmatched.append(Unmatched(line, text, "begin or end is no number"))
        elif name.lower() in _EMPTY:
            unmatched.append(Unmatched(line, text, "it names no behavior"))
        elif said not in set(Source):
            unmatched.append(Unmatched(line, text, f"its source is none of {[*map(str, Source)]}"))
        elif in_frames and (begin != int(begin) or end != int(end)):
            unmatched.append(Unmatched(line, text, "a frame number is no whole number"))
        else:
            times = begin * scale[0], end * scale[1]
            intervals.append(Interval(line, text, name, *times, Source(said)))
    return IntervalTable("frame" if in_frames else "s", tuple(intervals), tuple(unmatched))


def is_frames(header: Sequence[str]) -> bool:
    """Whether a table has one row a frame, with the behavior in words."""
    clock = find(header, _FRAME) is not None or _time_column(header) is not None
    return clock and find(header, _BEHAVIOR) is not None


def read_frames(path: Path, rows: Rows) -> FrameTable:
    """Read a table with one row a frame; an empty behavior is unknown.

    The tables that `cortex-decoder decode` writes are such ones: their labels are a model's.

    Raises
    ------
    LabelError
        If frames do not count up one by one, or times do not increase.
    """
    header, (lines, body) = rows[0], _with_lines(rows)
    frame, time, behavior = find(header, _FRAME), _time_column(header), find(header, _BEHAVIOR)
    assert behavior is not None  # `is_frames`
    for line, row in zip(lines, body, strict=True):
        if len(row) < len(header):
            raise LabelError(f"{path}: line {line} has fewer cells than the header; complete it.")
    if frame is not None:
        _check_count(path, lines, [row[frame] for row in body])
    times = None
    if time is not None and any(row[time] for row in body):
        times = _times(path, lines, [row[time] for row in body]) * seconds_in(path, header[time])
    names = [row[behavior] for row in body]
    said = [name for name in dict.fromkeys(names) if name.lower() not in _EMPTY]
    behaviors = _columns_first(header, said)
    places = {name: place for place, name in enumerate(behaviors) if name.lower() not in _EMPTY}
    values = np.array([places.get(name, UNKNOWN) for name in names], dtype=np.int64)
    predicted = any(column.startswith("p_") for column in header)
    source, zero = (Source.MODEL, Zero.SESSION) if predicted else (Source.PERSON, Zero.UNSAID)
    return FrameTable(behaviors, values, times, source, zero=zero)


def _time_column(header: Sequence[str]) -> int | None:
    return next((place for place, name in enumerate(header) if clock_kind(name) == "time"), None)


def _columns_first(header: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Order behaviors as a prediction's columns do, else as they come."""
    columns = [column[2:] for column in header if column.startswith("p_")]
    return tuple(dict.fromkeys([*columns, *names]))


def _with_lines(rows: Rows) -> tuple[list[int], list[Sequence[str]]]:
    """Return the rows below the header that are not empty, and the line of each."""
    lines = [line for line, row in enumerate(rows[1:], start=2) if any(row)]
    return lines, [rows[line - 1] for line in lines]


def _check_count(path: Path, lines: Sequence[int], cells: Sequence[str]) -> None:
    counted = numbers(cells)
    first = counted[0] if cells else 0
    for place in np.flatnonzero(counted != first + np.arange(counted.size))[:1].tolist():
        raise LabelError(
            f"{path}: line {lines[place]} has frame {cells[place]!r} where {first:g} + {place} was "
            "expected; frames must count up one by one."
        )


def _times(path: Path, lines: Sequence[int], cells: Sequence[str]) -> NDArray[np.float64]:
    values = numbers(cells)
    for place in np.flatnonzero(~(np.diff(values, prepend=-np.inf) > 0))[:1].tolist():
        raise LabelError(
            f"{path}: line {lines[place]} has the time {cells[place]!r}; times must be numbers "
            "that increase."
        )
    return values


def is_one_hot(rows: Rows) -> bool:
    """Whether a table is one of DeepEthogram: frame numbers, then columns of 0, 1 and −1."""
    header, body = rows[0], [row for row in rows[1:] if any(row)]
    if len(header) < 2 or not body or header[0].lower() not in ("", *_FRAME):
        return False
    named = all(name and number(name) is None for name in header[1:])
    return named and all(
        len(row) == len(header) and all(number(cell) in (0, 1, -1) for cell in row[1:])
        for row in body[:50]
    )


def read_one_hot(path: Path, rows: Rows) -> FrameTable:
    """Read DeepEthogram's labels: one row a frame, one column a behavior, −1 where not labelled.

    ``background`` is a behavior here, and only where the table marks it. A frame with several
    behaviors is unknown and told.

    Raises
    ------
    LabelError
        If a cell is neither 0, 1 nor −1.
    """
    header, (lines, body) = rows[0][1:], _with_lines(rows)
    if len(set(header)) != len(header):
        raise LabelError(f"{path}: columns {header} repeat a name; rename one of them.")
    meant = {cell: number(cell) for cell in set(chain.from_iterable(row[1:] for row in body))}
    known = {cell: int(value) for cell, value in meant.items() if value in (0, 1, -1)}
    for line, row in zip(lines, body, strict=True):
        if len(row) != len(rows[0]) or not all(map(known.__contains__, row[1:])):
            raise LabelError(
                f"{path}: line {line} must have {len(header)} cells of 0, 1 or −1 after its frame "
                "number; correct it."
            )
    cells = chain.from_iterable(map(known.__getitem__, row[1:]) for row in body)
    table = np.fromiter(cells, np.int8, len(body) * len(header)).reshape(-1, len(header))
    counts = (table == 1).sum(axis=1)
    values = np.where(counts == 1, table.argmax(axis=1), UNKNOWN).astype(np.int64)
    # all 0: neither a behavior nor marked as unlabelled, so nobody has said what it is
    several = np.full(len(body), UNKNOWN)
    several[counts > 1] = np.unique(table[counts > 1], axis=0, return_inverse=True)[1].ravel()
    unmatched = []
    starts, lengths = stretches(several)
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        if counts[start] > 1:
            both = [name for name, on in zip(header, table[start] == 1, strict=True) if on]
            text = f"frames {start}–{start + length - 1}"
            reason = f"{' and '.join(both)} at once; taken as unknown"
            unmatched.append(Unmatched(lines[start], text, reason))
    marked = [
        place
        for place, name in enumerate(header)
        if name.lower() != BACKGROUND or (values == place).any()
    ]
    new = np.full(len(header) + 1, UNKNOWN)
    new[marked] = np.arange(len(marked))
    return FrameTable(
        tuple(header[place] for place in marked), new[values], unmatched=tuple(unmatched)
    )
