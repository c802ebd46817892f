"""A camera on the mouse, on the clock of the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.cameras.nwb import open_nwb_camera
from napari_cortex_decoder.cameras.pictures import Pictures, open_pictures
from napari_cortex_decoder.clock import clock_warnings
from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.recording.behavior.reading import read_content
from napari_cortex_decoder.recording.recording import Recording

_LARGEST_DRIFT = 0.05


@dataclass(frozen=True)
class CameraClock:
    """How the clock of a camera runs on that of the session."""

    offset: float  # session time (s) at which the camera's clock shows 0
    # seconds that the session gains on each second of the camera; 0 if both run alike
    drift: float = 0.0
    said: str = "given"  # in a few words where this comes from

    def on_session(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return times of the camera's clock as session times (s)."""
        times: NDArray[np.float64] = self.offset + (1 + self.drift) * seconds
        return times


@dataclass(frozen=True, kw_only=True, eq=False)
class Camera:
    """A camera on the mouse."""

    name: str  # to show: the file's stem
    pictures: Pictures  # what it took
    own_times: NDArray[np.float64]  # shape (n,), seconds on the camera's own clock, increasing
    clock: CameraClock  # how that runs on the session's
    # where they lie: a video, several in their order, or a folder of images
    files: tuple[Path, ...]
    # pictures a second (Hz) that somebody said; None where the file says it
    frame_rate: float | None = None
    times_file: Path | None = None  # file of the frame times; None where there is none
    warnings: tuple[str, ...] = ()  # sentences that a user should read

    @property
    def n_frames(self) -> int:
        """Number of pictures that have a time."""
        return self.own_times.size

    @property
    def times(self) -> NDArray[np.float64]:
        """Session time of each picture (s), shape (n,)."""
        return self.clock.on_session(self.own_times)

    def frame_at(self, seconds: float) -> int | None:
        """Return the picture nearest in time to a moment of the session (s).

        None where the camera did not run: more than one and a half of its intervals before its
        first picture or after its last.
        """
        times = self.times
        after = int(np.clip(np.searchsorted(times, seconds), 1, max(1, times.size - 1)))
        nearest = (
            after
            if times.size > 1 and times[after] - seconds < seconds - times[after - 1]
            else after - 1
        )
        reach = 1.5 * float(np.median(np.diff(times))) if times.size > 1 else np.inf
        return nearest if times[0] - reach <= seconds <= times[-1] + reach else None


