"""Labels in text tables: one row a bout, one row a frame, or one column a behavior."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.bouts import UNKNOWN, each_stretch
from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.content import (
    Choice,
    FrameTable,
    Interval,
    IntervalTable,
    Unmatched,
)
from napari_cortex_decoder.labels.ethogram import Source
from napari_cortex_decoder.tables import (
    Lines,
    Numerals,
    clock_kind,
    clock_times,
    columns_of,
    numbers,
    numerals_of,
    plain_name,
    since_1970,
    time_unit,
)
from napari_cortex_decoder.units import in_seconds

if TYPE_CHECKING:
    import pandas as pd

BACKGROUND = "background"
"""DeepEthogram's first column: none of the behaviors."""

_BEHAVIOR = ("behavior", "behaviour", "label", "labels", "state", "event", "trial_type", "action")
_START_FRAME = ("start_frame", "frame_start", "first_frame", "onset_frame", "startframe")
_STOP_FRAME = ("stop_frame", "end_frame", "frame_stop", "frame_end", "offset_frame", "last_frame")
_START = ("start", "start_time", "onset", "begin", "from", "time_start", "t_start", "begin_time")
_STOP = ("stop", "stop_time", "end", "offset", "end_time", "to", "time_stop", "time_end", "t_end",
         "t_stop")  # fmt: skip
_DURATION = ("duration", "length", "dur", "bout_duration")
_MEDIUM = ("video", "video_name", "media", "movie", "recording", "session", "file", "filename")
_SUBJECT = ("subject", "animal", "animal_id", "mouse", "mouse_id", "individual")
_EMPTY = {"", "nan", "na", "n/a", "unknown"}
_SAMPLE = 50


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


def read_table(
    lines: Lines, choice: Choice, like: str, n_frames: int, first_frame: int | None
) -> tuple[IntervalTable | FrameTable, str]:
    """Read a table as what its columns say: what it holds, and what it was taken for.

    `like` and `n_frames` are name and length of the movie, and `first_frame` the number of its
    first frame in the table, None if nobody said. Raises LabelError if it is none of these, several
    could be meant, or frames or times are none.
    """
    table, left_out = columns_of(lines, LabelError)
    numerals = numerals_of(lines)
    for what, names, own in (("media", _MEDIUM, like), ("subject", _SUBJECT, "")):
        place = find(list(table), names)
        if place is not None:
            column = table.iloc[:, place]
            wanted = choice.among(what, set(column), own)
            table = table if wanted is None else table[column == wanted]
    behavior = _column(table, _BEHAVIOR)
    clock = {column: kind for column in table if (kind := clock_kind(column))}
    content: IntervalTable | FrameTable
    if behavior is not None and _begin_and_end(table) is not None:
        content, kind = _bouts(lines, table, numerals, n_frames, first_frame), "bouts"
    elif behavior is not None and (clock or table.shape[1] == 1):
        content, kind = _frames(lines, table, behavior, clock, numerals), "frames"
    else:
        one_hot = _one_hot(lines.path, table, clock, numerals)
        if one_hot is None:
            raise LabelError(
                f"{lines.path}: its header {[*table][:8]} is none of BORIS events, DeepEthogram "
                "labels, bouts (start_s, stop_s, behavior) or frames (frame, behavior); export it "
                "as one of them."
            )
        content, kind = one_hot, "one column a behavior"
    return replace(content, said=(*([left_out] if left_out else []), *content.said)), kind


