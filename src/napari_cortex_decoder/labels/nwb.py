"""Labels in NWB: `TimeIntervals` tables with a column of labels, as ndx-ethogram has them too."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.containers.nwb_output import nwb_file, nwb_output
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import mark, marked, written_whole
from napari_cortex_decoder.labels.content import MAX_FRAMES, Interval, IntervalTable, Unmatched
from napari_cortex_decoder.labels.ethogram import Source
from napari_cortex_decoder.reading import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

NWB_LABELS = marked(b"\x89HDF", mark("labels"))
_LABELS = ("label", "labels", "behavior", "behaviour", "behavior_label", "state")


def read_nwb_intervals(path: Path, table: str | None = None) -> IntervalTable:
    """Read one table of intervals, by name where there are several, on the session's clock.

    Raises LabelError if the file cannot be read, or has no such table or several.
    """
    from napari_cortex_decoder.containers import hdf5

    with readable(path, "an NWB file", LabelError), hdf5.opened(path, LabelError) as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, thing: _collect(found, name, thing))
        chosen = _choose(path, found, table)
        return _intervals(path, found[chosen])


def _collect(found: dict[str, Any], name: str, thing: Any) -> None:
    if hasattr(thing, "keys") and {"start_time", "stop_time"} <= set(thing.keys()):
        column = next((c for c in _LABELS if c in thing), None)
        if column is not None:
            found[name] = thing


def _choose(path: Path, found: dict[str, Any], table: str | None) -> str:
    short = {name.rpartition("/")[2]: name for name in found}
    if table is not None and table not in short:
        raise LabelError(f"{path} has no table {table!r} of labelled intervals; it has {[*short]}.")
    if table is None and len(found) != 1:
        said = f"has several, {[*short]}; choose one as table" if found else "has none"
        raise LabelError(
            f"{path} must have a table of intervals with a column of labels: it {said}."
        )
    return short[table] if table is not None else next(iter(found))


def _intervals(path: Path, table: Any) -> IntervalTable:
    columns = {name: table[name] for name in ("start_time", "stop_time")}
    columns["label"] = table[next(c for c in _LABELS if c in table)]
    if "source" in table:
        columns["source"] = table["source"]
    for name, column in columns.items():
        if math.prod(column.shape) > MAX_FRAMES:
            raise LabelError(f"{path}: {name!r} claims {column.shape} values; repair the file.")
    if len({column.shape for column in columns.values()}) > 1:
        raise LabelError(f"{path}: the columns of {table.name!r} differ in length.")
    starts, stops = (np.asarray(columns[c][()], dtype=float) for c in ("start_time", "stop_time"))
    names = [_text(value) for value in columns["label"][()]]
    sources = [_text(value) for value in columns["source"][()]] if "source" in columns else []
    intervals, unmatched = [], []
    for row, (start, stop, name) in enumerate(zip(starts, stops, names, strict=True), start=1):
        text = f"{start:g}–{stop:g} s, {name}"
        if not name:
            unmatched.append(Unmatched(row, text, "it names no behavior"))
        elif not (np.isfinite(start) and np.isfinite(stop)):
            unmatched.append(Unmatched(row, text, "begin or end is no number"))
        else:
            said = sources[row - 1] if sources else Source.PERSON
            source = Source(said) if said in set(Source) else Source.PERSON
            intervals.append(Interval(row, text, name, float(start), float(stop), source))
    return IntervalTable("s", tuple(intervals), tuple(unmatched), Zero.SESSION)


def _text(value: Any) -> str:
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()


def write_nwb_intervals(
    path: Path, rows: Sequence[Interval], name: str, *, overwrite: bool = False
) -> None:
    """Write bouts, in seconds on the recording's clock, as ``intervals/ethogram`` of an NWB file.

    Such a file is replaced. Raises LabelError if it cannot be written.
    """
    from pynwb.epoch import TimeIntervals

    file = nwb_file(f"labels of {name}", f"{mark('labels')} {uuid4()}", datetime.now(UTC))
    table = TimeIntervals(name="ethogram", description="behavior of the animal, one row a bout")
    table.add_column("label", "what the animal did")
    table.add_column("source", "who says so: person, model, verified or measured")
    for row in rows:
        table.add_row(
            start_time=row.start, stop_time=row.stop, label=row.behavior, source=str(row.source)
        )
    file.add_time_intervals(table)
    with (
        written_whole(path, LabelError, kind=NWB_LABELS, overwrite=overwrite) as part,
        nwb_output(part) as (output, _),
    ):
        output.write(file)