def open_camera(
    path: str | Path | Sequence[str | Path],
    recording: Recording,
    *,
    frame_rate: float | None = None,
    frame_times: ArrayLike | str | Path | None = None,
    offset: float | None = None,
    drift: float = 0.0,
) -> Camera:
    """Open what a camera filmed of the mouse during a recording.

    Raises RecordingError if it cannot be read, or the times are impossible; FrameRateError if its
    rate is not known, or the recording's own frame times are not.

    Parameters
    ----------
    path
        A video, several of one session in their order, a folder of images, or an NWB file with an
        ``ImageSeries`` whose videos lie in its folder.
    recording
        What was filmed of its cortex meanwhile: its clock is the session's.
    frame_rate
        Pictures a second (Hz), where the file does not say it or says it wrongly.
    frame_times
        Shape (n,), seconds on the camera's clock, one a picture: a list that the acquisition
        program kept, or the times of its TTL pulses; or the file that holds it.
    offset
        Session time (s) at which the camera's clock shows 0. If None: frame times that were given
        are session times, and any other camera began with the movie's first frame.
    drift
        Seconds that the session gains on each second of the camera.

    Returns
    -------
    Camera
        What it cannot say is among its warnings.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    first = paths[0]
    if len(paths) == 1 and first.suffix.lower() == ".nwb" and first.is_file():
        pictures, in_file = open_nwb_camera(first)
    else:
        pictures, in_file = open_pictures(paths), None
    times_file = Path(frame_times) if isinstance(frame_times, str | Path) else None
    given = frame_times if times_file is None else read_camera_times(times_file)
    if given is None and frame_rate is None:
        given = in_file
    times = None if given is None else np.asarray(given, np.float64)
    own, said = _own_times(first, pictures, frame_rate, times)
    begin = float(recording.times[0])
    if offset is not None:
        clock = CameraClock(offset, drift, "offset given")
    elif times is not None:
        clock = CameraClock(0.0, drift, "frame times given")
    else:
        clock = CameraClock(begin - float(own[0]), drift, "begins with the movie (assumed)")
    _check_clock(first, clock)
    camera = Camera(
        name=first.stem,
        pictures=pictures,
        own_times=own,
        clock=clock,
        files=tuple(paths),
        frame_rate=frame_rate,
        times_file=times_file,
        warnings=(*pictures.said, *said),
    )
    return camera_with_clock(camera, clock, recording)


def camera_with_clock(camera: Camera, clock: CameraClock, recording: Recording) -> Camera:
    """Return a camera whose clock runs otherwise, and what does not fit the recording then."""
    _check_clock(camera.pictures.path, clock)
    kept = tuple(said for said in camera.warnings if not said.startswith(_NOT_COVERED))
    times, movie = clock.on_session(camera.own_times), recording.times
    seen = np.count_nonzero((movie >= times[0] - 0.5) & (movie <= times[-1] + 0.5))
    missing = movie.size - int(seen)
    if missing:
        kept += (
            f"{_NOT_COVERED} {missing} of the movie's {movie.size} frames: it films from "
            f"{times[0]:.1f} to {times[-1]:.1f} s, the movie from {movie[0]:.1f} to "
            f"{movie[-1]:.1f} s.",
        )
    return replace(camera, clock=clock, warnings=kept)


def line_up(camera_times: ArrayLike, session_times: ArrayLike) -> CameraClock:
    """Return the clock of a camera from events that are seen in its pictures and in the session.

    Raises RecordingError if there is no event, two are at one time, or the drift is more than 5 %:
    then they are not the same events.

    Parameters
    ----------
    camera_times
        Shape (n,), seconds on the camera's own clock, of at least one event.
    session_times
        Shape (n,), session time (s) of the same events.

    Returns
    -------
    CameraClock
        One event gives the offset; from two on the straight line through them gives the drift too.
    """
    seen, felt = np.asarray(camera_times, float), np.asarray(session_times, float)
    if seen.ndim != 1 or seen.shape != felt.shape or not seen.size:
        raise RecordingError(
            f"{seen.size} events of the camera for {felt.size} of the session; give both times of "
            "each event, and at least one event."
        )
    if not (np.isfinite(seen).all() and np.isfinite(felt).all()):
        raise RecordingError("an event has no time; give both times of each event in seconds.")
    if seen.size == 1:
        return CameraClock(float(felt[0] - seen[0]), 0.0, "lined up by one event")
    if np.ptp(seen) == 0:
        raise RecordingError(
            "all events are at one time of the camera; choose events that lie apart."
        )
    slope, offset = np.polyfit(seen, felt, 1)
    if abs(slope - 1) > _LARGEST_DRIFT:
        raise RecordingError(
            f"the session would run {slope:.2f} times as fast as the camera; choose the same "
            "events in both, or correct the camera's frame rate."
        )
    return CameraClock(float(offset), float(slope - 1), f"lined up by {seen.size} events")


def read_camera_times(path: Path) -> NDArray[np.float64]:
    """Return the frame times that a file holds, shape (n,), seconds.

    Raises RecordingError if it cannot be read, or holds several lists or none.

    Parameters
    ----------
    path
        Table, array or NWB file: of a camera's frame times, its TTL pulses, or of one list alone.
    """
    content = read_content(path)
    lists = dict(content.frame_times) or {
        name: held.values if held.times is None else held.times
        for name, held in content.samples.items()
    }
    if len(lists) != 1:
        raise RecordingError(
            f"{path}: it holds {len(lists)} lists that could be frame times "
            f"({', '.join(lists) or 'none'}); give a file with one."
        )
    (times,) = lists.values()
    return np.asarray(times, np.float64)


_NOT_COVERED = "the camera does not show"


def _own_times(
    path: Path, pictures: Pictures, rate: float | None, given: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the time of each picture on the camera's clock, and what to say of it."""
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise RecordingError(f"{path}: the frame rate is {rate}; give a positive number of Hz.")
    n = len(pictures)
    if given is not None:
        return _given_times(path, n, given)
    if rate is None and pictures.times is not None:
        return pictures.times, list(clock_warnings(pictures.times)) if n > 2 else []
    if rate is None:
        raise FrameRateError(
            f"{path}: it does not say how many pictures a second it has; give the camera's frame "
            "rate in Hz, or its frame times."
        )
    return np.arange(n) / rate, []


def _given_times(
    path: Path, n: int, times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[str]]:
    if times.ndim != 1 or times.size < 2 or not np.isfinite(times).all():
        raise RecordingError(f"{path}: its frame times are no list of numbers; correct the list.")
    if (np.diff(times) <= 0).any():
        raise RecordingError(f"{path}: its frame times do not increase; correct the list.")
    said = list(clock_warnings(times))
    if times.size != n:
        left = "times are left over" if times.size > n else "pictures have none and are left out"
        said.append(
            f"it has {n} pictures for {times.size} frame times: they are taken to begin together, "
            f"and {abs(times.size - n)} {left} at the end; if the camera lost pictures in between, "
            "line it up by two events."
        )
    return times[:n], said


def _check_clock(path: Path, clock: CameraClock) -> None:
    if not (np.isfinite(clock.offset) and abs(clock.drift) <= _LARGEST_DRIFT):
        raise RecordingError(
            f"{path}: the offset is {clock.offset} s and the drift {clock.drift}; give a number of "
            "seconds, and a drift of at most 0.05."
        )
