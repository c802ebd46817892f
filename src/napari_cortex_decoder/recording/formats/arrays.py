"""Frames in arrays that another library slices: NumPy, HDF5, MATLAB, Zarr."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.axes import Arrangement
from napari_cortex_decoder.recording.formats.frames import check_frames, unchanged
from napari_cortex_decoder.tables import clock_kind, time_unit
from napari_cortex_decoder.units import millimetres, seconds, stated, unknown_unit

# A chunk is decoded whole: one that is larger than this cannot be looked at frame by frame.
_LARGEST_CHUNK = 2**29
_MOST_TOGETHER = 2**26
# Only names that mean the movie and no other thing in the file, and only lengths with a unit.
_RATES = ("frame_rate", "framerate", "fps", "frames_per_second", "imaging_rate")
_INTERVALS = ("frame_interval", "frameinterval", "frame_period", "frameperiod")
_SIZES = ("pixel_size", "pixelsize", "pixel_size_x")


class ArraySource(Protocol):
    """Where an array lies; picklable."""

    @property
    def path(self) -> Path:
        """File or folder, for errors."""

    def open(self) -> AbstractContextManager[Any]:
        """Return the array to slice, and close its file afterwards."""


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames along the time axis of an array.

    Attributes
    ----------
    source
        Where the array lies.
    arrangement
        What its axes mean.
    dtype
        Type of a pixel, in native byte order.
    stamp
        `file_token` of the file when it was opened, and the name of the array in it.
    what
        What the file should be, for errors.
    together
        Frames in a chunk of the file.
    """

    source: ArraySource
    arrangement: Arrangement
    dtype: np.dtype[Any]
    stamp: tuple[Any, ...]
    what: str
    together: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return self.arrangement.movie_shape

    @property
    def token(self) -> tuple[Any, ...]:
        """State of the file, and how it is read."""
        return (*self.stamp, self.arrangement.axes)

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read frames, those of one chunk in one go."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        time, colour = np.divmod(frames, self.arrangement["c"])
        order = np.argsort(time, kind="stable")
        breaks = np.flatnonzero(np.diff(time[order]) > max(2, self.together)) + 1
        with (
            unchanged(self.stamp),
            readable(self.source.path, self.what),
            self.source.open() as array,
        ):
            for rows in np.split(order, breaks):
                first, last = int(time[rows[0]]), int(time[rows[-1]])
                block = self._block(array, first, last + 1)
                out[rows] = block[time[rows] - first, colour[rows]]
        return out

    def _block(self, array: Any, start: int, stop: int) -> NDArray[Any]:
        """Consecutive time points, shape (t, c, rows, columns)."""
        axes = self.arrangement.axes
        whole = {"t": slice(start, stop), **dict.fromkeys("cyx", slice(None))}
        block = np.asarray(array[tuple(whole.get(axis, 0) for axis in axes)])
        left = "".join(axis for axis in axes if axis in whole)
        for axis in "cyx":  # traces have no rows of pixels, and may be of one area
            if axis not in left:
                block, left = block[np.newaxis], axis + left
        return block.transpose([left.index(axis) for axis in "tcyx"])


def trace_frames(
    path: Path,
    source: ArraySource,
    shape: tuple[int, ...],
    stored: np.dtype[Any],
    n_names: int | None,
    *,
    axes: str | None,
    stamp: tuple[Any, ...],
    what: str,
    chunks: tuple[int, ...] | None = None,
    usual: str = "tx",
) -> tuple[ArrayFrames, tuple[str, ...]]:
    """Make frames (t, 1, areas) of an array of traces, whichever of its axes is time.

    Parameters
    ----------
    path, source, shape, stored, chunks, stamp, what
        The file, and the array in it, of one or two axes.
    n_names
        How many areas are named; None if that is not known.
    axes
        What the user says: ``"ta"`` or ``"at"``. None: the axis that is as long as there are names
        is the areas'; where there are no names, the longer one is time.
    usual
        Their order where both axes are as long as there are names.

    Raises
    ------
    RecordingError
        If the axes cannot be those of traces.
    """
    said = (axes or "").lower().replace("a", "x")
    if axes and (sorted(said) != ["t", "x"][: len(shape)] or len(shape) > 2):
        raise RecordingError(
            f"{path}: its axes cannot be {axes!r}, as the array is {' x '.join(map(str, shape))}; "
            'give "ta", or "at" if each row is an area.'
        )
    if not said:
        said = usual
        if len(shape) == 1:
            said = "t"
        elif shape[0] != shape[1]:
            turned = shape[0] == n_names if n_names in shape else shape[1] > shape[0]
            said = "xt" if turned else "tx"
    arrangement = Arrangement(said, tuple(shape))
    check_frames(path, arrangement.movie_shape, stored)
    together, slow = frames_in_chunk(path, arrangement, chunks, stored.itemsize)
    frames = ArrayFrames(source, arrangement, stored.newbyteorder("="), stamp, what, together)
    return frames, slow


