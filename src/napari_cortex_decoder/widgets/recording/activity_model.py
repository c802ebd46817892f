"""State and intents of *Activity*: the movie as change in percent, or as it was filmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from psygnal import Signal

from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing.activity import activity_of
from napari_cortex_decoder.sessions import SessionState
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel


class ActivityModel(SectionModel):
    """Whether activity is shown, which is remembered with the recording."""

    on: bool = False  # whether it is

    ready: ClassVar[Signal] = Signal(object)
    """What to lay over the movie: frames (t, y, x) in percent, and where their colors end; None
    for nothing."""

    _movie: MovieModel
    _of: Path | None = None
    _shown: Any = None

    def __init__(self, movie: MovieModel) -> None:
        super().__init__()
        self._movie = movie
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._take, movie.remembered)

    def switch(self, on: bool) -> None:
        """Show activity, or the movie as it was filmed."""
        self.on = on
        self._movie.remember(activity=on)
        self._show()

    def _show(self) -> None:
        recording = self._movie.recording
        wanted = recording.movie if self.on and recording is not None else None
        if wanted is self._shown:
            return
        self._shown = wanted
        if wanted is None:
            self.ready.emit(None)
            return

        def give(found: object) -> None:
            if wanted is self._shown:
                self.ready.emit(found)

        self._background.run(activity_of, wanted, then=give)

    def _on_recording(self, recording: Recording | None) -> None:
        """Follow to the same movie preprocessed, not to another one."""
        raw = self._movie.raw
        of, self._of = self._of, None if raw is None else raw.path
        if of != self._of or recording is None:
            self.on = False
        self._show()

    def _take(self, state: SessionState) -> None:
        if state.activity:
            self.on = True
            self._show()
