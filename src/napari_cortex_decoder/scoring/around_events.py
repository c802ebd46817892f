"""What happens around events: mean and interval over them, of any trace and of the movie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.arrays import Floats, Ints, Singles
from napari_cortex_decoder.atlas.traces import has_baseline
from napari_cortex_decoder.clock import frame_interval
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import begins, csv_text, write_whole
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording import Recording, trace_at_frames
from napari_cortex_decoder.scoring.events import USUAL, Around

FEWEST = 5
"""With fewer events a bootstrap has too little to draw from."""

_DRAWS = 2000
_MOST_MAPS, _MOST_AREAS = 36, 5
_OF_AREAS = ("areas", "ΔF/F, %")  # units: of the movie, or relative
_COLUMNS = ("trace", "unit", "seconds", "mean", "low", "high", "events")
TABLE = begins(",".join(_COLUMNS))
"""What `EventAverage.to_csv` writes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class EventAverage:
    """Traces averaged around events.

    Attributes
    ----------
    event
        What they are, in words.
    frames
        Shape (n,): the frame of each event whose window lies in the recording.
    seconds
        Shape (lags,): from the event.
    names, units
        Of the traces.
    mean, low, high
        Shape (traces, lags): mean over events and its 95 % interval (bootstrap over events); NaN
        where fewer than `FEWEST` events have the trace.
    n
        Shape (traces,): events in whose whole window the trace is known.
    said
        Sentences that belong beside it: how many events, what was left out, what overlaps.
    """

    event: str
    frames: Ints
    seconds: Floats
    names: tuple[str, ...]
    units: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    n: Ints
    said: tuple[str, ...]

    def shown(self, selected: Collection[str]) -> list[int]:
        """Return which traces to draw: all but areas, of these the selected, else the strongest."""
        of_areas = [i for i, unit in enumerate(self.units) if unit in _OF_AREAS]
        chosen = [i for i in of_areas if self.names[i] in selected]
        if not chosen:
            change = np.nan_to_num(np.abs(self.mean).max(axis=1, initial=0))
            chosen = sorted(of_areas, key=lambda i: -change[i])[:_MOST_AREAS]
        return [*chosen, *(i for i in range(len(self.names)) if i not in of_areas)]

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write one row a trace and lag; an empty cell is a missing value.

        Such a table is replaced; any other file only where `overwrite` allows it. Raises LabelError
        if the file cannot be written.
        """
        rows: list[tuple[object, ...]] = [_COLUMNS]
        for i, name in enumerate(self.names):
            for at, *values in zip(
                self.seconds, self.mean[i], self.low[i], self.high[i], strict=True
            ):
                cells = ("" if np.isnan(value) else f"{value:.7g}" for value in values)
                rows.append((name, self.units[i], f"{at:.4f}", *cells, self.n[i]))
        write_whole(Path(path), csv_text(rows), LabelError, kind=TABLE, overwrite=overwrite)


@dataclass(frozen=True, eq=False)
class EventMaps:
    """The movie averaged around events."""

    maps: Singles  # (n, y, x), each of a few frames in a row
    seconds: Floats  # (n,): the middle of each, from the event
    unit: str  # % of the baseline where the movie is fluorescence; else the movie's own

    @property
    def scale(self) -> float:
        """The largest change in them."""
        return float(np.nanmax(np.abs(self.maps))) or 1.0


def known_traces(
    recording: Recording,
    areas: NDArray[np.floating] | None = None,
    names: Sequence[str] = (),
    *,
    relative: bool = False,
    prediction: Prediction | None = None,
) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return all that is known of a recording, one value a frame, and the unit of each.

    That is what `areas` of these names do, shape (t, n), which is given in % if it is `relative`,
    ΔF/F as a fraction, and left out where nothing is known; probabilities; and behavior traces.
    """
    traces, units = {}, {}
    for name, values in zip(names, () if areas is None else areas.T, strict=areas is not None):
        if np.isfinite(values).any():
            traces[name] = np.asarray(100 * values if relative else values, np.float64)
            units[name] = _OF_AREAS[relative]
    for i, behavior in enumerate(() if prediction is None else prediction.behaviors):
        assert prediction is not None
        traces[f"p({behavior})"] = prediction.probability[:, i].astype(np.float64)
        units[f"p({behavior})"] = "probability"
    for name, trace in recording.behavior.items():
        traces[name] = trace_at_frames(trace, recording)
        units[name] = trace.unit or name
    return traces, units


