"""State and intents of playing: at the recording's own pace, from here or round a stretch."""

from __future__ import annotations

import time

from qtpy.QtCore import Qt, QTimer

from napari_cortex_decoder.errors import FrameRateError
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

SPEEDS = {0.25: "×¼", 0.5: "×½", 1.0: "×1", 2.0: "×2", 4.0: "×4", 8.0: "×8"}

_AROUND = 0.5  # s before and after a stretch that is looked at
_TICK = 15  # ms between two looks at the clock


class PlaybackModel(SectionModel):
    """Moves the slider along with the time that goes by; frames that come too late are left out.

    Not napari's animation: that counts ticks of a thread, and so is late by what each tick costs.
    """

    playing: bool = False  # whether the slider moves
    speed: float = 1.0  # seconds of the recording in a second, a key of `SPEEDS`
    # frames [start, stop) that are played again and again; None to play to the end
    stretch: tuple[int, int] | None = None

    _movie: MovieModel
    _timer: QTimer
    _since: tuple[float, float] = (0.0, 0.0)
    _asked: int = 0

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._tick)
        self._ties.tie(self.stop, movie.events.recording)
        self._ties.tie(self._on_frame, movie.events.frame)
        self._ties.tie(self._begin, self.events.speed)

    def toggle(self) -> None:
        """Play, or stop."""
        if self.playing:
            self.stop()
        else:
            self.play()

    def play(self) -> None:
        """Play from this frame on; from the first one at the end of the movie."""
        recording, clock = self._movie.recording, self._movie.clock
        if recording is None or clock is None:
            return
        if clock.unit != "s":
            self._refuse("play it at its own pace")
            return
        if self.stretch is None and self._movie.frame == recording.n_frames - 1:
            self._movie.seek(0)
        self._begin()
        self._timer.start()
        self.playing = True

    def stop(self) -> None:
        """Stay on this frame."""
        self._timer.stop()
        self.stretch = None
        self.playing = False

    def loop(self, start: int, stop: int) -> None:
        """Play frames [start, stop), and half a second around them, again and again."""
        recording, clock = self._movie.recording, self._movie.clock
        if recording is None or clock is None or clock.unit != "s":
            return
        first, last = (float(clock.times[frame]) for frame in (start, stop - 1))
        begin, end = clock.frame_at(first - _AROUND), clock.frame_at(last + _AROUND)
        self._movie.seek(begin)
        self.stretch = begin, end + 1
        self.play()

    def step(self, frames: int) -> None:
        """Go on by frames, or back."""
        self._movie.seek(self._movie.frame + frames)

    def jump(self, seconds: float) -> None:
        """Go on by seconds of the recording, or back."""
        clock = self._movie.clock
        if clock is None:
            return
        if clock.unit != "s":
            self._refuse("go through it by seconds")
            return
        self._movie.seek(clock.frame_at(float(clock.times[self._movie.frame]) + seconds))

    def close(self) -> None:
        """Stop; the viewer is gone."""
        self._timer.stop()
        super().close()

    def _refuse(self, why: str) -> None:
        recording = self._movie.recording
        name = "" if recording is None else recording.name
        self.failed.emit(
            FrameRateError(f"{name}: the frame rate is not known; set it in *Recording* to {why}.")
        )

    def _begin(self) -> None:
        """Let the time that goes by count from this frame on."""
        clock = self._movie.clock
        if clock is not None:
            self._asked = self._movie.frame
            self._since = time.monotonic(), float(clock.times[self._asked])

    def _tick(self) -> None:
        """Put the slider where it belongs by now."""
        clock = self._movie.clock
        if clock is None:
            return
        began, start = self._since
        now = start + (time.monotonic() - began) * self.speed
        if self.stretch is not None:
            first, last = (float(clock.edges[frame]) for frame in self.stretch)
            now = first + (now - first) % (last - first)
        frame = clock.frame_at(now)
        if frame != self._movie.frame:
            self._asked = frame
            self._movie.seek(frame)
        if self.stretch is None and now >= clock.times[-1]:
            self.stop()

    def _on_frame(self, frame: int) -> None:
        """Go on from where somebody else has put the slider."""
        if self.playing and frame != self._asked:
            if self.stretch is not None and not self.stretch[0] <= frame < self.stretch[1]:
                self.stretch = None
            self._begin()
