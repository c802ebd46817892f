"""Behaviour in NWB files: time series, intervals and events."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import (
    MAX_SAMPLES,
    BehaviorContent,
    Intervals,
    Samples,
)

LABEL_COLUMNS = ("label", "labels", "behavior", "behaviour", "state", "condition", "annotation")
MAX_LABELS = 32

EVENTS = {"EventsTable", "AnnotatedEventsTable", "Events", "LabeledEvents", "TTLs"}

# movies are recordings, not behaviour; the rest has no values of its own over time
NOT_BEHAVIOR = {
    "OnePhotonSeries", "TwoPhotonSeries", "ImageSeries", "ImageMaskSeries", "OpticalSeries",
    "IndexSeries", "RoiResponseSeries", "AnnotationSeries",
}  # fmt: skip


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
    from hdmf.build.errors import BuildError, ConstructError, ContainerConfigurationError
    from pynwb import NWBHDF5IO

    samples: dict[str, Samples] = {}
    intervals: dict[str, Intervals] = {}
    read: set[str] = set()
    try:
        with NWBHDF5IO(path, "r", load_namespaces=True) as io:
            for name, thing in _named(io.read().objects.values(), fields):
                series = _series(path, name, thing) if _is_series(thing) else {}
                marked = {} if _is_series(thing) else _intervals(path, name, thing)
                if series or marked:
                    read.add(thing.name)
                samples.update(series)
                intervals.update(marked)
    except (
        OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError,
        NotImplementedError, EOFError, MemoryError, OverflowError,
        BuildError, ConstructError, ContainerConfigurationError,
    ) as error:  # fmt: skip
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{path}: not a readable NWB file ({error}).") from error
    missing = [name for name in fields or () if name not in read]
    if missing or not read:
        asked = f"no behaviour called {missing}" if missing else "no behaviour"
        raise RecordingError(
            f"{path}: {asked} in this NWB file, which has {sorted(read)}; it needs TimeSeries "
            "with one value a time, TimeIntervals or events."
        )
    return BehaviorContent(samples, intervals)


def _named(objects: Iterable[Any], fields: Sequence[str] | None) -> Iterator[tuple[str, Any]]:
    """Give each object that may hold behaviour and was asked for, under a name of its own."""
    found = [
        thing
        for thing in objects
        if (_is_series(thing) or _is_intervals(thing) or EVENTS & _types(thing))
        and (fields is None or thing.name in fields)
    ]
    taken = Counter(thing.name for thing in found)
    for thing in found:
        # the same name in two places of the file: the place tells them apart
        twice = taken[thing.name] > 1 and thing.parent is not None
        yield (f"{thing.parent.name}/{thing.name}" if twice else thing.name), thing


def _is_series(thing: Any) -> bool:
    return hasattr(thing, "get_timestamps") and not (
        NOT_BEHAVIOR & _types(thing) or thing.data is None
    )


def _is_intervals(thing: Any) -> bool:
    return "TimeIntervals" in _types(thing)


def _types(thing: Any) -> set[str]:
    """Names of an object's type and of all the types that it extends."""
    return {cls.__name__ for cls in type(thing).__mro__}


def _series(path: Path, name: str, series: Any) -> dict[str, Samples]:
    """Read a time series with one value a time; a series of anything else gives nothing."""
    data = series.data
    shape = tuple(getattr(data, "shape", (len(data),)))
    if math.prod(shape) != shape[0] or np.dtype(getattr(data, "dtype", float)).kind not in "biuf":
        return {}
    n = shape[0]
    if n > MAX_SAMPLES:
        raise RecordingError(f"{path}: {name!r} claims {n} samples; no behaviour trace has those.")
    if n < 2:
        return {}
    values = np.asarray(data[:], dtype=np.float64).ravel()
    values = values * (series.conversion or 1.0) + (series.offset or 0.0)
    if series.timestamps is not None:
        times = np.asarray(series.timestamps[:], dtype=np.float64)
    else:
        times = (series.starting_time or 0.0) + np.arange(n) / series.rate
    if times.shape != (n,):
        raise RecordingError(
            f"{path}: {name!r} has {n} values and {times.size} timestamps; repair the file."
        )
    unit = series.unit if series.unit not in ("unknown", "n/a", "no unit") else ""
    return {name: Samples(values, times, unit=unit)}


def _intervals(path: Path, name: str, thing: Any) -> dict[str, Intervals]:
    """Read intervals or events, one set a label where they are labelled."""
    kinds = _types(thing)
    labels: Sequence[Any] | None = None
    if _is_intervals(thing):
        starts, stops = _floats(thing["start_time"].data), _floats(thing["stop_time"].data)
        labels = _label_column(thing)
    elif "EventsTable" in kinds:
        starts = _floats(thing["timestamp"].data)
        # an event without a duration is an instant
        lasting = "duration" in thing.colnames
        stops = starts + (np.nan_to_num(_floats(thing["duration"].data)) if lasting else 0.0)
        labels = _label_column(thing)
    elif "AnnotatedEventsTable" in kinds:
        per_row = [_floats(thing["event_times"][row]) for row in range(len(thing))]
        starts = stops = np.concatenate(per_row) if per_row else np.empty(0)
        names = thing["event_label"].data[:]
        labels = [str(label) for label, row in zip(names, per_row, strict=True) for _ in row]
    else:
        starts = stops = _floats(thing.timestamps)
        if hasattr(thing, "labels"):
            labels = [str(thing.labels[int(code)]) for code in thing.data[:]]
    known = np.isfinite(starts) & np.isfinite(stops)
    if not known.all() or (stops < starts).any():
        row = int(np.flatnonzero(~known | ~(stops >= starts))[0])
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


def _floats(values: Any) -> NDArray[np.float64]:
    return np.asarray(values[:], dtype=np.float64).ravel()


def _label_column(table: Any) -> list[str] | None:
    column = next((c for c in LABEL_COLUMNS if c in table.colnames), None)
    return None if column is None else [str(value) for value in table[column].data[:]]
