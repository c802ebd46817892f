"""The recording: one session of one mouse, its movie and its behaviour on one clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.clock import frame_interval, lag_of
from napari_cortex_decoder.errors import FrameRateError, RecordingError


@dataclass(frozen=True, eq=False)
class BehaviorTrace:
    """One measured quantity over time: speed, wheel, pupil, ….

    Attributes
    ----------
    values
        Shape (n,), float; NaN where nothing was measured.
    times
        Shape (n,), seconds on the recording's clock (0 = first frame unless the recording has
        frame times of its own), strictly increasing.
    unit
        Such as ``"cm/s"``; empty if unknown.
    """

    name: str
    values: NDArray[np.floating]
    times: NDArray[np.floating]
    unit: str = ""

    def __post_init__(self) -> None:
        """Check that there is a time for each value and that time moves forward."""
        if self.values.ndim != 1 or self.values.shape != self.times.shape:
            counts = f"{self.values.shape} values for {self.times.shape} times"
            raise RecordingError(f"trace {self.name!r} has {counts}; give one time a value.")
        if not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any():
            raise RecordingError(
                f"the times of trace {self.name!r} do not increase strictly; sort or repair them."
            )


def check_scale(where: object, frame_rate: float | None, pixel_size: float | None) -> None:
    """Refuse a rate (Hz) and an edge of a pixel (mm) that are known and not positive."""
    for label, value, unit in (("frame rate", frame_rate, "Hz"), ("pixel size", pixel_size, "mm")):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise RecordingError(
                f"{where}: the {label} is {value}; give a positive number of {unit}."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One session of one subject.

    Attributes
    ----------
    movie
        Shape (t, y, x), lazy. Unsigned integers or floats as the file has them. Of traces it is a
        picture of the areas, painted with their values; NaN where there is none.
    name
        Short name to show: the file's stem.
    frame_rate, pixel_size
        Frames a second (Hz), and edge of a pixel in mm; None where neither file nor user says it.
    path
        The file or folder it came from; None for one made in memory.
    subject
        Which mouse; None if unknown.
    frame_times
        Shape (t,), seconds, strictly increasing, where the file has them; else None.
    behavior
        Traces by name.
    reference
        Movie of a second wavelength, shape (t, y, x), or None.
    reference_lag
        How many intervals between frames the reference's frames were taken after the movie's: 0
        of wavelengths filmed at once, 0.5 of wavelengths in turns; None where nobody knows.
    traces
        Shape (t, areas), lazy: what was measured, where the recording is no movie; else None.
    areas
        Name of each trace: the label of an area of the atlas where it is of one.
    label_image
        Shape (y, x), int32: i + 1 where the movie shows `areas[i]`, else 0.
    registration
        Where the atlas lies on the movie, where that is known: on the picture of traces it always
        is, unless they are painted where they were measured.
    format, metadata
        What kind of file it came from, and whatever else that says, to show.
    warnings
        Sentences that a user should read: dropped frames, odd clocks, ….
    steps
        Preprocessing applied since the file, in order, for provenance.

    Raises
    ------
    RecordingError
        If shapes, rate, pixel size or times are impossible.
    """

    movie: da.Array
    name: str
    frame_rate: float | None = None
    pixel_size: float | None = None
    path: Path | None = None
    subject: str | None = None
    frame_times: NDArray[np.floating] | None = None
    behavior: Mapping[str, BehaviorTrace] = field(default_factory=dict)
    reference: da.Array | None = None
    reference_lag: float | None = None
    traces: da.Array | None = None
    areas: tuple[str, ...] = ()
    label_image: NDArray[np.int32] | None = None
    registration: Registration | None = None
    format: str = "array"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Check everything that later code relies on."""
        where = self.where
        if self.movie.ndim != 3 or 0 in self.movie.shape:
            raise RecordingError(
                f"{where}: the movie has shape {self.movie.shape}; "
                "a movie is (frames, rows, columns), none of them 0."
            )
        kind = self.movie.dtype
        if not np.issubdtype(kind, np.number) or np.issubdtype(kind, np.complexfloating):
            raise RecordingError(
                f"{where}: the movie's pixels are {kind}; they must be integers or real numbers."
            )
        if self.traces is not None and (
            self.traces.shape != (self.n_frames, len(self.areas))
            or self.label_image is None
            or self.label_image.shape != self.shape
        ):
            raise RecordingError(
                f"{where}: traces of shape {self.traces.shape} for {len(self.areas)} areas do not "
                f"go with a movie of shape {self.movie.shape}; change both, or neither."
            )
        check_scale(where, self.frame_rate, self.pixel_size)
        if self.frame_times is not None:
            if self.frame_times.shape != (self.n_frames,):
                counts = f"{self.frame_times.size} frame times for {self.n_frames} frames"
                raise RecordingError(f"{where}: {counts}; give one time a frame.")
            if not np.isfinite(self.frame_times).all() or (np.diff(self.frame_times) <= 0).any():
                raise RecordingError(
                    f"{where}: the frame times do not increase strictly; repair or drop them."
                )

    @property
    def where(self) -> str:
        """The file or folder it came from, else its name: what a refusal begins with."""
        return str(self.path or self.name)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.movie.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return int(self.movie.shape[1]), int(self.movie.shape[2])

    @property
    def times(self) -> NDArray[np.float64]:
        """Time of each frame in seconds, shape (t,); raise as `known_frame_rate`."""
        if self.frame_times is not None:
            return np.asarray(self.frame_times, dtype=np.float64)
        return np.arange(self.n_frames, dtype=np.float64) / self.known_frame_rate()

    @property
    def reference_times(self) -> NDArray[np.float64]:
        """Time of each frame of the reference in seconds; with the movie's where nobody knows."""
        n = 0 if self.reference is None else self.reference.shape[0]
        times = self.times[:n]
        return times + (self.reference_lag or 0.0) * frame_interval(times)

    def with_reference(self, other: Recording) -> Recording:
        """Return this with another recording's movie as its reference."""
        lag = lag_of(self.frame_times, other.frame_times)
        return self.replace(reference=other.movie, reference_lag=lag)

    def beginning_at(self, seconds: float) -> Recording:
        """Return this with its first frame taken at so many seconds of the session's clock.

        Traces with a value a frame go along; those that have times of their own stay.
        """
        if not math.isfinite(seconds):
            raise RecordingError(
                f"{self.where}: the first frame is at {seconds}; give its time in seconds."
            )
        old, behavior = self.times, dict(self.behavior)
        times = old + (seconds - old[0])
        for name, trace in self.behavior.items():
            if np.array_equal(trace.times, old):
                behavior[name] = replace(trace, times=times)
        return self.replace(frame_times=times, behavior=behavior)

    def known_frame_rate(self) -> float:
        """Return the frame rate in Hz; if it is unknown, `FrameRateError` says how to give it."""
        if self.frame_rate is None:
            raise FrameRateError(
                f"{self.where}: the file does not say its frame rate; "
                "give it as frame_rate (command line: --frame-rate HZ)."
            )
        return self.frame_rate

    def of_frames(self, origins: NDArray[np.integer]) -> Recording:
        """Return this, after a step, with what else is known frame by frame.

        `origins`, shape (t,), tell which frame, before the step, each frame shows.
        """
        return self

    def replace(self, **changes: Any) -> Recording:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)
