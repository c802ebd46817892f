"""Opening a recording: from a path and what a user says to a `Recording`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import as_rate_says, clock_warnings, lag_of, rate_of, same_rate
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import in_use
from napari_cortex_decoder.reading import readable, reads
from napari_cortex_decoder.recording.formats import Given, MovieFile, MovieFormat, format_of
from napari_cortex_decoder.recording.formats.frames import FrameReader, Picked
from napari_cortex_decoder.recording.formats.joining import join_files
from napari_cortex_decoder.recording.formats.lazy import LazyMovie
from napari_cortex_decoder.recording.formats.names import natural_key
from napari_cortex_decoder.recording.formats.traces.painted import PaintedFrames, traces_in
from napari_cortex_decoder.recording.recording import Recording, check_scale
from napari_cortex_decoder.recording.sidecar import remembered_metadata
from napari_cortex_decoder.units import plausible


@reads("a movie")
def open_recording(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    frame_rate: float | None = None,
    pixel_size: float | None = None,
    first_frame_time: float | None = None,
    channels: int | None = None,
    dataset: str | None = None,
    axes: str | None = None,
    shape: tuple[int, ...] | None = None,
    dtype: str | None = None,
    areas: str | Sequence[str] | None = None,
    atlas: str | None = None,
) -> Recording:
    """Open a recording without reading its frames.

    What is given here counts before what the file says, and that before what was remembered in
    the recording's sidecar folder. ``docs/formats.md`` lists the formats.

    Parameters
    ----------
    path
        File or folder of the movie; several files of one session are joined in the natural order
        of their names (2 before 10).
    frame_rate
        Frames a second (Hz) of the movie; of interleaved colours, of each one.
    pixel_size
        Edge of a pixel in mm.
    first_frame_time
        When the first frame was taken, in seconds of the session's clock.
    channels
        Number of colours that the camera took in turns, 1 or 2: with 2, frames 0, 2, 4, … are the
        movie and frames 1, 3, 5, … its reference. None takes what the file says.
    dataset
        Name of the movie inside an HDF5, MATLAB, Zarr or NWB file that holds several.
    axes
        What the axes of an array mean, slowest first, such as ``"tyx"`` or ``"yxt"``, where the
        file does not say and the guess is wrong.
    shape, dtype
        (frames, rows, columns) or (rows, columns), and type of a pixel such as ``"uint16"``, of a
        raw file whose name does not say.
    areas
        Names of the areas that the traces in a file are of, where it does not say them: a list, a
        file with one a line, or text with commas.
    atlas
        Whose areas the traces are of, as `load_atlas` takes it, if not ``"dorsal-cortex"``.

    Returns
    -------
    Recording
        Its movie is lazy, and no file is kept open. ``frame_rate`` is None where nobody knows it.
        Traces of areas are painted as a movie; see `Recording.traces`.

    Raises
    ------
    RecordingError
        If the file is missing, unreadable, truncated, no movie, or a value is impossible.
    UnclearMovieError
        If the file holds several arrays, or is raw and does not say its shape.
    """
    paths = _paths(path)
    path = paths[0]
    check_scale(path, frame_rate, pixel_size)
    if channels not in (None, 1, 2):
        raise RecordingError(
            f"{path}: channels is {channels}; give 1, or 2 for two colours taken in turns."
        )
    said = Given(dataset=dataset, axes=axes, shape=shape, dtype=dtype, areas=areas, atlas=atlas)
    given = {name: value for name, value in vars(said).items() if value is not None}
    movie_format = format_of(path)
    remembered = remembered_metadata(path)
    known = {name: remembered[name] for name in movie_format.options if name in remembered}
    found = join_files(paths, lambda one: _open(one, format_of(one), known | given))

    in_use(found.frames, [*paths, *_files(found.frames.token)])
    warnings = list(found.warnings)
    movie, reference, shown, then = _split(path, found, channels, warnings)
    if movie.shape[0] < 2:
        held = "one frame" if movie.shape[0] else "no frame"
        raise RecordingError(f"{path}: there is {held} in it; a movie needs at least 2.")
    turns = channels or found.channels
    said_rate, said_size, doubts = plausible(found.frame_rate, found.pixel_size)
    warnings += doubts
    own_rate = said_rate * found.channels / turns if said_rate else None
    rate = _first(frame_rate, own_rate, remembered.get("frame_rate"))
    times = found.frame_times[shown] if found.frame_times is not None else None
    if times is None and found.numbers is not None and rate and (np.diff(found.numbers) != 1).any():
        times = (found.numbers[shown] - found.numbers[0]) / (rate * turns)
    rate, times, doubts = _clock(rate, frame_rate, times)
    recording = Recording(
        movie=LazyMovie(movie),
        name=path.name if path.is_dir() and path.suffix != ".zarr" else path.stem,
        frame_rate=rate,
        pixel_size=_first(pixel_size, said_size, remembered.get("pixel_size")),
        path=path,
        subject=found.subject,
        frame_times=times,
        reference=LazyMovie(reference) if reference is not None else None,
        reference_lag=_lag(found, shown, then, channels),
        **traces_in(found.frames),
        format=movie_format.name,
        metadata=found.metadata,
        warnings=(*warnings, *doubts),
        steps=found.steps,
    )
    begin = _first(first_frame_time, remembered.get("first_frame_time"))
    return recording if begin is None else recording.beginning_at(begin)


def _paths(path: Any) -> list[Path]:
    several = [path] if isinstance(path, str | os.PathLike) else list(path)
    paths = sorted((Path(p).expanduser().absolute() for p in several), key=natural_key)
    if not paths:
        raise RecordingError("no file was given; give the files of one session.")
    for one in paths:
        if not one.exists():
            raise RecordingError(f"{one}: there is no such file; check the path.")
    return paths


def _files(token: Any) -> Iterator[Path]:
    """Return the files that the token of a reader names."""
    if isinstance(token, tuple):
        for part in token:
            yield from _files(part)
    elif isinstance(token, str) and Path(token).is_absolute():
        yield Path(token)


def _open(path: Path, movie_format: MovieFormat, given: dict[str, Any]) -> MovieFile:
    unknown = sorted(set(given) - {*movie_format.options})
    if unknown:
        raise RecordingError(
            f"{path}: {', '.join(unknown)} means nothing for {movie_format.name}; leave it out."
        )
    if path.is_file() and not path.stat().st_size:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    with readable(path, f"a movie ({movie_format.name})"):
        return movie_format.open(path, Given(**given))


def _split(
    path: Path, found: MovieFile, channels: int | None, warnings: list[str]
) -> tuple[FrameReader, FrameReader | None, NDArray[np.int64], NDArray[np.int64]]:
    """Return movie, reference, and which frames of the file are theirs."""
    every = np.arange(found.frames.shape[0], dtype=np.int64)
    if channels == 2 and isinstance(found.frames, PaintedFrames):
        raise RecordingError(
            f"{path}: it holds traces, not the frames of two colours; leave out channels=2."
        )
    if (channels or found.channels) == 1:
        return found.frames, found.reference, every, every[:0]
    if found.reference is not None:
        raise RecordingError(
            f"{path}: the file keeps its reference movie apart; leave out channels={channels}."
        )
    numbers = every if found.numbers is None else found.numbers - found.numbers[0]
    even = numbers % 2 == 0
    # a frame of the movie and the next one of the reference make a pair; the last frame of the
    # session may be alone
    paired = np.isin(numbers + 1, numbers) | (every == every[-1])
    first, second = every[even & paired], every[~even & np.isin(numbers - 1, numbers)]
    lost = len(every) - len(first) - len(second)
    if lost:
        warnings.append(
            f"{lost} frames have no partner of the other colour, which the camera lost; "
            "they are left out."
        )
    if len(first) > len(second):
        warnings.append("the last frame of the movie has no reference frame.")
    return Picked(found.frames, first), Picked(found.frames, second), first, second


def _lag(
    found: MovieFile, shown: NDArray[np.int64], then: NDArray[np.int64], channels: int | None
) -> float | None:
    """How many intervals after the movie's frames `shown` those of the reference, `then`, are."""
    times = found.frame_times
    if then.size and times is not None:
        return lag_of(times[shown], times[then])
    # what a user says of a camera: it took the colours in turns
    return 0.5 if channels == 2 and found.channels == 1 else found.reference_lag


def _clock(
    rate: float | None, given: float | None, times: NDArray[np.float64] | None
) -> tuple[float | None, NDArray[np.float64] | None, list[str]]:
    """Rate, frame times that can be believed, and what to say about them."""
    if times is None or len(times) < 2:
        return rate, None, []
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        return rate, None, ["the frame times in the file do not increase; they are left out."]
    times, scaled = as_rate_says(times, rate)
    measured, _, said = plausible(rate_of(times), None)
    if measured is None:
        return rate, None, said
    if given is not None and not same_rate(measured, given):
        told = f"the frame times in the file say {measured:.4g} Hz; they are left out, because "
        return rate, None, [f"{told}{given:g} Hz was given."]
    return given or measured, times, [*scaled, *clock_warnings(times)]


def _first(*values: float | None) -> float | None:
    return next((float(v) for v in values if v is not None), None)
