"""Behaviour in NWB files: time series, intervals and events.

Objects are looked up by the layout that the NWB schema fixes. pynwb, which knows it too, builds
every object of a file, wants each extension's schema, and hangs on some damaged files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.behavior.content import (
    MAX_SAMPLES,
    BehaviorContent,
    Intervals,
    Samples,
)

PLACES = ("acquisition", "processing", "intervals", "events")
LABEL_COLUMNS = ("label", "labels", "behavior", "behaviour", "state", "condition", "annotation")
MAX_LABELS = 32
UNSTATED_UNITS = ("unknown", "n/a", "n.a.", "no unit")


def read_nwb_behavior(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Read the behaviour of an NWB file.

    Parameters
    ----------
    path
        An NWB 2 file. ``TimeSeries`` with one value a time become traces, in the unit they state;
        ``TimeIntervals``, ``EventsTable`` and the events of ndx-events become intervals, one set a
        label where a column says what happened.
    fields
        Names of objects to read; all if None.

    Raises
    ------
    RecordingError
        If the file is damaged or holds no behaviour.
    """
    from napari_cortex_decoder.containers import hdf5

    samples: dict[str, Samples] = {}
    intervals: dict[str, Intervals] = {}
    read: set[str] = set()
    with readable(path, "an NWB file"), hdf5.opened(path) as file:
        for name, thing in _named(_things(file), fields):
            is_series = "starting_time" in thing or {"data", "timestamps"} <= set(thing)
            events = not is_series or "labels" in thing["data"].attrs
            found = {} if events else _series(path, name, thing)
            marked = _intervals(path, name, thing) if events else {}
            if found or marked:
                read.add(_last(thing))
            samples.update(found)
            intervals.update(marked)
        if file.outside and not read:
            raise RecordingError(file.outside[0])
    missing = [name for name in fields or () if name not in read]
    if missing or not read:
        asked = f"no behaviour called {missing}" if missing else "no behaviour"
        raise RecordingError(
            f"{path}: {asked} in this NWB file, which has {sorted(read)}; it needs TimeSeries "
            "with one value a time, TimeIntervals or events."
        )
    return BehaviorContent(samples, intervals)


def _things(file: Any) -> list[Any]:
    """Give every group that holds times: series, intervals, events."""
    from napari_cortex_decoder.containers import hdf5

    found: list[Any] = []

    def look(_: str, thing: Any) -> None:
        if not isinstance(thing, hdf5.Group):
            return
        own = {name for name in thing if isinstance(thing.own(name), hdf5.Dataset)}
        if (
            ("data" in own and {"timestamps", "starting_time"} & own)
            or {"start_time", "stop_time"} <= own
            or {"timestamps", "timestamp", "event_times"} & own
        ):
            found.append(thing)

    for place in PLACES:
        if isinstance(file.get(place), hdf5.Group):
            look(place, file[place])
            file[place].visititems(look)
    return found


def _named(things: list[Any], fields: Sequence[str] | None) -> Iterator[tuple[str, Any]]:
    """Give each thing that was asked for, under a name of its own."""
    wanted = [thing for thing in things if fields is None or _last(thing) in fields]
    taken = Counter(_last(thing) for thing in wanted)
    for thing in wanted:
        # the same name in two places of the file: the place tells them apart
        twice = taken[_last(thing)] > 1
        yield (f"{_last(thing.parent)}/{_last(thing)}" if twice else _last(thing)), thing


def _last(thing: Any) -> str:
    return str(thing.name.rpartition("/")[2])


def _series(path: Path, name: str, series: Any) -> dict[str, Samples]:
    """Read a time series with one value a time; a series of anything else gives nothing."""
    data = series["data"]
    n = data.shape[0] if data.shape else 0
    if data.dtype.kind not in "biuf" or n < 2 or math.prod(data.shape) != n:
        return {}
    if n > MAX_SAMPLES:
        raise RecordingError(f"{path}: {name!r} claims {n} samples; no behaviour trace has those.")
    values = _floats(data)
    values = values * float(data.attrs.get("conversion", 1)) + float(data.attrs.get("offset", 0))
    if "timestamps" in series:
        times = _floats(series["timestamps"])
    else:
        start = series["starting_time"]
        rate = float(start.attrs["rate"])
        if not (np.isfinite(rate) and rate > 0):
            raise RecordingError(f"{path}: {name!r} has a rate of {rate} Hz; repair the file.")
        times = float(start[()]) + np.arange(n) / rate
    if times.shape != (n,):
        raise RecordingError(
            f"{path}: {name!r} has {n} values and {times.size} timestamps; repair the file."
        )
    unit = _text(data.attrs.get("unit", ""))
    return {name: Samples(values, times, unit="" if unit in UNSTATED_UNITS else unit)}


def _intervals(path: Path, name: str, thing: Any) -> dict[str, Intervals]:
    """Read intervals or events, one set a label where they are labelled."""
    labels = _label_column(thing)
    if "start_time" in thing:
        starts, stops = _floats(thing["start_time"]), _floats(thing["stop_time"])
    elif "event_times" in thing:
        starts = stops = _floats(thing["event_times"])
        ends = _floats(thing["event_times_index"]).astype(np.int64)
        per_row = np.diff(ends, prepend=0)
        labels = np.repeat(_texts(thing["event_label"]), per_row).tolist()
    else:
        starts = _floats(thing["timestamp" if "timestamp" in thing else "timestamps"])
        # an event without a duration is an instant
        stops = starts + (np.nan_to_num(_floats(thing["duration"])) if "duration" in thing else 0.0)
        if "data" in thing and "labels" in thing["data"].attrs:
            names = [_text(label) for label in thing["data"].attrs["labels"]]
            labels = [names[int(code)] for code in _floats(thing["data"])]
    if stops.shape != starts.shape or (labels is not None and len(labels) != starts.size):
        raise RecordingError(f"{path}: the columns of {name!r} differ in length; repair the file.")
    lasting = np.isfinite(starts) & np.isfinite(stops) & (stops >= starts)
    if not lasting.all():
        row = int(np.flatnonzero(~lasting)[0])
        raise RecordingError(
            f"{path}: row {row + 1} of {name!r} lasts from {starts[row]} to {stops[row]} s; "
            "correct it."
        )
    if labels is None or len(set(labels)) > MAX_LABELS:
        return {name: Intervals(starts, stops)} if starts.size else {}
    chosen = np.array(labels, dtype=object)
    return {
        f"{name}: {label}": Intervals(starts[chosen == label], stops[chosen == label])
        for label in sorted(set(labels))
    }


def _label_column(table: Any) -> list[str] | None:
    column = next((c for c in LABEL_COLUMNS if c in table), None)
    return None if column is None else _texts(table[column])


def _floats(dataset: Any) -> NDArray[np.float64]:
    if math.prod(dataset.shape) > MAX_SAMPLES:
        raise ValueError(f"{dataset.name} claims {dataset.shape} values")
    return np.asarray(dataset[()], dtype=np.float64).ravel()


def _texts(dataset: Any) -> list[str]:
    if math.prod(dataset.shape) > MAX_SAMPLES:
        raise ValueError(f"{dataset.name} claims {dataset.shape} texts")
    return [_text(value) for value in np.ravel(dataset[()])]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
