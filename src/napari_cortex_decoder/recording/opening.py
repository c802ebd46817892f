"""Opening a recording: from a path and what a user says to a `Recording`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.clock import clock_warnings, rate_of
from napari_cortex_decoder.recording.formats import MovieFile, format_of
from napari_cortex_decoder.recording.formats.frames import EveryNth, check_frames, lazy_movie
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.sidecar import remembered_metadata


def open_recording(
    path: str | os.PathLike[str],
    *,
    frame_rate: float | None = None,
    pixel_size: float | None = None,
    channels: int | None = None,
) -> Recording:
    """Open a recording without reading its frames.

    What is given here counts before what the file says, and that before what was remembered in
    the recording's sidecar folder.

    Parameters
    ----------
    path
        File or folder of the movie.
    frame_rate
        Frames a second (Hz) of the movie; of interleaved colours, of each one.
    pixel_size
        Edge of a pixel in mm.
    channels
        Number of colours that the camera took in turns, 1 or 2: with 2, frames 0, 2, 4, … are the
        movie and frames 1, 3, 5, … its reference. None takes what the file says.

    Returns
    -------
    Recording
        Its movie is lazy, and no file is kept open. ``frame_rate`` is None where nobody knows it.

    Raises
    ------
    RecordingError
        If the file is missing, unreadable, truncated, no movie, or a value is impossible.
    """
    path = Path(path).expanduser().absolute()
    _check_said(path, frame_rate, pixel_size, channels)
    try:
        path.stat()
    except OSError as error:
        raise RecordingError(
            f"{path}: there is no such file ({error.strerror}); check the path."
        ) from error
    movie_format = format_of(path)
    found = movie_format.open(path)
    remembered = remembered_metadata(path)
    warnings = list(found.warnings)
    interleaved = _interleaved(path, found, channels)

    rate_in_file, times = found.frame_rate, found.frame_times
    if interleaved > found.channels:
        rate_in_file = rate_in_file / interleaved if rate_in_file else None
        times = times[::interleaved] if times is not None else None
    if times is not None and not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        warnings.append(
            "the frame times in the file do not increase; they are left out, and the frame rate "
            "alone makes the time axis."
        )
        times = None
    if times is not None and len(times) > 1:
        warnings += clock_warnings(times)
        rate_in_file = rate_of(times)

    movie, reference = found.frames, found.reference
    if interleaved == 2:
        n_pairs, odd = divmod(movie.shape[0], 2)
        movie, reference = EveryNth(found.frames, 0, 2), EveryNth(found.frames, 1, 2)
        if odd:
            warnings.append(f"the last of {n_pairs + 1} frames has no reference frame.")
    check_frames(path, movie.shape, movie.dtype)
    return Recording(
        movie=lazy_movie(movie),
        name=path.stem,
        frame_rate=_first(frame_rate, rate_in_file, remembered.get("frame_rate")),
        pixel_size=_first(pixel_size, found.pixel_size, remembered.get("pixel_size")),
        path=path,
        subject=found.subject,
        frame_times=times,
        reference=lazy_movie(reference) if reference is not None else None,
        format=movie_format.name,
        metadata=found.metadata,
        warnings=tuple(warnings),
    )


def _first(*values: float | None) -> float | None:
    return next((float(v) for v in values if v is not None), None)


def _interleaved(path: Path, found: MovieFile, channels: int | None) -> int:
    interleaved = channels or found.channels
    if interleaved > 1 and found.reference is not None:
        raise RecordingError(
            f"{path}: the file keeps its reference movie apart; leave out channels={channels}."
        )
    return interleaved


def _check_said(path: Path, frame_rate: Any, pixel_size: Any, channels: Any) -> None:
    for field, value, unit in (
        ("frame rate", frame_rate, "Hz"),
        ("pixel size", pixel_size, "mm"),
    ):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise RecordingError(
                f"{path}: the {field} is {value}; give a positive number of {unit}."
            )
    if channels not in (None, 1, 2):
        raise RecordingError(
            f"{path}: channels is {channels}; give 1, or 2 for two colours taken in turns."
        )
