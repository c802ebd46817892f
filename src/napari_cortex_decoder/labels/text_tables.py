"""Labels in text tables: CSV of bouts, CSV of frames, DeepEthogram's one-hot tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.bouts import UNKNOWN, stretches
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import read_bytes
from napari_cortex_decoder.labels.content import (
    FrameTable,
    Interval,
    IntervalTable,
    Unmatched,
)
from napari_cortex_decoder.labels.ethogram import Source

BACKGROUND = "background"
"""DeepEthogram's first column: none of the behaviors."""

_FRAME, _TIME = ("frame", "frames", "frame_number"), ("time_s", "time", "time (s)", "seconds")
_BEHAVIOR = ("behavior", "behaviour", "label")
_START_FRAME, _STOP_FRAME = ("start_frame", "start frame"), ("stop_frame", "stop frame")
_START = ("start_s", "start", "start (s)", "start_time", "onset", "onset_s")
_STOP = ("stop_s", "stop", "stop (s)", "stop_time", "end", "offset", "offset_s", "end_time")
_EMPTY = {"", "nan", "na", "n/a", "unknown"}

Rows = Sequence[Sequence[str]]


def read_rows(path: Path) -> list[list[str]]:
    """Read a text table as it stands, cells trimmed; the separator is found from its first lines.

    Raises
    ------
    LabelError
        If it cannot be read, is not UTF-8 text, or is empty.
    """
    content = read_bytes(path, LabelError, limit=1 << 30)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8 text; save it as CSV or TSV.") from error
    head = text[:20_000]
    separator = max("\t;,", key=head.count)
    try:
        reader = csv.reader(text.splitlines(), delimiter=separator)
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise LabelError(f"{path} is no table ({error}); save it as CSV or TSV.") from error
    if not any(map(any, rows)):
        raise LabelError(f"{path} is empty; export the labels again.")
    return rows


def find(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Give the place of the first column with one of some names; None if there is none."""
    lower = [cell.lower() for cell in header]
    return next((lower.index(name) for name in names if name in lower), None)


def number(text: str) -> float | None:
    """Read a finite number, decimal comma or point; None if it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Read a column of numbers as `number` does, shape (n,); NaN where a cell is none."""
    try:
        values = np.array(list(map(float, cells)))
    except ValueError:
        values = np.array([math.nan if (one := number(cell)) is None else one for cell in cells])
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
    intervals, unmatched = [], []
    for line, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        text = ", ".join(cell for cell in row if cell)
        if len(row) < len(header):
            unmatched.append(Unmatched(line, text, "it has fewer cells than the header"))
            continue
        begin, end, name = number(row[start]), number(row[stop]), row[behavior]
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
            intervals.append(Interval(line, text, name, begin, end, Source(said)))
    return IntervalTable("frame" if in_frames else "s", tuple(intervals), tuple(unmatched))


def is_frames(header: Sequence[str]) -> bool:
    """Whether a table has one row a frame, with the behavior in words."""
    clock = find(header, _FRAME) is not None or find(header, _TIME) is not None
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
    frame, time, behavior = find(header, _FRAME), find(header, _TIME), find(header, _BEHAVIOR)
    assert behavior is not None  # `is_frames`
    for line, row in zip(lines, body, strict=True):
        if len(row) < len(header):
            raise LabelError(f"{path}: line {line} has fewer cells than the header; complete it.")
    if frame is not None:
        _check_count(path, lines, [row[frame] for row in body])
    times = None
    if time is not None and any(row[time] for row in body):
        times = _times(path, lines, [row[time] for row in body])
    names = [row[behavior] for row in body]
    said = [name for name in dict.fromkeys(names) if name.lower() not in _EMPTY]
    behaviors = _columns_first(header, said)
    places = {name: place for place, name in enumerate(behaviors) if name.lower() not in _EMPTY}
    values = np.array([places.get(name, UNKNOWN) for name in names], dtype=np.int64)
    predicted = any(column.startswith("p_") for column in header)
    return FrameTable(behaviors, values, times, Source.MODEL if predicted else Source.PERSON)


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
