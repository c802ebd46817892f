"""State and intents of labelling: the open recording's labels, and how they are edited."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Unpack

from psygnal import EventedModel, Signal
from pydantic import ConfigDict, PrivateAttr

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import (
    Behavior,
    Edit,
    Erase,
    Ethogram,
    Imported,
    Labels,
    LabelSession,
    Merge,
    Paint,
    Replace,
    SetBehaviors,
    Split,
    import_labels,
    write_labels,
)
from napari_cortex_decoder.labels.behaviors import KEYS, named_behavior, with_keys
from napari_cortex_decoder.labels.edits import bout_at
from napari_cortex_decoder.labels.importing import ImportOptions
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.preprocessing import Bin, Crop
from napari_cortex_decoder.recording.sidecar import sidecar_folders
from napari_cortex_decoder.widgets.parts.background import Background
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel, measured_ethogram
from napari_cortex_decoder.widgets.recording.preprocessed import labels_after, steps_between
from napari_cortex_decoder.widgets.recording.speed_model import SpeedModel

ERASER = ""
"""Brush that makes frames unknown."""

_FIRST = ("rest", "run")
_LONGEST_STEP = 2.0  # s that the slider may go on at once while a key paints; more is a jump
_COMMIT_EVERY = 0.1  # s; between two edits a painted bout only shows


@dataclass(frozen=True)
class Stroke:
    """A bout that a key began and that grows with the slider.

    Attributes
    ----------
    behavior
        Its name; `ERASER` to make frames unknown.
    start, last
        First frame, and the one reached.
    run
        Name under which its edits are undone together.
    """

    behavior: str
    start: int
    last: int
    run: str

    @property
    def edit(self) -> Edit:
        """What it comes to."""
        if self.behavior == ERASER:
            return Erase(start=self.start, stop=self.last + 1)
        return Paint(start=self.start, stop=self.last + 1, behavior=self.behavior)


class LabelsModel(EventedModel):
    """The labels of the open recording, and the journal that keeps them.

    Attributes
    ----------
    labels
        As they are now, of the raw recording's frames; None without a recording.
    preview
        As they would be after the edit that a mouse is about to make; else None.
    editing
        Whether keys and mouse edit.
    brush
        What dragging paints: a behavior, `ERASER`, or None to pan.
    stroke
        The bout that a key is painting; None if none is.
    notice
        A sentence about these labels: somebody else edits them, a crash cut off the last edit.
    imported
        What the last import brought, for its list of rows that did not match.
    message
        What was done last, in words.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    labels: Labels | None = None
    preview: Labels | None = None
    editing: bool = False
    brush: str | None = None
    stroke: Stroke | None = None
    notice: str = ""
    imported: Imported | None = None
    message: str = ""

    failed: ClassVar[Signal] = Signal(Exception)

    _movie: MovieModel = PrivateAttr()
    _speed: SpeedModel = PrivateAttr()
    _session: LabelSession | None = PrivateAttr(default=None)
    _of: tuple[Path | None, str, int] | None = PrivateAttr(default=None)
    _telling: bool = PrivateAttr(default=False)
    _n_runs: int = PrivateAttr(default=0)
    _committed: float = PrivateAttr(default=0.0)
    _work: Background = PrivateAttr()

    def __init__(self, movie: MovieModel, speed: SpeedModel) -> None:
        super().__init__()
        self._movie, self._speed = movie, speed
        self._work = Background(self.failed.emit)
        movie.events.recording.connect(self._on_recording)
        movie.labelled.connect(self._on_labelled)
        movie.events.frame.connect(self._on_frame)

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be labelled now; None if it can."""
        recording = self._movie.recording
        if recording is None:
            return "Open a recording first."
        if self._session is None:
            return self.notice or "The labels of this recording cannot be read."
        if self._session.read_only:
            return self.notice
        if self._moved:
            return "The frames shown are cropped or binned: show the raw movie to label it."
        return None

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._session is not None and self._session.can_undo and self.obstacle is None

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return self._session is not None and self._session.can_redo and self.obstacle is None

    def switch(self, editing: bool) -> None:
        """Let keys and mouse edit, or not."""
        self.stop()
        if editing and self.brush is None and self.labels is not None and self.labels.behaviors:
            self.brush = self.labels.behaviors[0].name
        self.editing = editing

    def choose_brush(self, brush: str | None) -> None:
        """Say what dragging paints."""
        self.brush = brush

    def edit(self, edit: Edit, run: str | None = None) -> bool:
        """Make an edit; tell whether it was possible."""
        session, labels = self._session, self.labels
        self.preview = None
        if self.obstacle is not None or session is None or labels is None:
            self.message = self.obstacle or ""
            return False
        try:
            if session.labels != labels:  # what the edit is based on was measured, not edited
                run = run or self._new_run()
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
            return
        self.preview = edit.apply(self.labels)

    def undo(self) -> None:
        """Take back the last edit."""
        self._step(LabelSession.undo)

    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._step(LabelSession.redo)

    def press(self, key: str) -> None:
        """Begin a bout of the behavior on a key at this frame, or end it; ``"0"`` erases."""
        if self.labels is None:
            return
        behavior = ERASER if key == "0" else self.labels.behavior_of(key)
        if behavior is None:
            self.message = f"No behavior is on the key {key}."
            return
        running = self.stroke
        self.stop()
        self.brush = behavior
        if running is None or running.behavior != behavior:
            frame = self._movie.frame
            stroke = Stroke(behavior, frame, frame, self._new_run())
            if self.edit(stroke.edit, stroke.run):
                self.stroke, self._committed = stroke, time.monotonic()

    def stop(self) -> None:
        """End the bout that a key began."""
        stroke, self.stroke = self.stroke, None
        if stroke is not None:
            self.edit(stroke.edit, stroke.run)

    def split(self) -> None:
        """Split the bout at this frame."""
        self.edit(Split(frame=self._movie.frame))

    def merge(self) -> None:
        """Merge the bout at this frame with the next one."""
        self.edit(Merge(frame=self._movie.frame))

    def erase_bout(self) -> None:
        """Make the bout at this frame unknown."""
        labels, frame = self.labels, self._movie.frame
        bout = None if labels is None else bout_at(labels.ethogram.bouts, frame)
        if bout is None:
            self.message = f"Nothing is labelled at frame {frame}."
        else:
            self.edit(Erase(start=bout.start, stop=bout.stop))

    def add_behavior(self, name: str) -> None:
        """Add a behavior on the first free key."""
        self._change(lambda known: with_keys([*known, named_behavior(name)]))

    def rename(self, name: str, new: str) -> None:
        """Call a behavior something else; its bouts keep their place."""
        if new != name:
            self._change(lambda known: _with(known, name, name=named_behavior(new).name), name, new)
            self.brush = new if self.brush == name else self.brush

    def set_key(self, name: str, key: str) -> None:
        """Put a behavior on a key; whichever had it is on none then."""
        if key not in ("", *KEYS):
            self.message = f"{key!r} is no key for a behavior: take one of 1–9."
            return
        taken = [b.name for b in self._behaviors if key and b.key == key and b.name != name]
        self._change(
            lambda known: _with(_with(known, taken[0], key="") if taken else known, name, key=key)
        )

    def set_color(self, name: str, color: tuple[int, int, int]) -> None:
        """Show a behavior in a colour (red, green, blue; 0–255)."""
        self._change(lambda known: _with(known, name, color=color))

    def remove_behavior(self, name: str) -> None:
        """Remove a behavior; its bouts become unknown."""
        self._change(lambda known: tuple(one for one in known if one.name != name))
        self.brush = None if self.brush == name else self.brush

    @property
    def _behaviors(self) -> tuple[Behavior, ...]:
        return () if self.labels is None else self.labels.behaviors

    def _change(
        self,
        how: Callable[[tuple[Behavior, ...]], tuple[Behavior, ...]],
        name: str | None = None,
        new: str = "",
    ) -> None:
        """Change the behaviors, and maybe what one of them is called."""
        try:
            behaviors = how(self._behaviors)
        except CortexDecoderError as error:
            self.failed.emit(error)
            return
        self.edit(SetBehaviors(behaviors=behaviors, renamed={} if name is None else {name: new}))

    def read(self, path: str | Path, **options: Unpack[ImportOptions]) -> None:
        """Take labels from a file; off the GUI thread, and to be undone like any edit."""
        raw = self._movie.raw
        if raw is None or self.obstacle is not None:
            self.message = self.obstacle or ""
            return

        def take(imported: Imported) -> None:
            if self._movie.raw is not raw:
                return
            bouts = imported.ethogram.bouts
            self.imported = imported
            if self.edit(Replace(start=0, stop=raw.n_frames, bouts=bouts)):
                self.message = f"{len(bouts)} bouts from {Path(path).name} ({imported.kind})."

        self._work.run(lambda: import_labels(path, raw, **options), then=take)

    def write(self, path: str | Path, form: str | None = None) -> None:
        """Write the labels to a file."""
        raw, labels = self._movie.raw, self.labels
        if raw is None or labels is None:
            return

        def tell(written: Path) -> None:
            self.message = f"Saved {written.name}."

        write = partial(write_labels, overwrite=True)  # the dialog has asked
        self._work.run(write, labels.ethogram, path, raw, form, then=tell)

    def reload(self) -> None:
        """Look again at labels that somebody else was editing."""
        if self._session is None:
            return
        try:
            self._session.reload()
        except CortexDecoderError as error:
            self.failed.emit(error)
        self._update()

    def close(self) -> None:
        """Put everything on the disk; the viewer is gone."""
        self.stop()
        self._work.drop()
        self._movie.events.recording.disconnect(self._on_recording)
        self._movie.labelled.disconnect(self._on_labelled)
        self._movie.events.frame.disconnect(self._on_frame)
        if self._session is not None:
            self._session.close()

    def _step(self, step: Callable[[LabelSession], None]) -> None:
        self.stop()
        if self._session is None or self.obstacle is not None:
            return
        try:
            step(self._session)
        except CortexDecoderError as error:
            self.failed.emit(error)
        self._update()

    def _new_run(self) -> str:
        self._n_runs += 1
        return f"{self._n_runs} {time.time():.3f}"

    @property
    def _moved(self) -> bool:
        """Whether the frames shown are not the raw recording's, one for one."""
        raw, shown = self._movie.raw, self._movie.recording
        if raw is None or shown is None or raw is shown:
            return False
        return any(
            (isinstance(step, Crop) and step.frames is not None)
            or (isinstance(step, Bin) and step.frames > 1)
            for step in steps_between(raw, shown)
        )

    def _on_recording(self, recording: Recording | None) -> None:
        """Open the labels of another recording, or keep those of this one."""
        raw = self._movie.raw
        of = None if raw is None else (raw.path, raw.name, raw.n_frames)
        if of != self._of:
            self.stroke = self.preview = self.imported = None
            self._work.drop()
            if self._session is not None:
                self._session.close()
            self._session, self._of, self.labels = None, of, None
            self.notice = self.message = ""
            if raw is not None:
                self._open(raw)
        self._update()

    def _open(self, raw: Recording) -> None:
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

    def _on_labelled(self) -> None:
        """Hear of labels that were measured; those that were edited come back after them."""
        if not self._telling and self._of is not None and self._is_current:
            self._update()

    @property
    def _is_current(self) -> bool:
        raw = self._movie.raw
        return raw is not None and (raw.path, raw.name, raw.n_frames) == self._of

    def _update(self) -> None:
        """Find out what the labels are, and tell."""
        session, recording, raw = self._session, self._movie.recording, self._movie.raw
        if session is None or recording is None or raw is None:
            return
        self.notice = session.notice
        by_speed = self._movie.ethogram if self._speed.labelling else None
        if by_speed is not None and not self._moved:
            self.labels = self._styled(by_speed)
        elif session.labels.behaviors:
            self.labels = session.labels
        else:
            measured = measured_ethogram(raw)
            self.labels = Labels.of(measured or Ethogram(_FIRST, (), raw.n_frames))
        if not self._speed.labelling:
            known = session.labels.ethogram if session.labels.behaviors else None
            steps = steps_between(raw, recording)
            self._tell(None if known is None else labels_after(known, steps))

    def _styled(self, ethogram: Ethogram) -> Labels:
        """Return labels whose behaviors look as they did, by name."""
        known = {one.name: one for one in (self.labels.behaviors if self.labels else ())}
        behaviors = [known.get(name) or named_behavior(name) for name in ethogram.behaviors]
        return Labels(with_keys(behaviors), ethogram)

    def _tell(self, ethogram: Ethogram | None) -> None:
        """Make them the labels that everybody sees; None: those that came with the recording."""
        recording = self._movie.recording
        if recording is None or self._movie.ethogram == (
            measured_ethogram(recording) if ethogram is None else ethogram
        ):
            return
        self._telling = True
        try:
            self._movie.label(ethogram)
        finally:
            self._telling = False

    def _on_frame(self, frame: int) -> None:
        """Let the bout that a key began grow with the slider."""
        stroke, recording = self.stroke, self._movie.recording
        if stroke is None or recording is None:
            return
        rate = recording.frame_rate or 30.0
        if not 0 <= frame - stroke.last <= max(_LONGEST_STEP * rate, 1):
            self.stop()  # a jump: nobody has seen what lies in between
            return
        self.stroke = grown = replace(stroke, last=frame)
        now = time.monotonic()
        if now - self._committed < _COMMIT_EVERY:
            self.try_out(grown.edit)
        else:
            self._committed = now
            self.edit(grown.edit, grown.run)


def _with(
    behaviors: tuple[Behavior, ...], which: str, /, **changes: object
) -> tuple[Behavior, ...]:
    """Return the behaviors with another key, colour or name for one of them."""
    return tuple(one.model_copy(update=changes) if one.name == which else one for one in behaviors)