def _column(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    place = find(list(table), names)
    return None if place is None else str(table.columns[place])


def _moments(path: Path, cells: pd.Series, numerals: Numerals) -> tuple[Floats, Zero, bool]:
    """Return times (s, or frames) of a column, what they count from, and whether it is frames."""
    column = str(cells.name)
    written = clock_times(cells)
    values, dates = written or (numbers(cells, numerals), False)
    unit = "" if written else time_unit(column)
    if unit.lower().rstrip("s") == "frame":
        return values, Zero.UNSAID, True
    epoch = None if written else since_1970(values)
    if epoch is not None:
        return epoch, Zero.DATE, False
    factor = in_seconds(1, unit)
    if factor is None:
        raise LabelError(
            f"{path}: the times in column {column!r} are in {unit!r}; convert them to seconds."
        )
    return values * factor, Zero.DATE if dates else Zero.UNSAID, False


def _begin_and_end(table: pd.DataFrame) -> tuple[str, str, bool, bool] | None:
    """Return the columns of begin and end, and whether they are frames, and the end a duration."""
    for begin, end, frames, lasts in (
        (_START_FRAME, _STOP_FRAME, True, False),
        (_START, _STOP, False, False),
        (_START, _DURATION, False, True),
    ):
        first, last = _column(table, begin), _column(table, end)
        if first is not None and last is not None:
            return first, last, frames, lasts
    return None


def _bouts(
    lines: Lines, table: pd.DataFrame, numerals: Numerals, n_frames: int, first_frame: int | None
) -> IntervalTable:
    """Read one row a bout: its behavior, its begin, and its end or how long it is.

    Frames count; where they are missing, times do. ``source`` may say who labelled.
    """
    path, columns = lines.path, _begin_and_end(table)
    behavior, source = _column(table, _BEHAVIOR), _column(table, ("source",))
    assert columns is not None and behavior is not None
    start, stop, in_frames, lasts = columns
    begin, zero, counted = _moments(path, table[start], numerals)
    end, _, counted_too = _moments(path, table[stop], numerals)
    in_frames = in_frames or (counted and counted_too)
    end = begin + end if lasts else end
    said: list[str] = []
    if in_frames and source is None:  # with it, it is a table of this program
        begin, end = _from_zero(begin, end, n_frames, first_frame, said)
    who = [Source.PERSON] * len(table) if source is None else [s.lower() for s in table[source]]
    intervals, unmatched = [], []
    rows = zip(table.index, begin.tolist(), end.tolist(), table[behavior], who, strict=True)
    for line, first, last, name, by in rows:
        text, wrong = ", ".join(cell for cell in table.loc[line] if cell), ""
        if not (np.isfinite(first) and np.isfinite(last)):
            wrong = "begin or end is no number"
        elif name.lower() in _EMPTY:
            wrong = "it names no behavior"
        elif by and by not in set(Source):
            wrong = f"its source is none of {[*map(str, Source)]}"
        elif in_frames and (first != int(first) or last != int(last)):
            wrong = "a frame number is no whole number"
        else:
            intervals.append(Interval(line, text, name, first, last, Source(by or Source.PERSON)))
        unmatched += [Unmatched(line, text, wrong)] if wrong else []
    unit = "frame" if in_frames else "s"
    return IntervalTable(unit, tuple(intervals), tuple(unmatched), zero, tuple(said))  # type: ignore[arg-type]


def _from_zero(
    begin: Floats,
    end: Floats,
    n_frames: int,
    first_frame: int | None,
    said: list[str],
) -> tuple[Floats, Floats]:
    """Return begins, and ends behind the last frame, counted from 0; say what was taken for what.

    Bouts that follow each other tell whether the end is the last frame, or the one behind it; one
    from 1 to the number of frames tells that they count from 1.
    """
    apart = np.sort(begin)[1:] - np.sort(end)[:-1]
    inclusive = bool((apart == 1).any()) and not (apart == 0).any()
    last = np.nanmax(end, initial=-np.inf)
    first = first_frame
    if first is None:
        to_the_end = last == n_frames if inclusive else last == n_frames + 1
        first = 1 if np.nanmin(begin, initial=np.inf) >= 1 and to_the_end else 0
        if not (begin == 0).any():
            said.append(
                f"its frames are taken to count from {first}; if they count from {1 - first} say "
                f"so (first_frame={1 - first}, command line: --first-frame {1 - first})."
            )
    if inclusive:
        said.append("the last frame of each bout is part of it, as the bouts follow each other.")
    elif not (apart == 0).any():
        said.append("the end of each bout is taken for the first frame behind it.")
    return begin - first, end - first + inclusive


def _frames(
    lines: Lines, table: pd.DataFrame, behavior: str, clock: dict[str, str], numerals: Numerals
) -> FrameTable:
    """Read one row a frame with the behavior in words; an empty one is unknown.

    The tables that `cortex-decoder decode` writes are such ones: their labels are a model's.
    """
    path, header = lines.path, lines.rows[lines.header] if lines.header is not None else []
    for line in table.index:
        if len(lines.rows[line - 1]) < len(header):
            raise LabelError(f"{path}: line {line} has fewer cells than the header; complete it.")
    frames, times, zero = _clock(path, table, clock, numerals)
    names = table[behavior]
    said = [name for name in dict.fromkeys(names) if name.lower() not in _EMPTY]
    predicted = [column[2:] for column in table if column.startswith("p_")]
    behaviors = tuple(dict.fromkeys([*predicted, *said]))  # in the order of a prediction's columns
    places = {name: place for place, name in enumerate(behaviors) if name.lower() not in _EMPTY}
    values = np.array([places.get(name, UNKNOWN) for name in names], dtype=np.int64)
    if predicted:
        return FrameTable(behaviors, values, times, frames, Source.MODEL, zero=Zero.SESSION)
    return FrameTable(behaviors, values, times, frames, zero=zero)


def _clock(
    path: Path, table: pd.DataFrame, clock: dict[str, str], numerals: Numerals
) -> tuple[Ints | None, Floats | None, Zero]:
    """Return the frame of each row if some lack, its time (s), and what times count from.

    Raises LabelError if frames do not count up, or times do not increase.
    """
    frames, times, zero = None, None, Zero.UNSAID
    columns = {kind: column for column, kind in reversed(clock.items())}
    if "frame" in columns:
        counted = numbers(table[columns["frame"]], numerals)
        wrong = ~(np.diff(counted, prepend=-np.inf) > 0) | (counted != np.round(counted))
        for place in np.flatnonzero(wrong)[:1].tolist():
            raise LabelError(
                f"{path}: line {table.index[place]} has frame "
                f"{table[columns['frame']].iloc[place]!r}; frames must be whole numbers that count "
                "up."
            )
        if counted[0] not in (0, 1) or (np.diff(counted) != 1).any():
            frames = counted.astype(np.int64)
    if "time" in columns and (table[columns["time"]] != "").any():
        times, zero, _ = _moments(path, table[columns["time"]], numerals)
        for place in np.flatnonzero(~(np.diff(times, prepend=-np.inf) > 0))[:1].tolist():
            raise LabelError(
                f"{path}: line {table.index[place]} has the time "
                f"{table[columns['time']].iloc[place]!r}; times must be numbers that increase."
            )
    return frames, times, zero


def _one_hot(
    path: Path, table: pd.DataFrame, clock: dict[str, str], numerals: Numerals
) -> FrameTable | None:
    """Read one row a frame, one column a behavior: 1 where it is, −1 where nobody has labelled.

    So DeepEthogram and SimBA have it. ``background`` is a behavior here, and only where the table
    marks it; a frame with several behaviors is unknown and told. Other columns are left out.
    """
    columns = [c for c in table if c not in clock and not re.fullmatch(r"column \d+", c)]
    values = {column: numbers(table[column].iloc[:_SAMPLE], numerals) for column in columns}
    header = [c for c in columns if np.isin(values[c], (0, 1, -1)).all() and not c.isdecimal()]
    said = []
    if len(header) < len(columns):
        every = {column: set(numbers(table[column], numerals).tolist()) for column in header}
        header = [column for column in header if {0, 1} <= every[column] <= {0, 1, -1}]
        if header:
            said.append(f"taken for behaviors: {', '.join(header[:8])}; no other column is.")
    if not header or not len(table):
        return None
    read = np.stack([numbers(table[column], numerals) for column in header], axis=1)
    for row in np.flatnonzero(~np.isin(read, (0, 1, -1)).all(axis=1))[:1].tolist():
        raise LabelError(
            f"{path}: line {table.index[row]} must have {len(header)} cells of 0, 1 or −1 after "
            "its frame number; correct it."
        )
    frames, times, zero = _clock(path, table, clock, numerals)
    marks = read == 1
    counts = marks.sum(axis=1)
    found = np.where(counts == 1, marks.argmax(axis=1), UNKNOWN).astype(np.int64)
    # all 0: neither a behavior nor marked as unlabelled, so nobody has said what it is
    several = np.full(len(marks), UNKNOWN)
    several[counts > 1] = np.unique(marks[counts > 1], axis=0, return_inverse=True)[1].ravel()
    unmatched = []
    for start, stop in each_stretch(several):
        if counts[start] > 1:
            both = [name for name, on in zip(header, marks[start], strict=True) if on]
            text = f"frames {start}–{stop - 1}"
            reason = f"{' and '.join(both)} at once; taken as unknown"
            unmatched.append(Unmatched(int(table.index[start]), text, reason))
    marked = [
        place
        for place, name in enumerate(header)
        if name.lower() != BACKGROUND or (found == place).any()
    ]
    new = np.full(len(header) + 1, UNKNOWN)
    new[marked] = np.arange(len(marked))
    names = tuple(header[place] for place in marked)
    return FrameTable(
        names, new[found], times, frames, unmatched=tuple(unmatched), zero=zero, said=tuple(said)
    )