def event_average(
    recording: Recording,
    events: ArrayLike,
    signals: Mapping[str, ArrayLike],
    *,
    around: Around = USUAL,
    event: str = "event",
    units: Mapping[str, str] | None = None,
    seed: int = 0,
) -> EventAverage:
    """Average signals around events, with an interval over events.

    Parameters
    ----------
    recording
        Whose frames count.
    events
        Shape (n,): the frame of each event, such as `find_events` gives.
    signals
        Shape (t,) each, one value a frame, NaN where it is unknown: areas, probabilities, and
        behavior as `trace_at_frames` gives it.
    around
        How much is averaged.
    event
        What the events are, in words.
    units
        Of signals, by name.
    seed
        Of the bootstrap: same seed, same result.

    Raises
    ------
    LabelError
        If no window of an event lies in the recording, or a trace has not one value a frame.
    FrameRateError
        If the frame rate is unknown.
    """
    interval = frame_interval(recording.times)
    before, after, baseline = around.frames(interval)
    lags = np.arange(-before, after + 1)
    frames, said = _inside(recording, np.asarray(events, np.int64), lags, event)
    windows = frames[:, None] + lags
    rng = np.random.default_rng(seed)
    shape = (3, len(signals), lags.size)
    mean, low, high = np.full(shape, np.nan)
    n = np.zeros(len(signals), np.int64)
    for i, (name, given) in enumerate(signals.items()):
        values = np.asarray(given, np.float64)
        if values.shape != (recording.n_frames,):
            raise LabelError(
                f"trace {name!r} has shape {values.shape} and {recording.name} has "
                f"{recording.n_frames} frames; give one value a frame."
            )
        courses = values[windows]
        courses = courses[np.isfinite(courses).all(axis=1)]
        if baseline:
            courses = courses - courses[:, :baseline].mean(axis=1, keepdims=True)
        n[i] = len(courses)
        if len(courses):
            mean[i] = courses.mean(axis=0)
        if len(courses) >= FEWEST:
            drawn = rng.multinomial(len(courses), np.full(len(courses), 1 / len(courses)), _DRAWS)
            low[i], high[i] = np.quantile(drawn @ courses / len(courses), (0.025, 0.975), axis=0)
    if len(frames) < FEWEST:
        said.append(f"Fewer than {FEWEST} events are too few for an interval.")
    fewer = [f"{name} ({k})" for name, k in zip(signals, n, strict=True) if k < len(frames)]
    said += [f"Known around fewer of them: {', '.join(fewer)}."] if fewer else []
    if baseline:
        first, last = lags[0] * interval, lags[baseline - 1] * interval
        said.append(f"Less each event's own mean from {first:.2f} to {last:.2f} s.")
    named = units or {}
    return EventAverage(
        event=event,
        frames=frames,
        seconds=np.asarray(lags * interval, np.float64),
        names=tuple(signals),
        units=tuple(named.get(name, "") for name in signals),
        mean=mean,
        low=low,
        high=high,
        n=n,
        said=tuple(said),
    )


def event_maps(
    recording: Recording,
    average: EventAverage,
    *,
    around: Around = USUAL,
    progress: Report = unheard,
) -> EventMaps:
    """Average the movie around the events of an average, less its baseline.

    `around` is as for `event_average`; an exception that `progress` raises ends the work.
    """
    before, after, baseline = around.frames(frame_interval(recording.times))
    lags = np.arange(-before, after + 1)
    parts = np.array_split(np.arange(lags.size), min(_MOST_MAPS, lags.size))
    cuts = [int(part[0]) for part in parts]
    sizes = np.diff([*cuts, lags.size])[:, None, None]
    total: Floats = np.zeros((len(parts), *recording.shape))
    level: Floats = np.zeros(recording.shape)
    levels = []
    for number, frame in enumerate(average.frames.tolist(), 1):
        shown = recording.movie[frame - before : frame + after + 1].compute(scheduler="threads")
        own = shown[:baseline].mean(axis=0, dtype=np.float64) if baseline else 0.0
        total += np.add.reduceat(shown, cuts, axis=0, dtype=np.float64) / sizes - own
        level += own
        levels.append(float(np.nanmean(own)))
        progress(Progress("averaging the movie", number, len(average.frames)))
    maps, unit = total / len(average.frames), "the movie's unit"
    if baseline and has_baseline(np.array(levels)[:, None]):
        unit = "ΔF/F, %"
        with np.errstate(invalid="ignore", divide="ignore"):
            maps = np.where(level > 0, 100 * total / level, np.nan)
    seconds = np.array([average.seconds[part].mean() for part in parts])
    return EventMaps(maps.astype(np.float32), seconds, unit)


def _inside(recording: Recording, events: Ints, lags: Ints, event: str) -> tuple[Ints, list[str]]:
    """Return the events whose windows lie in the recording, and what to say of them and others."""
    events = np.unique(events)
    if not events.size:
        raise LabelError(
            f"{recording.name}: there is no {event} after so long without it; ask for less quiet "
            "before it, or for other events."
        )
    frames = events[(events + lags[0] >= 0) & (events + lags[-1] < recording.n_frames)]
    times = recording.times
    length = (lags[-1] - lags[0]) * frame_interval(times)
    lasts = times[frames + lags[-1]] - times[frames + lags[0]]
    whole = np.abs(lasts - length) < 0.1 * length
    if not whole.any():
        raise LabelError(
            f"{recording.name}: of {events.size} events ({event}) none has {-lags[0]} frames "
            f"before and {lags[-1]} after it in the recording; take less time around them, or "
            "others."
        )
    said = [f"{np.count_nonzero(whole)} events: {event}."]
    if outside := events.size - frames.size:
        said.append(f"{outside} more are too near to the recording's ends.")
    if lost := frames.size - np.count_nonzero(whole):
        said.append(f"{lost} more have lost frames around them.")
    frames = frames[whole]
    if close := np.count_nonzero(np.diff(frames) < lags.size - 1):
        said.append(
            f"{close} begin within the window of the one before: the interval takes them as "
            "independent, and is too narrow."
        )
    return frames, said
