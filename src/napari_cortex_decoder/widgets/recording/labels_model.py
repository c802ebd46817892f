"""The one place where the open recording's labels live: edited ones, or measured ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from psygnal import Signal

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import (
    UNKNOWN,
    Edit,
    Ethogram,
    Labels,
    LabelSession,
    Replace,
    SetBehaviors,
    Source,
)
from napari_cortex_decoder.labels.behaviors import named_behavior, with_keys
from napari_cortex_decoder.recording import Recording, trace_at_frames
from napari_cortex_decoder.recording.sidecar import sidecar_folders
from napari_cortex_decoder.sessions.preprocessed import labels_after, moves_frames, steps_between
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.movie_model import LABEL_TRACE, MovieModel
from napari_cortex_decoder.widgets.recording.speed_model import BEHAVIORS, SpeedModel


class LabelsModel(SectionModel):
    """The labels of the open recording, and the journal that keeps them."""

    # as they are edited, of the raw recording's frames; None if nothing can be kept of it
    labels: Labels | None = None
    # as everybody sees them, of the frames shown: made of the speed, edited, or come with the
    # recording; None where nothing is labelled
    ethogram: Ethogram | None = None
    # as they would be after the edit that somebody is about to make; else None
    preview: Labels | None = None
    # a sentence about these labels: somebody else edits them, a crash cut off the last edit
    notice: str = ""
    message: str = ""  # what was done last, in words

    opened: ClassVar[Signal] = Signal()
    """These are the labels of another recording."""

    stepped: ClassVar[Signal] = Signal()
    """An edit was taken back, or made again."""

    _movie: MovieModel
    _speed: SpeedModel
    _session: LabelSession | None = None
    _of: tuple[Path | None, str, int] | None = None
    _n_runs: int = 0

    def __init__(self, movie: MovieModel, speed: SpeedModel) -> None:
        super().__init__()
        self._movie, self._speed = movie, speed
        self._ties.tie(self._update, movie.events.recording, speed.events.ethogram)

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be labelled now; None if it can."""
        raw, shown = self._movie.raw, self._movie.recording
        if raw is None or shown is None:
            return "Open a recording first."
        if self._session is None:
            return self.notice or "The labels of this recording cannot be read."
        if self._session.read_only:
            return self.notice
        if moves_frames(raw, steps_between(raw, shown)):
            return "The frames shown are not the raw ones: show the raw movie to label it."
        return None

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._session is not None and self._session.can_undo and self.obstacle is None

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return self._session is not None and self._session.can_redo and self.obstacle is None

    def new_run(self) -> str:
        """Return a name for edits that are undone together."""
        self._n_runs += 1
        return f"{self._n_runs} {time.time():.3f}"

    def edit(self, edit: Edit, run: str | None = None) -> bool:
        """Make an edit; tell whether it was possible."""
        session, labels = self._session, self.labels
        self.preview = None
        if self.obstacle is not None or session is None or labels is None:
            self.message = self.obstacle or ""
            return False
        try:
            if session.labels != labels:  # what the edit is based on was measured, not edited
                run = run or self.new_run()
                n_frames, bouts = labels.ethogram.n_frames, labels.ethogram.bouts
                session.edit(SetBehaviors(behaviors=labels.behaviors), run)
                session.edit(Replace(start=0, stop=n_frames, bouts=bouts), run)
            session.edit(edit, run)
        except CortexDecoderError as error:
            self.failed.emit(error)
            return False
        self._speed.set_labelling(False)  # from here on the labels are somebody's own
        self._update()
        self.message = ""
        return True

    def try_out(self, edit: Edit | None) -> None:
        """Show what an edit would make of the labels; None ends that."""
        if edit is None or self.labels is None or self.obstacle is not None:
            self.preview = None
        else:
            self.preview = edit.apply(self.labels)

    def undo(self) -> None:
        """Take back the last edit."""
        self._step(LabelSession.undo)

    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._step(LabelSession.redo)

    def reload(self) -> None:
        """Look again at labels that somebody else was editing."""
        self._try(LabelSession.reload)

    def close(self) -> None:
        """Put everything on the disk; the viewer is gone."""
        super().close()
        if self._session is not None:
            self._session.close()

    def _step(self, step: Callable[[LabelSession], None]) -> None:
        if self.obstacle is None:
            self.preview = None
            self.stepped.emit()
            self._try(step)

    def _try(self, how: Callable[[LabelSession], None]) -> None:
        if self._session is not None:
            try:
                how(self._session)
            except CortexDecoderError as error:
                self.failed.emit(error)
            self._update()

    def _open(self, raw: Recording | None) -> None:
        """Leave the labels of one recording for those of another."""
        if self._session is not None:
            self._session.close()
        self._session = self.labels = self.preview = None
        self.notice = self.message = ""
        self.opened.emit()
        if raw is None:
            return
        try:
            if raw.path is None:
                self._session = LabelSession(raw.n_frames, raw.name)
            else:
                kept = sidecar_folders(raw.path)
                self._session = LabelSession(
                    raw.n_frames, raw.name, kept.folder, kept.other, away=kept.away
                )
        except CortexDecoderError as error:
            self.notice = str(error)
            self.failed.emit(error)

    def _update(self) -> None:
        """Find out what the labels are now."""
        raw, shown, by_speed = self._movie.raw, self._movie.recording, self._speed.ethogram
        of = None if raw is None else (raw.path, raw.name, raw.n_frames)
        if of != self._of:
            self._of = of
            self._open(raw)
        if raw is None or shown is None:
            self.ethogram = None
            return
        steps, session = steps_between(raw, shown), self._session
        edited = session.labels if session is not None and session.labels.behaviors else None
        if session is not None:
            self.notice = session.notice
            if by_speed is not None and not moves_frames(raw, steps):
                self.labels = self._styled(by_speed)
            else:
                self.labels = edited or Labels.of(
                    _measured(raw) or Ethogram(BEHAVIORS, (), raw.n_frames)
                )
        if by_speed is not None:
            self.ethogram = by_speed
        elif edited is not None:
            self.ethogram = labels_after(edited.ethogram, raw, steps)
        else:
            self.ethogram = _measured(shown)

    def _styled(self, ethogram: Ethogram) -> Labels:
        """Return labels whose behaviors look as they did, by name."""
        known = {one.name: one for one in (self.labels.behaviors if self.labels else ())}
        behaviors = [known.get(name) or named_behavior(name) for name in ethogram.behaviors]
        return Labels(with_keys(behaviors), ethogram)


def _measured(recording: Recording) -> Ethogram | None:
    """Return the labels that came with a recording; None if none did."""
    if recording.format == "simulation":
        from napari_cortex_decoder.simulation import SimulatedRecording

        assert isinstance(recording, SimulatedRecording)
        return recording.truth.ethogram
    trace = recording.behavior.get(LABEL_TRACE)
    if trace is None:
        return None
    values = trace_at_frames(trace, recording)
    frames = np.where(np.isnan(values), UNKNOWN, values > 0.5).astype(np.int64)
    return Ethogram.from_frames(frames, BEHAVIORS, source=Source.MEASURED)
