"""State and intents of the cameras: what films the mouse, and how their clocks are lined up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from psygnal import Signal

from napari_cortex_decoder.cameras import (
    Camera,
    CameraClock,
    Pictures,
    Pose,
    Rectangle,
    camera_with_clock,
    keypoint_speed,
    line_up,
    motion_energy,
    open_camera,
    read_pose,
    remember_cameras,
    remembered_cameras,
)
from napari_cortex_decoder.errors import CortexDecoderError, FrameRateError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.widgets.parts.long_task import LongTask
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


@dataclass(frozen=True)
class LiningUp:
    """A camera whose clock is being lined up by events that are seen in both.

    Attributes
    ----------
    pictures
        The camera's.
    events
        Of each event the time of the camera's own clock, and the session's (s).
    """

    pictures: Pictures
    events: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class UnclearCamera:
    """A camera that does not say how many pictures a second it has."""

    paths: tuple[Path, ...]


class CamerasModel(SectionModel):
    """The cameras of the open recording; they go with it, and come back with it.

    Attributes
    ----------
    cameras
        In the order in which they were added.
    lining_up
        The camera that is being lined up; None if none is.
    unclear
        Files whose rate somebody has to say; None if there are none.
    measuring
        How far the motion in a rectangle has been measured.
    """

    cameras: tuple[Camera, ...] = ()
    lining_up: LiningUp | None = None
    unclear: UnclearCamera | None = None
    measuring: Progress = Progress()

    wanted: ClassVar[Signal] = Signal(object)
    """Somebody wants to see this camera, whose pane may be closed."""

    posed: ClassVar[Signal] = Signal(object, object)
    """A pose table of this camera was read: which of its keypoints is wanted?"""

    _movie: MovieModel
    _task: LongTask
    _shown: Recording | None = None
    _clocked: bool = False

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._task = LongTask(lambda progress: setattr(self, "measuring", progress), self._fail)
        self._ties.tie(self._follow, movie.events.recording)
        self._follow()

    def add(self, *paths: str | Path, frame_rate: float | None = None) -> None:
        """Open a camera: one video, several in their order, or a folder of images."""
        raw = self._movie.raw
        if raw is None or not paths:
            return
        given = tuple(map(Path, paths))

        def refuse(error: Exception) -> None:
            of_camera = isinstance(error, FrameRateError) and self._clocked
            self.unclear = UnclearCamera(given) if of_camera else None
            self.failed.emit(error)

        self._background.run(_open, given, raw, frame_rate, then=self._take, failed=refuse)

    def say_rate(self, frame_rate: float) -> None:
        """Say how many pictures a second (Hz) the unclear camera has."""
        if self.unclear is not None:
            self.add(*self.unclear.paths, frame_rate=frame_rate)

    def remove(self, camera: Camera) -> None:
        """Show a camera no more; its files stay."""
        if self.lining_up is not None and self.lining_up.pictures is camera.pictures:
            self.lining_up = None
        self._keep(tuple(one for one in self.cameras if one.pictures is not camera.pictures))

    def camera_of(self, pictures: Pictures) -> Camera | None:
        """Return the camera that took some pictures, with the clock that it has now."""
        return next((one for one in self.cameras if one.pictures is pictures), None)

    def set_times(self, camera: Camera, file: str | Path) -> None:
        """Take a camera's frame times from a file."""
        raw = self._movie.raw
        if raw is not None:
            opened = replace(camera, times_file=Path(file))
            self._background.run(
                _open_again, opened, raw, then=lambda again: self._exchange(camera, again)
            )

    def set_clock(self, camera: Camera, clock: CameraClock) -> None:
        """Let the clock of a camera run otherwise."""
        raw = self._movie.raw
        if raw is None:
            return
        try:
            self._exchange(camera, camera_with_clock(camera, clock, raw))
        except CortexDecoderError as error:
            self.failed.emit(error)

    def begin_lining_up(self, camera: Camera) -> None:
        """Free a camera's pictures from the slider, so that an event can be sought in both."""
        self.lining_up = LiningUp(camera.pictures)

    def mark_event(self, picture: int) -> None:
        """Say that a picture of the camera and the frame under the slider are one moment."""
        lining, recording = self.lining_up, self._movie.recording
        if lining is None or recording is None:
            return
        camera = self.camera_of(lining.pictures)
        assert camera is not None
        moment = float(camera.own_times[picture]), float(recording.times[self._movie.frame])
        self.lining_up = replace(lining, events=(*lining.events, moment))
        try:
            clock = line_up(*zip(*self.lining_up.events, strict=True))
        except CortexDecoderError as error:
            self.lining_up = lining
            self.failed.emit(error)
        else:
            self.set_clock(camera, clock)

    def end_lining_up(self) -> None:
        """Let the camera follow the slider again."""
        self.lining_up = None

    def measure_motion(self, camera: Camera, rectangle: Rectangle) -> None:
        """Make a behavior trace of what moves in a part of a camera's pictures."""
        taken = self._movie.raw.behavior if self._movie.raw is not None else {}
        names = (f"motion {camera.name} {n}" if n else f"motion {camera.name}" for n in range(99))
        name = next(name for name in names if name not in taken)

        def measure(report: Report) -> Any:
            return motion_energy(camera, rectangle, name=name, report=report)

        self._task.start("measuring motion", measure, self._movie.add_trace)

    def read_pose(self, camera: Camera, file: str | Path) -> None:
        """Read where a tracker saw the mouse in a camera's pictures, and ask for a keypoint."""
        self._background.run(read_pose, Path(file), then=lambda pose: self.posed.emit(camera, pose))

    def add_speed(self, camera: Camera, pose: Pose, keypoint: str) -> None:
        """Make a behavior trace of how fast a keypoint moves."""
        try:
            trace = keypoint_speed(pose, self.camera_of(camera.pictures) or camera, keypoint)
        except CortexDecoderError as error:
            self.failed.emit(error)
        else:
            self._movie.add_trace(trace, f"speed of {keypoint}, {pose.path.name}")

    def cancel_motion(self) -> None:
        """Stop measuring; nothing of it stays."""
        self._task.cancel()

    def close(self) -> None:
        """End whatever runs; late results are dropped."""
        self._task.cancel()
        super().close()

    def _follow(self) -> None:
        """Take the cameras of another recording; those of one that only changed stay."""
        raw, known = self._movie.raw, self._clocked
        clocked = raw is not None and (bool(raw.frame_rate) or raw.frame_times is not None)
        same = _same_session(raw, self._shown)
        self._shown, self._clocked = raw, clocked
        if not same:
            self._background.drop()
            self._task.cancel()
            self.cameras, self.lining_up, self.unclear = (), None, None
        if clocked and not (same and (known or self.cameras)):
            self._background.run(remembered_cameras, raw, then=self._remembered)

    def _remembered(self, found: tuple[list[Camera], list[Exception]]) -> None:
        cameras, refused = found
        if self.cameras:  # added meanwhile, and so kept without those of before
            self._keep((*cameras, *self.cameras))
        else:
            self.cameras = tuple(cameras)
        for error in refused:
            self.failed.emit(error)

    def _take(self, camera: Camera) -> None:
        self.unclear = None
        self._keep((*self.cameras, camera))

    def _exchange(self, before: Camera, now: Camera) -> None:
        self._keep(tuple(now if one.pictures is before.pictures else one for one in self.cameras))

    def _keep(self, cameras: tuple[Camera, ...]) -> None:
        """Take other cameras, and remember them beside the recording."""
        self.cameras = cameras
        raw = self._movie.raw
        if raw is not None and raw.path is not None:
            self._background.run(remember_cameras, raw.path, cameras, then=lambda _: None)


def _same_session(one: Recording | None, other: Recording | None) -> bool:
    """Return whether two recordings are of one session, however they were changed."""
    if one is None or other is None:
        return one is other
    return one.movie is other.movie or (one.path is not None and one.path == other.path)


def _open_again(camera: Camera, recording: Recording) -> Camera:
    """Open a camera with the times of its file; runs in a thread."""
    again = open_camera(
        camera.files, recording, frame_rate=camera.frame_rate, frame_times=camera.times_file
    )
    return replace(again, pictures=camera.pictures)


def _open(paths: tuple[Path, ...], recording: Recording, frame_rate: float | None) -> Camera:
    """Open a camera; runs in a thread."""
    return open_camera(paths, recording, frame_rate=frame_rate)


def clock_text(camera: Camera) -> str:
    """Say how a camera's clock runs."""
    clock = camera.clock
    text = f"offset {clock.offset:.3f} s"
    if clock.drift:
        text += f", drift {60_000 * clock.drift:+.1f} ms a minute"
    return f"{text} ({clock.said})."
