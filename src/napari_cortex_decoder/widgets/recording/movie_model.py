"""State and intents of the section *Recording*: what is open, and where its slider stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np
from psygnal import Signal

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording import (
    BehaviorTrace,
    Recording,
    add_behavior,
    remember_metadata,
)
from napari_cortex_decoder.recording.behavior.alignment import ClockOptions
from napari_cortex_decoder.recording.behavior.reading import read_content
from napari_cortex_decoder.sessions import (
    SessionState,
    keep_behavior,
    open_session,
    remember_state,
    remembered_state,
)
from napari_cortex_decoder.sessions.behavior import file_added_last
from napari_cortex_decoder.sessions.preprocessed import with_raw
from napari_cortex_decoder.widgets.parts.clock import Clock
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.layers import LayerData, layer_of, load_for_layers

LABEL_TRACE = "runrest"
"""Name of the paper's label trace, 1 = run, 0 = rest: shown as labels, not as a curve."""


@dataclass(frozen=True)
class RefusedBehavior:
    """A behaviour file whose clock is not the recording's, or may be another than it was taken."""

    path: Path  # the file
    frame_times: tuple[str, ...]  # names of its own lists of frame times
    clock: Mapping[str, Any]  # what was said of it before: `ClockOptions`


@dataclass(frozen=True)
class UnclearMovie:
    """Files that somebody wants to open, and that do not say how to read them."""

    paths: tuple[Path, ...]  # the files of one session
    # names of the arrays that could be the movie; empty where shape and type are missing
    datasets: tuple[str, ...]
    traces: bool = False  # whether the areas are missing that its traces are of


