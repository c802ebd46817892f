"""State and intents of labelling: keys that paint, the brush, the behaviors, files of labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import (
    Behavior,
    Edit,
    Erase,
    Imported,
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
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

ERASER = ""
"""Brush that makes frames unknown."""

_LONGEST_STEP = 2.0  # s that the slider may go on at once while a key paints; more is a jump
_COMMIT_EVERY = 0.1  # s; between two edits a painted bout only shows


def painted(brush: str, first: int, last: int) -> Edit:
    """Return the edit that drawing with a brush from one frame to another comes to."""
    if brush == ERASER:
        return Erase(start=first, stop=last + 1)
    return Paint(start=first, stop=last + 1, behavior=brush)


@dataclass(frozen=True)
class Stroke:
    """A bout that a key began and that grows with the slider."""

    behavior: str  # its name; `ERASER` to make frames unknown
    # first frame, and the one reached
    start: int
    last: int
    run: str  # name under which its edits are undone together

    @property
    def edit(self) -> Edit:
        """What it comes to."""
        return painted(self.behavior, self.start, self.last)


class LabellingModel(SectionModel):
    """How somebody edits the labels: it reads a `LabelsModel` and sends it edits."""

    editing: bool = False  # whether keys and mouse edit
    brush: str | None = None  # what dragging paints: a behavior, `ERASER`, or None to pan
    stroke: Stroke | None = None  # the bout that a key is painting; None if none is
    # what the last import brought, for its list of rows that did not match
    imported: Imported | None = None

    _movie: MovieModel
    _labels: LabelsModel
    _committed: float = 0.0

    def __init__(self, movie: MovieModel, labels: LabelsModel) -> None:
        super().__init__()
        self._movie, self._labels = movie, labels
        self._ties.tie(self._forget, labels.opened)
        self._ties.tie(self.stop, labels.stepped)
        self._ties.tie(self._on_frame, movie.events.frame)

    def switch(self, editing: bool) -> None:
        """Let keys and mouse edit, or not."""
        self.stop()
        if editing and self.brush is None and self._behaviors:
            self.brush = self._behaviors[0].name
        self.editing = editing

    def press(self, key: str) -> None:
        """Begin a bout of the behavior on a key at this frame, or end it; ``"0"`` erases."""
        labels = self._labels.labels
        if labels is None:
            return
        behavior = ERASER if key == "0" else labels.behavior_of(key)
        if behavior is None:
            self._labels.message = f"No behavior is on the key {key}."
            return
        running = self.stroke
        self.stop()
        self.brush = behavior
        if running is None or running.behavior != behavior:
            frame = self._movie.frame
            stroke = Stroke(behavior, frame, frame, self._labels.new_run())
            if self._labels.edit(stroke.edit, stroke.run):
                self.stroke, self._committed = stroke, time.monotonic()

    def stop(self) -> None:
        """End the bout that a key began."""
        stroke, self.stroke = self.stroke, None
        if stroke is not None:
            self._labels.edit(stroke.edit, stroke.run)

    def split(self) -> None:
        """Split the bout at this frame."""
        self._labels.edit(Split(frame=self._movie.frame))

    def merge(self) -> None:
        """Merge the bout at this frame with the next one."""
        self._labels.edit(Merge(frame=self._movie.frame))

    def erase_bout(self) -> None:
        """Make the bout at this frame unknown."""
        labels, frame = self._labels.labels, self._movie.frame
        bout = None if labels is None else bout_at(labels.ethogram.bouts, frame)
        if bout is None:
            self._labels.message = f"Nothing is labelled at frame {frame}."
        else:
            self._labels.edit(Erase(start=bout.start, stop=bout.stop))

    def add_behavior(self, name: str) -> None:
        """Add a behavior on the first free key."""
        self._change(lambda known: with_keys([*known, named_behavior(name)]))

    def rename(self, name: str, new: str) -> None:
        """Call a behavior something else; its bouts keep their place."""
        if new != name:
            renamed = {name: new}
            self._change(lambda known: _with(known, name, name=named_behavior(new).name), renamed)
            self.brush = new if self.brush == name else self.brush

    def set_key(self, name: str, key: str) -> None:
        """Put a behavior on a key; whichever had it is on none then."""
        if key not in ("", *KEYS):
            self._labels.message = f"{key!r} is no key for a behavior: take one of 1–9."
            return
        holder = next((one.name for one in self._behaviors if key and one.key == key), name)
        self._change(lambda known: _with(_with(known, holder, key=""), name, key=key))

    def set_color(self, name: str, color: tuple[int, int, int]) -> None:
        """Show a behavior in a colour (red, green, blue; 0–255)."""
        self._change(lambda known: _with(known, name, color=color))

    def remove_behavior(self, name: str) -> None:
        """Remove a behavior; its bouts become unknown."""
        self._change(lambda known: tuple(one for one in known if one.name != name))
        self.brush = None if self.brush == name else self.brush

    def read(self, path: str | Path, **options: Unpack[ImportOptions]) -> None:
        """Take labels from a file; off the GUI thread, and to be undone like any edit."""
        raw, labels = self._movie.raw, self._labels
        if raw is None or labels.obstacle is not None:
            labels.message = labels.obstacle or ""
            return

        def take(imported: Imported) -> None:
            if self._movie.raw is not raw:
                return
            bouts = imported.ethogram.bouts
            self.imported = imported
            if labels.edit(Replace(start=0, stop=raw.n_frames, bouts=bouts)):
                labels.message = f"{len(bouts)} bouts from {Path(path).name} ({imported.kind})."

        self._background.run(lambda: import_labels(path, raw, **options), then=take)

    def write(self, path: str | Path, form: str | None = None) -> None:
        """Write the labels to a file."""
        raw, labels = self._movie.raw, self._labels.labels
        if raw is None or labels is None:
            return

        def tell(written: Path) -> None:
            self._labels.message = f"Saved {written.name}."

        write = partial(write_labels, format=form, overwrite=True)  # the dialog has asked
        self._background.run(write, labels.ethogram, path, raw, then=tell)

    def close(self) -> None:
        """End the bout that a key began; the viewer is gone."""
        self.stop()
        super().close()

    @property
    def _behaviors(self) -> tuple[Behavior, ...]:
        labels = self._labels.labels
        return () if labels is None else labels.behaviors

    def _change(
        self,
        how: Callable[[tuple[Behavior, ...]], tuple[Behavior, ...]],
        renamed: dict[str, str] | None = None,
    ) -> None:
        """Change the behaviors, and maybe what one of them is called."""
        try:
            edit = SetBehaviors(behaviors=how(self._behaviors), renamed=renamed or {})
        except CortexDecoderError as error:
            self.failed.emit(error)
        else:
            self._labels.edit(edit)

    def _forget(self) -> None:
        """Leave what was begun in another recording."""
        self.stroke = self.imported = None
        self._background.drop()

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
            self._labels.try_out(grown.edit)
        else:
            self._committed = now
            self._labels.edit(grown.edit, grown.run)


def _with(
    behaviors: tuple[Behavior, ...], which: str, /, **changes: object
) -> tuple[Behavior, ...]:
    """Return the behaviors with another key, colour or name for one of them."""
    return tuple(one.model_copy(update=changes) if one.name == which else one for one in behaviors)
