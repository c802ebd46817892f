"""Write labels so that others, and `read_labels`, can read them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.bouts import UNKNOWN
from napari_cortex_decoder.choices import check_choice
from napari_cortex_decoder.clock import Clocked, frame_edges
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import begins, check_place, csv_text, write_whole
from napari_cortex_decoder.labels.content import Interval
from napari_cortex_decoder.labels.ethogram import Ethogram
from napari_cortex_decoder.labels.nwb import NWB_LABELS, write_nwb_intervals
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
    *,
    format: Format | str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write labels to a file.

    Parameters
    ----------
    ethogram
        The labels.
    path
        Where to; bouts, frames or NWB that this wrote before are replaced.
    recording
        What was labelled, for its clock and name.
    format
        One of `Format`; None: NWB for ``.nwb``, else a CSV of bouts.
    overwrite
        Whether any other file may be replaced, too.

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
    chosen = _format(path, format)
    if chosen is Format.NWB:
        rows = _in_seconds(ethogram, recording)
        write_nwb_intervals(path, rows, recording.name, overwrite=overwrite)
    else:
        text = _TABLES[chosen](ethogram, recording)
        write_whole(path, text, LabelError, kind=_KINDS.get(chosen), overwrite=overwrite)
    return path


def check_export(path: str | Path, format: str | None = None, *, overwrite: bool = False) -> None:
    """Refuse what `write_labels` would refuse of its place, before there are labels to write."""
    path = Path(path)
    kind = _KINDS.get(_format(path, format))
    check_place(path, LabelError, kind=kind, overwrite=overwrite)


def _format(path: Path, asked: Format | str | None) -> Format:
    is_nwb = path.suffix.lower() == ".nwb"
    chosen = asked or (Format.NWB if is_nwb else Format.BOUTS)
    check_choice("format of labels", chosen, [*Format], LabelError)
    if is_nwb != (chosen == Format.NWB):
        raise LabelError(f"{path}: NWB, and nothing else, goes to a file that ends with .nwb.")
    return Format(chosen)


_BOUTS = ["start_frame", "stop_frame", "start_s", "stop_s", "behavior", "source"]
_FRAMES = ["frame", "time_s", "behavior"]
# tables of BORIS and DeepEthogram do not say that they are from here
_KINDS = {
    Format.BOUTS: begins(",".join(_BOUTS) + "\n"),
    Format.FRAMES: begins(",".join(_FRAMES) + "\n"),
    Format.NWB: NWB_LABELS,
}


def _in_seconds(ethogram: Ethogram, recording: Clocked) -> list[Interval]:
    edges = frame_edges(recording.times)
    return [
        Interval(
            row, "", bout.behavior, float(edges[bout.start]), float(edges[bout.stop]), bout.source
        )
        for row, bout in enumerate(ethogram.bouts, start=1)
    ]


def _bouts(ethogram: Ethogram, recording: Clocked) -> str:
    """Write one row a bout, by frames and by seconds."""
    rows: list[list[object]] = [[*_BOUTS]]
    for bout, time in zip(ethogram.bouts, _in_seconds(ethogram, recording), strict=True):
        seconds = f"{time.start:.6f}", f"{time.stop:.6f}"
        rows.append([bout.start, bout.stop, *seconds, bout.behavior, bout.source])
    return csv_text(rows)


def _frames(ethogram: Ethogram, recording: Clocked) -> str:
    ends = [csv_text([[name]]) for name in (*ethogram.behaviors, "")]  # −1 takes the last one
    ends[-1] = "\n"
    values, times = ethogram.frames().tolist(), recording.times.tolist()
    rows = [
        f"{frame},{time:.6f},{ends[value]}"
        for frame, (time, value) in enumerate(zip(times, values, strict=True))
    ]
    return "".join([csv_text([_FRAMES]), *rows])


def _one_hot(ethogram: Ethogram, recording: Clocked) -> str:
    """Write DeepEthogram's table; it wants its background first."""
    behaviors = [name for name in ethogram.behaviors if name.lower() != BACKGROUND]
    columns = [BACKGROUND, *behaviors]
    marked = [name if name in columns else BACKGROUND for name in ethogram.behaviors]
    ends = [csv_text([[int(column == name) for column in columns]]) for name in marked]
    ends.append(csv_text([[UNKNOWN] * len(columns)]))  # −1 takes the last one
    rows = [f"{frame},{ends[value]}" for frame, value in enumerate(ethogram.frames().tolist())]
    return "".join([csv_text([["", *columns]]), *rows])


_BORIS_COLUMNS = (
    "Observation id", "Observation date", "Description", "Observation duration",
    "Observation type", "Source", "Time offset (s)", "Media duration (s)", "FPS (frame/s)",
    "Subject", "Behavior", "Behavioral category", "Behavior type",
)  # fmt: skip


def _boris_clock(recording: Clocked) -> tuple[list[object], Floats]:
    """Return what stands before each row's behavior, and the frames' edges from the first one."""
    edges = frame_edges(recording.times) - recording.times[0]
    length = f"{edges[-1]:.3f}"
    start: list[object] = [
        recording.name, "", "", length, "Media file(s)", recording.name, "0.0", length,
        f"{recording.n_frames / edges[-1]:.6f}", "No focal subject",
    ]  # fmt: skip
    return start, edges


def _boris_tabular(ethogram: Ethogram, recording: Clocked) -> str:
    clock = ("Time", "Media file name", "Image index", "Comment")
    rows: list[list[object]] = [[*_BORIS_COLUMNS, *clock]]
    start, edges = _boris_clock(recording)
    for one in ethogram.bouts:
        for kind, frame in (("START", one.start), ("STOP", one.stop)):
            end = (f"{edges[frame]:.6f}", recording.name, frame, "")
            rows.append([*start, one.behavior, "", kind, *end])
    return csv_text(rows, separator="\t")


def _boris_aggregated(ethogram: Ethogram, recording: Clocked) -> str:
    clock = ("Start (s)", "Stop (s)", "Duration (s)", "Media file name")
    frames = ("Image index start", "Image index stop")
    rows: list[list[object]] = [[*_BORIS_COLUMNS, *clock, *frames]]
    start, edges = _boris_clock(recording)
    for one in ethogram.bouts:
        begin, end = edges[one.start], edges[one.stop]
        times = (f"{time:.6f}" for time in (begin, end, end - begin))
        end_of_row = (recording.name, one.start, one.stop)
        rows.append([*start, one.behavior, "", "STATE", *times, *end_of_row])
    return csv_text(rows)


_TABLES = {
    Format.BOUTS: _bouts,
    Format.FRAMES: _frames,
    Format.BORIS_TABULAR: _boris_tabular,
    Format.BORIS_AGGREGATED: _boris_aggregated,
    Format.DEEPETHOGRAM: _one_hot,
}
