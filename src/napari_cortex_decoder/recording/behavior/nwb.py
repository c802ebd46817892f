"""Behaviour in NWB files: time series, intervals and events.

Objects are looked up by the layout that the NWB schema fixes. pynwb, which knows it too, builds
every object of a file, wants each extension's schema, and hangs on some damaged files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior import content
from napari_cortex_decoder.recording.behavior.content import BehaviorContent, Intervals, Samples
from napari_cortex_decoder.units import stated

PLACES = (
    "acquisition", "processing", "intervals", "events", "stimulus", "analysis", "scratch",
)  # fmt: skip
_MOST_COLUMNS = 4  # x, y, z and one more
LABEL_COLUMNS = ("label", "labels", "behavior", "behaviour", "state", "condition", "annotation")
MAX_LABELS = 32


class _Thing(NamedTuple):
    """A group that holds times: a series, intervals or events."""

    names: list[str]  # its own, and those of links to it
    place: str  # name of the group around it
    members: dict[str, Any]  # datasets in it, through links within the file


def read_nwb_behavior(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Read the behaviour of an NWB 2 file.

    ``TimeSeries`` with one value a time become traces, in the unit they state, and those with up to
    four columns one a column; ``TimeIntervals``, ``EventsTable`` and the events of ndx-events
    become intervals, one set a label where a column says what happened. All times count from the
    session's start.
    """
    samples: dict[str, Samples] = {}
    intervals: dict[str, Intervals] = {}
    read: set[str] = set()
    said: list[str] = []
    with hdf5.opened(path) as file:
        for name, thing in _named(_things(file), fields):
            members = thing.members
            is_series = "starting_time" in members or {"data", "timestamps"} <= set(members)
            events = not is_series or "labels" in members["data"].attrs
            found = {} if events else _series(path, name, members)
            marked = _intervals(path, name, members) if events else {}
            if found or marked:
                read.update(thing.names)
            elif is_series and members["data"].ndim < 3:
                shape = " x ".join(map(str, members["data"].shape))
                said.append(f"{name!r} holds {shape} values, no trace, and is left out.")
            samples.update(found)
            intervals.update(marked)
        if file.outside and not read:
            raise RecordingError(file.outside[0])
        said += [one.removeprefix(f"{path}: ") for one in file.outside]
    missing = [name for name in fields or () if name not in read]
    if missing or not read:
        asked = f"no behaviour called {missing}" if missing else "no behaviour"
        raise RecordingError(
            f"{path}: {asked} in this NWB file, which has {sorted(read)}; it needs TimeSeries "
            "with one value a time, TimeIntervals or events."
        )
    return BehaviorContent(samples, intervals, zero=Zero.SESSION, said=tuple(said))


def _things(file: Any) -> list[_Thing]:
    """Return every group that holds times, once, whatever links to it."""
    found: dict[int, _Thing | None] = {}

    def look(name: str, group: Any) -> None:
        address = h5py.h5o.get_info(group.id).addr
        if address in found:
            known = found[address]
            if known is not None and name not in known.names:
                known.names.append(name)
            return
        inner = {one: group.own(one) for one in group}
        own = {one: thing for one, thing in inner.items() if isinstance(thing, hdf5.Dataset)}
        holds_times = (
            ("data" in own and {"timestamps", "starting_time"} & own.keys())
            or {"start_time", "stop_time"} <= own.keys()
            or {"timestamps", "timestamp", "event_times"} & own.keys()
        )
        place, own_name = (Path(one.name).name for one in (group.parent, group))
        found[address] = _Thing([own_name], place, own) if holds_times else None
        for one, thing in inner.items():
            if isinstance(thing, hdf5.Group):
                look(one, thing)

    for place in PLACES:
        group = file.own(place)
        if isinstance(group, hdf5.Group):
            look(place, group)
    return [thing for thing in found.values() if thing is not None]


def _named(things: list[_Thing], fields: Sequence[str] | None) -> Iterator[tuple[str, _Thing]]:
    """Return each thing that was asked for, under a name of its own."""
    wanted = [
        (next((name for name in thing.names if name in (fields or ())), thing.names[0]), thing)
        for thing in things
        if fields is None or set(fields) & set(thing.names)
    ]
    taken = Counter(name for name, _ in wanted)
    for name, thing in wanted:
        # the same name in two places of the file: the place tells them apart
        yield (f"{thing.place}/{name}" if taken[name] > 1 else name), thing


def _series(path: Path, name: str, series: Mapping[str, Any]) -> dict[str, Samples]:
    """Read a time series with few values a time; a series of anything else gives nothing."""
    data = series["data"]
    n = data.shape[0] if data.shape else 0
    columns = math.prod(data.shape[1:])
    if data.dtype.kind not in "biuf" or n < 2 or data.ndim > 2 or not 0 < columns <= _MOST_COLUMNS:
        return {}
    scale = float(data.attrs.get("conversion", 1)), float(data.attrs.get("offset", 0))
    values = (_floats(data) * scale[0] + scale[1]).reshape(n, columns)
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
    unit = unit if stated(unit) else ""
    if columns == 1:
        return {name: Samples(values[:, 0], times, unit=unit)}
    return {
        f"{name} {axis}": Samples(values[:, at], times, unit=unit)
        for at, axis in enumerate("xyzw"[:columns])
    }


def _intervals(path: Path, name: str, thing: Mapping[str, Any]) -> dict[str, Intervals]:
    """Read intervals or events, one set a label where they are labelled."""
    column = next((thing[c] for c in LABEL_COLUMNS if c in thing), None)
    labels = None if column is None else [_text(value) for value in _held(column)]
    if "start_time" in thing:
        starts, stops = _floats(thing["start_time"]), _floats(thing["stop_time"])
    elif "event_times" in thing:
        starts = stops = _floats(thing["event_times"])
        ends = _floats(thing["event_times_index"]).astype(np.int64)
        per_row = np.diff(ends, prepend=0)
        labels = np.repeat(list(map(_text, _held(thing["event_label"]))), per_row).tolist()
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
        lasts = f"lasts from {starts[row]} to {stops[row]} s"
        raise RecordingError(f"{path}: row {row + 1} of {name!r} {lasts}; correct it.")
    if labels is None or len(set(labels)) > MAX_LABELS:
        return {name: Intervals(starts, stops)} if starts.size else {}
    chosen = np.array(labels, dtype=object)
    return {
        f"{name}: {label}": Intervals(starts[chosen == label], stops[chosen == label])
        for label in sorted(set(labels))
    }


def _floats(dataset: Any) -> NDArray[np.float64]:
    return np.asarray(_held(dataset), dtype=np.float64)


def _held(dataset: Any) -> NDArray[Any]:
    """Read all of a dataset, as one row, unless it claims too much."""
    if math.prod(dataset.shape) > content.MAX_SAMPLES:
        raise ValueError(f"{dataset.name} claims {dataset.shape} values")
    return np.ravel(dataset[()])


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
