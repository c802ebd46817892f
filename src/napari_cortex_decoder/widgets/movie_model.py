"""State and intents of the section *Recording*: what is open, and where its slider stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr
from superqt.utils import create_worker

from napari_cortex_decoder.labels import UNKNOWN, Ethogram, Source
from napari_cortex_decoder.recording import (
    Recording,
    add_behavior,
    open_recording,
    remember_metadata,
    trace_at_frames,
)
from napari_cortex_decoder.widgets.clock import Clock
from napari_cortex_decoder.widgets.layers import movie_layer, sample_contrast_limits

LABEL_TRACE = "runrest"
"""Name of the paper's label trace, 1 = run, 0 = rest: shown as labels, not as a curve."""


class MovieModel(EventedModel):
    """The open recording. It is there as long as its layer is.

    Attributes
    ----------
    recording
        What the movie layer shows; None if there is none.
    frame
        Frame under the slider.
    opening
        Name of the file that is being opened; empty if none is.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    recording: Recording | None = None
    frame: int = 0
    opening: str = ""

    opened: ClassVar[Signal] = Signal(object)
    """A file has been opened: emits the data of its layer (see `layers.movie_layer`)."""

    seek_wanted: ClassVar[Signal] = Signal(int)
    """Somebody wants the slider on this frame."""

    failed: ClassVar[Signal] = Signal(Exception)

    _clock: Clock | None = PrivateAttr(default=None)
    _ethogram: Ethogram | None = PrivateAttr(default=None)
    _closed: bool = PrivateAttr(default=False)

    @property
    def clock(self) -> Clock | None:
        """Times of the recording's frames; None without a recording."""
        return self._clock

    @property
    def ethogram(self) -> Ethogram | None:
        """The recording's labels: measured beside the movie, or the truth of a simulated one."""
        return self._ethogram

    def open(self, path: str | Path) -> None:
        """Open a movie off the GUI thread; `opened` follows, or `failed`."""
        self.opening = Path(path).name
        self._work(_open, path, done=self._opened)

    def add_behavior(self, path: str | Path) -> None:
        """Read behaviour that was measured beside the open recording."""
        recording = self.recording
        if recording is None:
            return

        def take(with_behavior: Recording) -> None:
            if self.recording is recording:  # else it was closed or changed meanwhile
                self.show(with_behavior)

        self._work(add_behavior, recording, path, done=take)

    def set_frame_rate(self, frame_rate: float) -> None:
        """Say how many frames a second (Hz) the open recording has, and remember it beside it."""
        if self.recording is None:
            return
        self.show(self.recording.replace(frame_rate=frame_rate, frame_times=None))
        if self.recording.path is not None:
            self._work(remember_metadata, self.recording.path, frame_rate=frame_rate)

    def seek(self, frame: int) -> None:
        """Put the slider on a frame."""
        if self.recording is not None:
            self.seek_wanted.emit(int(np.clip(frame, 0, self.recording.n_frames - 1)))

    def show(self, recording: Recording | None) -> None:
        """Take over what the movie layer shows now."""
        self._clock = None if recording is None else Clock.of(recording)
        self._ethogram = None if recording is None else measured_ethogram(recording)
        if recording is None or self.frame >= recording.n_frames:
            self.frame = 0
        self.recording = recording  # last: whoever hears of it finds the rest in place

    def close(self) -> None:
        """Drop whatever background work still brings."""
        self._closed = True

    def _opened(self, layer_data: object) -> None:
        self.opening = ""
        self.opened.emit(layer_data)

    def _work(self, function: Any, *args: Any, done: Any = None, **kwargs: Any) -> None:
        """Run a function in a thread; its result or its exception comes back on this one."""

        def deliver(result: Any) -> None:
            if done is not None and not self._closed:
                done(result)

        def fail(error: Exception) -> None:
            if not self._closed:
                self.opening = ""
                self.failed.emit(error)

        create_worker(function, *args, **kwargs, _connect={"returned": deliver, "errored": fail})


def measured_ethogram(recording: Recording) -> Ethogram | None:
    """Give the labels that came with a recording; None if none did."""
    if recording.format == "simulation":
        from napari_cortex_decoder.simulation import SimulatedRecording

        assert isinstance(recording, SimulatedRecording)
        return recording.truth.ethogram
    trace = recording.behavior.get(LABEL_TRACE)
    if trace is None:
        return None
    values = trace_at_frames(trace, recording)
    frames = np.where(np.isnan(values), UNKNOWN, values > 0.5).astype(np.int64)
    return Ethogram.from_frames(frames, ("rest", "run"), Source.MEASURED)


def _open(path: str | Path) -> tuple[Any, dict[str, Any], str]:
    """Open a recording and describe its layer; runs in a thread."""
    recording = open_recording(path)
    return movie_layer(recording, sample_contrast_limits(recording))
