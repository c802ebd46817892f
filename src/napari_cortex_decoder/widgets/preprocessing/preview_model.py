"""State and intents of the preview: the frame under the slider as it would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.recording import Previews
from napari_cortex_decoder.recording.preprocessing import frame_origins
from napari_cortex_decoder.sessions.preprocessed import Patch
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.preprocessing.preprocessing_model import PreprocessingModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

_MOMENT = 300  # ms


@dataclass(frozen=True, eq=False)
class Preview:
    """One frame as it would be."""

    image: NDArray[np.generic]  # shape (y, x)
    # which part of the raw frames it shows, and which one the movie layer does
    patch: Patch
    shown: Patch


class PreviewModel(SectionModel):
    """Follows slider and steps with a preview, if asked to."""

    on: bool = False  # whether it does
    problem: str = ""  # why there is no preview now; empty if there is
    looking: bool = False  # whether one is being computed, and not in a moment

    previewed: ClassVar[Signal] = Signal(object)
    """What to lay over the movie: a `Preview`, or None for nothing."""

    _movie: MovieModel
    _preprocessing: PreprocessingModel
    _previews: Previews | None = None
    _looking: bool = False
    _look_again: bool = False
    _slow: QTimer

    def __init__(self, movie: MovieModel, preprocessing: PreprocessingModel) -> None:
        super().__init__()
        self._movie, self._preprocessing = movie, preprocessing
        self._slow = QTimer()
        self._slow.setSingleShot(True)
        self._slow.setInterval(_MOMENT)
        self._slow.timeout.connect(lambda: setattr(self, "looking", True))
        self._ties.tie(lambda: self.switch(False), movie.events.recording)
        self._ties.tie(self._look, movie.events.frame, preprocessing.events.drafts)

    def switch(self, on: bool) -> None:
        """Show the frame under the slider as it would be, or stop to."""
        self.on = on
        if on:
            self._look()
        else:
            self._previews = None  # with the frames that it holds
            self._clear("")

    def _look(self) -> None:
        """Compute a preview; of several that are asked for meanwhile, the last one counts."""
        raw, obstacle = self._movie.raw, self._preprocessing.steps_obstacle
        if not self.on or raw is None:
            return
        if obstacle is not None:
            self._clear(obstacle)
            return
        if self._looking:
            self._look_again = True
            return
        steps, applied = self._preprocessing.chosen, self._preprocessing.applied
        frame = int(frame_origins(raw, applied)[self._movie.frame])
        self._looking, self._look_again = True, False
        self._slow.start()

        def deliver(image: NDArray[np.generic]) -> None:
            self._looked(lambda: self._give(Preview(image, Patch.of(steps), Patch.of(applied))))

        def fail(error: Exception) -> None:
            self._looked(lambda: self._fail(error))

        if self._previews is None or self._previews.recording is not raw:
            self._previews = Previews(raw)
        self._background.run(self._previews.frame, steps, frame, then=deliver, failed=fail)

    def _looked(self, then: Callable[[], None]) -> None:
        self._looking = self.looking = False
        self._slow.stop()
        if self.on and not self._look_again:
            then()
        elif self._look_again:
            self._look()

    def _give(self, preview: Preview) -> None:
        self.problem = ""
        self.previewed.emit(preview)

    def _clear(self, problem: str) -> None:
        self.problem = problem
        self.previewed.emit(None)

    def _fail(self, error: Exception) -> None:
        """Say why there is no preview; what no user has caused ends it."""
        if isinstance(error, CortexDecoderError):
            self._clear(str(error))
            return
        self.switch(False)
        self.failed.emit(error)