class MovieModel(SectionModel):
    """The open recording. It is there as long as its layer is."""

    recording: Recording | None = None  # what the movie layer shows; None if there is none
    # the one that `recording` was made of, as its file has it; itself without preprocessing
    raw: Recording | None = None
    clock: Clock | None = None  # times of the recording's frames
    frame: int = 0  # frame under the slider
    opening: str = ""  # name of the file that is being opened; empty if none is
    # a behavior file that could not be put on the recording's clock, until somebody says how its
    # own clock runs; None if there is none
    refused: RefusedBehavior | None = None
    # files that could not be opened until somebody says how to read them; None if there are none
    unclear: UnclearMovie | None = None

    opened: ClassVar[Signal] = Signal(object)
    """A file has been opened: emits the data of its layer (see `layers.movie_layer`)."""

    replaced: ClassVar[Signal] = Signal(object, object)
    """The movie layer is to show this instead: the data of the layer, and the raw recording that
    it was made of; None if it is raw itself."""

    seek_wanted: ClassVar[Signal] = Signal(int)
    """Somebody wants the slider on this frame."""

    remembered: ClassVar[Signal] = Signal(SessionState)
    """What was chosen for this recording, when it was last looked at."""

    def open(self, path: str | Path, *more: str | Path) -> None:
        """Open a movie, or the files of one session, off the GUI thread.

        `opened` follows, or `failed`.
        """
        self._open((Path(path), *map(Path, more)), {})

    def open_as(self, **how: Any) -> None:
        """Open what was unclear, read as told (as by `open_recording`); that is remembered."""
        if self.unclear is not None:
            self._open(self.unclear.paths, how)

    def add_behavior(self, path: str | Path, **clock: Unpack[ClockOptions]) -> None:
        """Read behaviour that was measured beside the open recording; see `ClockOptions`."""
        raw, path = self.raw, Path(path)
        if raw is None:
            return

        def take(with_behavior: Recording) -> None:
            if self.raw is raw:  # else it was closed or changed meanwhile
                self.refused = None
                self._change_raw(with_behavior)

        def refuse(error: Exception) -> None:
            self.failed.emit(error)
            if isinstance(error, RecordingError) and self.raw is raw:
                self._ask_clock(lambda: _refused(path, {}))

        work = partial(_with_behavior, raw, path, clock)
        self._background.run(work, then=take, failed=refuse)

    def ask_clock(self) -> None:
        """Ask anew how the clock runs of the behavior file that was added last."""
        raw = self.raw
        if raw is not None and raw.path is not None:
            path = raw.path
            self._ask_clock(lambda: _refused(*file_added_last(path)))

    def _ask_clock(self, of: Callable[[], RefusedBehavior]) -> None:
        raw = self.raw

        def ask(refused: RefusedBehavior) -> None:
            if self.raw is raw:
                self.refused = refused

        self._background.run(of, then=ask)

    def add_trace(self, trace: BehaviorTrace, said: str = "") -> None:
        """Take one more trace on the raw recording's clock, or another one of that name.

        It is kept beside the recording, with what is `said` of how it was made.
        """
        if self.raw is not None:
            behavior = {**self.raw.behavior, trace.name: trace}
            self._change_raw(self.raw.replace(behavior=behavior))
            self._background.run(partial(keep_behavior, self.raw, [trace.name], said=said))

    def set_frame_rate(self, frame_rate: float) -> None:
        """Say how many frames a second (Hz) the open recording has, and remember it beside it."""
        if self.raw is None:
            return
        self._change_raw(self.raw.replace(frame_rate=frame_rate, frame_times=None))
        if self.raw.path is not None and self.raw.frame_rate == frame_rate:
            self._background.run(partial(remember_metadata, self.raw.path, frame_rate=frame_rate))

    def set_first_frame(self, seconds: float) -> None:
        """Say when (s, on the session's clock) the first frame was taken, and keep that beside it.

        Traces with a value a frame go along; those that have times of their own stay.
        """
        if self.raw is None:
            return
        raw = self.raw
        self._change_raw(raw.beginning_at(seconds))
        if self.raw is not raw:
            moved = [n for n, one in self.raw.behavior.items() if one is not raw.behavior[n]]
            self._background.run(partial(keep_behavior, self.raw, moved, timed=True))

    def set_pixel_size(self, pixel_size: float) -> None:
        """Say how wide (mm) a pixel of the raw recording is, and remember it beside it."""
        if self.raw is None:
            return
        self._change_raw(self.raw.replace(pixel_size=pixel_size))
        if self.raw.path is not None:
            self._background.run(partial(remember_metadata, self.raw.path, pixel_size=pixel_size))

    def remember(self, **state: Any) -> None:
        """Remember what is chosen for the open recording; see `remember_state`."""
        if self.raw is not None and self.raw.path is not None:
            self._background.run(partial(remember_state, self.raw.path, **state))

    def seek(self, frame: int) -> None:
        """Put the slider on a frame."""
        if self.recording is not None:
            self.seek_wanted.emit(int(np.clip(frame, 0, self.recording.n_frames - 1)))

    def show(self, recording: Recording | None, raw: Recording | None = None) -> None:
        """Take over what the movie layer shows now, and what that was made of, if of another."""
        before, self.raw = self.raw, recording if raw is None else raw
        if self.raw is None or before is None or before.movie is not self.raw.movie:
            self.refused = None
        self.clock = None if recording is None else Clock.of(recording)
        if recording is None or self.frame >= recording.n_frames:
            self.frame = 0
        self.recording = recording  # last: whoever hears of it finds the rest in place
        path = None if self.raw is None else self.raw.path
        if path is not None and (before is None or before.path != path):
            self._background.run(remembered_state, path, then=partial(self._bring_back, path))

    def _bring_back(self, path: Path, state: SessionState) -> None:
        if self.raw is not None and self.raw.path == path:  # else it was closed meanwhile
            self.remembered.emit(state)

    def _change_raw(self, raw: Recording) -> None:
        """Take over what has become known of the raw recording, and so of the one shown."""
        if self.raw is None or self.recording is None:
            return
        try:
            recording = with_raw(self.recording, self.raw, raw)
        except RecordingError as error:
            self.failed.emit(error)
            return
        self.show(recording, raw)

    def _open(self, paths: tuple[Path, ...], how: dict[str, Any]) -> None:
        def fail(error: Exception) -> None:
            self.opening = ""
            if isinstance(error, UnclearMovieError):
                self.unclear = UnclearMovie(paths, error.datasets, error.traces)
            self.failed.emit(error)

        self.opening = f"{len(paths)} files" if len(paths) > 1 else paths[0].name
        self._background.run(_open, paths, how, then=self._opened, failed=fail)

    def _opened(self, layer_data: object) -> None:
        self.opening, self.unclear = "", None
        self.opened.emit(layer_data)


def _refused(path: Path, clock: Mapping[str, Any]) -> RefusedBehavior:
    """See what a behaviour file says about its clock; runs in a thread."""
    return RefusedBehavior(path, tuple(read_content(path).frame_times), clock)


def _with_behavior(raw: Recording, path: Path, clock: ClockOptions) -> Recording:
    """Add the behavior of a file, and keep it beside the recording; runs in a thread."""
    found = add_behavior(raw, path, **clock)
    new = [name for name, trace in found.behavior.items() if raw.behavior.get(name) is not trace]
    timed = found.frame_times is not raw.frame_times
    try:
        keep_behavior(found, new, file=path, clock=clock, timed=timed)
    except RecordingError as error:
        found = found.replace(warnings=(*found.warnings, str(error)))
    return found


def _open(paths: Sequence[Path], how: dict[str, Any]) -> LayerData:
    """Open a session, remember how it is read, and describe its layer; runs in a thread."""
    load_for_layers()
    recording = open_session(paths, **how)
    if how and recording.path is not None:
        remember_metadata(recording.path, **how)
    return layer_of(recording)
