"""Write labels so that others, and `read_labels`, can read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import numpy as np

from napari_cortex_decoder.bouts import UNKNOWN
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import write_whole
from napari_cortex_decoder.labels.content import Clocked, Interval
from napari_cortex_decoder.labels.ethogram import Ethogram
from napari_cortex_decoder.labels.importing import frame_edges
from napari_cortex_decoder.labels.nwb import write_nwb_intervals
from napari_cortex_decoder.labels.text_tables import BACKGROUND


class Format(StrEnum):
    """Kinds of file that labels are written to."""

    BOUTS = "bouts"
    FRAMES = "frames"
    BORIS_TABULAR = "boris-tabular"
    BORIS_AGGREGATED = "boris-aggregated"
    DEEPETHOGRAM = "deepethogram"
    NWB = "nwb"


def write_labels(
    ethogram: Ethogram,
    path: str | Path,
    recording: Clocked,
    format: Format | str | None = None,
) -> Path:
    """Write labels to a file; an existing one is replaced.

    Parameters
    ----------
    ethogram
        The labels.
    path
        Where to.
    recording
        What was labelled, for its clock and name.
    format
        One of `Format`; None: NWB for ``.nwb``, else a CSV of bouts.

    Raises
    ------
    LabelError
        If the labels are of another length or none, there is no such format, or the file cannot
        be written.
    FrameRateError
        If the format needs the recording's frame times and they are unknown.
    """
    path = Path(path)
    if ethogram.n_frames != recording.n_frames:
        raise LabelError(
            f"the labels are of {ethogram.n_frames} frames and {recording.name} has "
            f"{recording.n_frames}; take those of this recording."
        )
    if not ethogram.bouts:
        raise LabelError(f"{path}: nothing is labelled in {recording.name}; label something first.")
    is_nwb = path.suffix.lower() == ".nwb"
    chosen = format or (Format.NWB if is_nwb else Format.BOUTS)
    if chosen not in set(Format):
        raise LabelError(f"{chosen!r} is no format of labels; take one of {[*map(str, Format)]}.")
    if is_nwb != (chosen == Format.NWB):
        raise LabelError(f"{path}: NWB, and nothing else, goes to a file that ends with .nwb.")
    if is_nwb:
        write_nwb_intervals(path, _in_seconds(ethogram, recording), recording.name)
    else:
        write_whole(path, _TABLES[Format(chosen)](ethogram, recording), LabelError)
    return path


def _in_seconds(ethogram: Ethogram, recording: Clocked) -> list[Interval]:
    edges = frame_edges(recording.times)
    return [
        Interval(
            row,
            "",
            bout.behavior,
            float(edges[bout.start]),
            float(edges[bout.stop]),
            bout.source,
        )
        for row, bout in enumerate(ethogram.bouts, start=1)
    ]


def _table(rows: Iterable[Iterable[object]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _bouts(ethogram: Ethogram, recording: Clocked) -> str:
    """Write one row a bout, by frames and by seconds."""
    rows: list[list[object]] = [
        ["start_frame", "stop_frame", "start_s", "stop_s", "behavior", "source"]
    ]
    for bout, time in zip(ethogram.bouts, _in_seconds(ethogram, recording), strict=True):
        seconds = f"{time.start:.6f}", f"{time.stop:.6f}"
        rows.append([bout.start, bout.stop, *seconds, bout.behavior, bout.source])
    return _table(rows)


def _frames(ethogram: Ethogram, recording: Clocked) -> str:
    names = [*ethogram.behaviors, ""]  # −1 takes the last one
    rows: list[list[object]] = [["frame", "time_s", "behavior"]]
    for frame, (time, value) in enumerate(zip(recording.times, ethogram.frames(), strict=True)):
        rows.append([frame, f"{time:.6f}", names[value]])
    return _table(rows)


def _one_hot(ethogram: Ethogram, recording: Clocked) -> str:
    """Write DeepEthogram's table; it wants its background first."""
    behaviors = [name for name in ethogram.behaviors if name.lower() != BACKGROUND]
    values = ethogram.frames()
    columns = [BACKGROUND, *behaviors]
    places = {name: place for place, name in enumerate(columns)}
    of_value = np.array([places.get(name, 0) for name in ethogram.behaviors] + [UNKNOWN])
    marked = (of_value[values][:, None] == np.arange(len(columns))).astype(int)
    marked[values == UNKNOWN] = UNKNOWN
    return _table([["", *columns], *([frame, *row] for frame, row in enumerate(marked.tolist()))])


_BORIS_COLUMNS = (
    "Observation id", "Observation date", "Description", "Observation duration",
    "Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS (frame/s)",
    "Subject", "Behavior", "Behavioral category", "Behavior type",
)  # fmt: skip


def _boris_start(recording: Clocked, behavior: str, kind: str) -> list[object]:
    edges = frame_edges(recording.times)
    length = edges[-1] - edges[0]
    rate = recording.n_frames / length
    return [
        recording.name, "", "", f"{length:.3f}", "Media file(s)", recording.name, "0.0",
        f"{length:.3f}", f"{rate:.3f}", "No focal subject", behavior, "", kind,
    ]  # fmt: skip


def _boris_tabular(ethogram: Ethogram, recording: Clocked) -> str:
    rows: list[list[object]] = [[*_BORIS_COLUMNS, "Time", "Media file name", "Comment"]]
    for one in _in_seconds(ethogram, recording):
        for kind, time in (("START", one.start), ("STOP", one.stop)):
            start = _boris_start(recording, one.behavior, kind)
            rows.append([*start, f"{time:.6f}", recording.name, ""])
    return _table(rows, "\t")


def _boris_aggregated(ethogram: Ethogram, recording: Clocked) -> str:
    clock = ("Start (s)", "Stop (s)", "Duration (s)")
    rows: list[list[object]] = [[*_BORIS_COLUMNS, *clock, "Media file name"]]
    for one in _in_seconds(ethogram, recording):
        times = (one.start, one.stop, one.stop - one.start)
        start = _boris_start(recording, one.behavior, "STATE")
        rows.append([*start, *(f"{time:.6f}" for time in times), recording.name])
    return _table(rows)


_TABLES = {
    Format.BOUTS: _bouts,
    Format.FRAMES: _frames,
    Format.BORIS_TABULAR: _boris_tabular,
    Format.BORIS_AGGREGATED: _boris_aggregated,
    Format.DEEPETHOGRAM: _one_hot,
}