def frames_in_chunk(
    path: Path, arrangement: Arrangement, chunks: tuple[int, ...] | None, itemsize: int
) -> tuple[int, tuple[str, ...]]:
    """Return how many frames are best read together, and a word on chunks that make it slow.

    Raises
    ------
    RecordingError
        If a chunk is too large to be decoded for one frame.
    """
    if chunks is None:
        return 1, ()
    size = math.prod(chunks) * itemsize
    if size > _LARGEST_CHUNK:
        raise RecordingError(
            f"{path}: each of its chunks holds {size / 2**30:.1f} GB; save it again with chunks of "
            "about 64 frames."
        )
    times = int(chunks[arrangement.axes.index("t")]) * arrangement["c"]
    frames, rows, columns = arrangement.movie_shape
    most = max(1, _MOST_TOGETHER // (rows * columns * itemsize))
    if min(times, frames) <= most:
        return min(times, frames), ()
    note = (
        f"its chunks hold {times} frames each, so each look at it decodes as many; it is quicker "
        "saved as Zarr."
    )
    return most, (note,)


def could_be_traces(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of traces: times and areas, of numbers."""
    return len(shape) == 2 and min(shape) > 1 and dtype.kind in "iuf"


def choose(path: Path, candidates: Mapping[str, tuple[int, ...]], wanted: str | None) -> str:
    """Return the name of the array that is the movie: the one `wanted`, or the only candidate.

    If there are several to choose from, that raises `UnclearMovieError`; no such one,
    `RecordingError`.
    """
    listed = ", ".join(
        f"{name} ({' x '.join(map(str, shape))})" for name, shape in sorted(candidates.items())[:8]
    )
    if wanted is not None:
        for name in (wanted, wanted.strip("/")):
            if name in candidates:
                return name
        raise RecordingError(
            f"{path}: there is no movie called {wanted!r} in it; "
            + (f"give one of {listed} as dataset." if listed else "it holds none.")
        )
    if not candidates:
        raise RecordingError(
            f"{path}: there is no movie in it, that is, no array of frames x rows x columns; "
            "save the movie into it or give another file."
        )
    if len(candidates) > 1:
        raise UnclearMovieError(
            f"{path}: there are {len(candidates)} arrays that could be the movie: {listed}; "
            "give the name of one as dataset (command line: --as dataset=NAME).",
            tuple(sorted(candidates)),
        )
    return next(iter(candidates))


def could_be_movie(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of a movie: frames, rows and columns of numbers."""
    return (
        3 <= len(shape) <= 8
        and sum(n > 1 for n in shape) >= 3
        and bool(np.issubdtype(dtype, np.number))
    )


def _number(names: Iterable[str], *places: Mapping[str, Any]) -> float | None:
    """Return the first positive number that some place holds under one of some names."""
    for place in places:
        lowered = {str(key).lower(): value for key, value in place.items()}
        for name in names:
            value = np.asarray(lowered.get(name)) if name in lowered else np.empty(0)
            if value.size == 1 and np.issubdtype(value.dtype, np.number):
                number = float(np.real(value.reshape(-1)[0]))
                if np.isfinite(number) and number > 0:
                    return number
    return None


def _measure(
    names: Iterable[str], units: Callable[[Any], float | None], *places: Mapping[str, Any]
) -> float | None:
    """Return the first positive number under one of some names whose unit the name tells.

    As ``pixel_size_um`` does, or ``pixel_size`` beside ``pixel_size_unit``.
    """
    for place in places:
        lowered = {str(key).lower(): value for key, value in place.items()}
        for key in lowered:
            name, _, suffix = key.rpartition("_")
            beside = next((lowered[f"{key}_{u}"] for u in ("unit", "units") if f"{key}_{u}" in
                           lowered), None)  # fmt: skip
            unit = suffix if name in names else beside if key in names else None
            number = _number([key], lowered) if unit is not None else None
            factor = units(unit) if number else None
            if number and factor:
                return number * factor
    return None


def said_rate(*places: Mapping[str, Any]) -> float | None:
    """Frame rate (Hz) under one of its usual names, or from the time from frame to frame."""
    interval = _measure(_INTERVALS, seconds, *places)
    return _number(_RATES, *places) or (1 / interval if interval else None)


def are_times(name: str) -> bool:
    """Return whether a list of numbers is called like frame times, such as ``t_ms``."""
    return clock_kind(name) == "time"


def said_times(name: str, values: Any, unit: Any, said: list[str]) -> NDArray[np.float64] | None:
    """Return a list of times in seconds.

    A unit may stand in the name, and seconds need none; one that is not known is `said`, and gives
    None.
    """
    times = np.asarray(values, np.float64).reshape(-1)
    unit = stated(unit) or time_unit(name)
    factor = seconds(unit) if unit else 1.0
    if factor is None:
        said.append(unknown_unit(times[0], unit, "time"))
        return None
    return times * factor


def said_pixel_size(*places: Mapping[str, Any]) -> float | None:
    """Pixel size (mm) under a name that tells its unit, or with the unit beside it."""
    return _measure(_SIZES, millimetres, *places)
