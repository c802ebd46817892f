"""Read labels of every kind onto a recording's clock, and tell every row that did not match."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.bouts import UNKNOWN, each_stretch
from napari_cortex_decoder.clock import (
    Clocked,
    Zero,
    frame_edges,
    frame_interval,
    seconds_to_add,
    zero_of,
)
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import boris, boris_project, elan, jabs, text_tables
from napari_cortex_decoder.labels.behaviors import Labels
from napari_cortex_decoder.labels.content import (
    Choice,
    FrameTable,
    Interval,
    IntervalTable,
    Unmatched,
)
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram
from napari_cortex_decoder.labels.nwb import read_nwb_intervals
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.tables import read_lines

_DAY = 86400.0
_ROUNDING = 1e-6  # seconds; times that are dates are not known finer
SUFFIXES = (".csv", ".tsv", ".txt", ".nwb", ".boris", ".gz", ".eaf", ".json")
"""Kinds of file that labels are read from."""


class ImportOptions(TypedDict, total=False):
    """What a user says about a file of labels."""

    offset: float  # seconds to add to the file's times
    # labelled frames a second (Hz) of a table with one row a frame and no times, where what was
    # labelled is not this movie but a video beside it: labels are then aligned by times
    rate: float | None
    # what the file's times count from: ``"session"``, as the recording's frame times do, or
    # ``"first-frame"``; needed only where the file does not say and the movie's first frame is not
    # at 0
    clock: str | None
    # number that a table of frames or bouts gives to the movie's first frame
    first_frame: int | None
    # which ones of a file that has several; the medium is the movie as it was played
    observation: str | None
    subject: str | None
    media: str | None
    table: str | None  # which table of intervals of an NWB file


@dataclass(frozen=True)
class Imported:
    """What came of a file of labels."""

    ethogram: Ethogram  # the labels
    # every row that gave no label, or not all of the one that it tells, in the file's order
    unmatched: tuple[Unmatched, ...]
    kind: str  # what the file was taken for, to show
    # sentences on what the file leaves open, or was read otherwise than it stands
    said: tuple[str, ...] = ()


def read_labels(path: str | Path, recording: Clocked, **options: Unpack[ImportOptions]) -> Ethogram:
    """Read labels; what did not match is a warning.

    Parameters
    ----------
    path
        BORIS events (tabular or aggregated) or project, labels of DeepEthogram, ELAN or JABS, a
        table of bouts, of frames or of a column a behavior, NWB intervals, what `decode` wrote.
    recording
        What was labelled.
    **options
        ``offset``, ``rate``, ``clock``, ``first_frame``, ``observation``, ``subject``, ``media``,
        ``table``: see `ImportOptions`.

    Returns
    -------
    Ethogram
        As long as the recording; frames of which the file says nothing are unknown.

    Raises
    ------
    LabelError
        If the file cannot be read or taken for any of these, if it has one label a frame for
        another number of frames and no times, or if none of it matches.
    FrameRateError
        If the recording's frame times are needed and unknown.

    Warns
    -----
    UserWarning
        One for each row that did not match, and for what the file leaves open.
    """
    imported = import_labels(path, recording, **options)
    for told in (*imported.said, *imported.unmatched):
        warnings.warn(f"{Path(path).name}: {told}", stacklevel=2)
    return imported.ethogram


@reads("labels", LabelError)
def import_labels(
    path: str | Path, recording: Clocked, **options: Unpack[ImportOptions]
) -> Imported:
    """Read labels, and list what did not match; see `read_labels`."""
    path = Path(path)
    offset = options.get("offset", 0.0)
    if not np.isfinite(offset):
        raise LabelError(f"{path}: the offset is {offset}; give a number of seconds.")
    content, kind = _read(path, recording, options)
    zero = zero_of(path, options.get("clock"), content.zero, LabelError)
    said = list(content.said)
    if isinstance(content, FrameTable):
        ethogram, unmatched = _by_frame(path, content, recording, options, zero, said)
    else:
        if content.unit == "s" and content.intervals:
            first = min(one.start for one in content.intervals)
            if zero is Zero.DATE and not offset and abs(recording.times[0] - first) > _DAY:
                raise LabelError(
                    f"{path}: its times are dates, and when the movie began is not known; give the "
                    "seconds from the movie's first frame to the first bout as offset (command "
                    "line: --offset S)."
                )
            offset = _shift(recording, zero, offset, said, first)
        ethogram, unmatched = _by_interval(content, recording, offset)
    Labels.of(ethogram)  # names that nobody could show are refused here
    every = sorted((*content.unmatched, *unmatched), key=lambda one: one.row)
    if every and not ethogram.bouts:
        raise LabelError(f"{path}: nothing in it matches the recording; {every[0]}.")
    return Imported(ethogram, tuple(every), kind, tuple(said))


def _shift(recording: Clocked, zero: Zero, offset: float, said: list[str], first: float) -> float:
    """Return the seconds that bring a file's times onto the recording's clock."""
    shift, sentences = seconds_to_add(zero, recording.times, first)
    said += [] if offset else sentences
    return shift + offset


def _read(
    path: Path, recording: Clocked, options: ImportOptions
) -> tuple[IntervalTable | FrameTable, str]:
    """Read a file as what it looks like."""
    suffix = path.suffix.lower()
    if suffix == ".nwb":
        return read_nwb_intervals(path, options.get("table")), "NWB intervals"
    if suffix not in SUFFIXES:
        raise LabelError(f"{path}: labels are read from {', '.join(SUFFIXES)}; convert it.")
    choice = Choice(path, options.get("observation"), options.get("subject"), options.get("media"))
    by_time = bool(options.get("offset")) or options.get("clock") is not None
    if path.name.lower().endswith(boris_project.SUFFIXES):
        rows = boris_project.rows_of(path)
        return boris.read_boris(rows, choice, recording, by_time=by_time), "a project of BORIS"
    if suffix == ".eaf":
        return elan.read_elan(path, choice, recording.name), "annotations of ELAN"
    if suffix == ".json":
        return jabs.read_jabs(path, choice), "labels of JABS"
    lines = read_lines(path, LabelError)
    if boris.header_row(lines.rows) is not None:
        return boris.read_boris(lines.rows, choice, recording, by_time=by_time), "BORIS events"
    first = options.get("first_frame")
    return text_tables.read_table(lines, choice, recording.name, recording.n_frames, first)


def _by_frame(
    path: Path,
    table: FrameTable,
    recording: Clocked,
    options: ImportOptions,
    zero: Zero,
    said: list[str],
) -> tuple[Ethogram, list[Unmatched]]:
    """Take labels frame by frame if there are as many, else by their times."""
    n = table.values.size
    times = table.times
    rate, offset = options.get("rate"), options.get("offset", 0.0)
    unmatched: list[Unmatched] = []
    if rate is not None:
        if not (np.isfinite(rate) and rate > 0):
            raise LabelError(f"{path}: the rate is {rate}; give a positive number of Hz.")
        times, zero = np.arange(n) / rate, Zero.FIRST_FRAME
    counted = table.frames is not None and bool((np.diff(table.frames) != 1).any())
    if n == recording.n_frames and rate is None and not offset and not counted:
        values = table.values
    elif times is not None and n >= 2:
        times = times + _shift(recording, zero, offset, said, float(times[0]))
        if _are_changes(table.values, times, recording):
            said.append("each label is taken to last until the next one, the last to the end.")
            at = np.searchsorted(times, recording.times * (1 + 1e-9), side="right") - 1
            values = np.where(at < 0, UNKNOWN, table.values[at])
        else:
            values, unmatched = _nearest(table.values, times, recording)
    elif table.frames is not None and rate is None and not offset:
        values, unmatched = _numbered(table, recording.n_frames, options.get("first_frame"), said)
    else:
        one_off = " (one frame off)" if abs(n - recording.n_frames) == 1 else ""
        raise LabelError(
            f"{path} labels {n} frames and the movie has {recording.n_frames}{one_off}; give the "
            "rate (Hz) of what was labelled to align them by time (command line: cortex-decoder "
            "label --rate), or export as many labels as the movie has frames."
        )
    return Ethogram.from_frames(values, table.behaviors, source=table.source), unmatched


def _numbered(
    table: FrameTable, n_frames: int, first: int | None, said: list[str]
) -> tuple[Ints, list[Unmatched]]:
    """Return each frame of the movie the label that a table has for its number."""
    assert table.frames is not None
    if first is None:
        first = int(table.frames[0] > 0 and table.frames[-1] == n_frames)
        said.append(
            f"it labels {table.frames.size} of the movie's {n_frames} frames, by numbers that are "
            f"taken to count from {first}; if they do not say so (first_frame, command line: "
            "--first-frame)."
        )
    at = table.frames - first
    inside = (at >= 0) & (at < n_frames)
    values = np.full(n_frames, UNKNOWN)
    values[at[inside]] = table.values[inside]
    outside = [
        Unmatched(int(place) + 2, f"frame {table.frames[place]}", "outside the movie")
        for place in np.flatnonzero(~inside)
    ]
    return values, outside


def _are_changes(values: Ints, times: Floats, recording: Clocked) -> bool:
    """Whether a table tells only when labels change: never the same twice, and seldom."""
    seldom = np.diff(times).min() > 1.5 * frame_interval(recording.times)
    return bool(seldom and (np.diff(values) != 0).all())


def _nearest(values: Ints, times: Floats, recording: Clocked) -> tuple[Ints, list[Unmatched]]:
    """Return for each movie frame the label nearest in time; unknown where none is near."""
    frames = recording.times
    right = np.clip(np.searchsorted(times, frames), 1, times.size - 1)
    nearest = right - (frames - times[right - 1] <= times[right] - frames + _ROUNDING)
    half = np.median(np.diff(times)) / 2
    near = np.abs(times[nearest] - frames) <= half + _ROUNDING
    outside = (times < frames[0] - half) | (times > frames[-1] + half)
    unmatched = [
        Unmatched(row + 2, f"{stop - row} labels from {times[row]:g} s on", "outside the movie")
        for row, stop in each_stretch(outside.astype(int))
        if outside[row]
    ]
    return np.where(near, values[nearest], UNKNOWN), unmatched


def _by_interval(
    table: IntervalTable, recording: Clocked, offset: float
) -> tuple[Ethogram, list[Unmatched]]:
    """Turn bouts in seconds or frames into frames; where two overlap the earlier one counts."""
    unmatched: list[Unmatched] = []
    bouts: list[Bout] = []
    last: Interval | None = None
    intervals = sorted(table.intervals, key=lambda one: (one.start, one.row))
    placed = zip(*_frames_of(intervals, table.unit, recording, offset), strict=True)
    for interval, (first, stop, outside) in zip(intervals, placed, strict=True):

        def tell(reason: str, row: Interval = interval) -> None:
            unmatched.append(Unmatched(row.row, row.text, reason))

        if interval.stop < interval.start:
            tell("it ends before it begins")
            continue
        if outside and stop <= first:
            tell("outside the movie")
            continue
        if stop <= first:
            tell("shorter than a frame")
            continue
        if outside:
            tell(f"reaches beyond the movie; frames {first}–{stop - 1} are taken")
        free = bouts[-1].stop if bouts else 0
        if first < free:
            assert last is not None
            tell(
                f"overlaps row {last.row}, which keeps the frames up to {free - 1}"
                if stop > free
                else f"lies within row {last.row}"
            )
            first = free
        if first < stop:
            bouts.append(Bout(first, stop, interval.behavior, interval.source))
            last = interval
    behaviors = tuple(dict.fromkeys(one.behavior for one in table.intervals))
    return Ethogram(behaviors, tuple(bouts), recording.n_frames), unmatched


def _frames_of(
    intervals: Sequence[Interval], unit: str, recording: Clocked, offset: float
) -> tuple[list[int], list[int], list[bool]]:
    """Return first frame, the frame after the last, and whether something lies outside, of each.

    A frame belongs to a stretch of time that holds its middle: a border that was rounded to a
    millisecond still falls on the frame that was meant.
    """
    n = recording.n_frames
    begin = np.array([one.start for one in intervals], dtype=np.float64)
    end = np.array([one.stop for one in intervals], dtype=np.float64)
    if unit == "frame":
        first, stop = np.clip((begin, end), 0, n).astype(int)
        outside = (begin < 0) | (end > n)
    else:
        begin, end = begin + offset, end + offset
        edges = frame_edges(recording.times)
        first, stop = np.searchsorted((edges[1:] + edges[:-1]) / 2, (begin, end))
        # half a frame beyond the ends is how coarsely the border was written, not more movie
        slack = (edges[1] - edges[0]) / 2, (edges[-1] - edges[-2]) / 2
        outside = (begin < edges[0] - slack[0]) | (end > edges[-1] + slack[1])
    return first.tolist(), stop.tolist(), outside.tolist()
