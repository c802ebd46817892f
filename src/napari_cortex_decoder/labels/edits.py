"""Edits of labels, as values: they can be applied, told, written down and read back."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.behaviors import Behavior, Labels, Name
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram, Source
from napari_cortex_decoder.settings import Frozen

_Frame = Annotated[int, Field(ge=0)]


class _Edit(Frozen):
    def apply(self, labels: Labels) -> Labels:
        """Return the labels after this edit.

        Raises LabelError if it leaves the recording or names a behavior that is not there.
        """
        raise NotImplementedError


class Paint(_Edit):
    """Frames [start, stop) are a behavior, whatever they were."""

    kind: Literal["paint"] = "paint"
    start: _Frame
    stop: _Frame
    behavior: str
    source: Source = Source.PERSON

    def apply(self, labels: Labels) -> Labels:
        """Paint; touching bouts of the same behavior and source become one."""
        _check_range(self.start, self.stop, labels)
        _check_behavior(self.behavior, labels)
        bouts = labels.ethogram.bouts
        start, stop = self.start, self.stop
        before = bout_at(bouts, start - 1)
        after = bout_at(bouts, stop)
        if before is not None and (before.behavior, before.source) == (self.behavior, self.source):
            start = before.start
        if after is not None and (after.behavior, after.source) == (self.behavior, self.source):
            stop = after.stop
        return _cut_in(labels, start, stop, (Bout(start, stop, self.behavior, self.source),))


class Erase(_Edit):
    """Frames [start, stop) are unknown again."""

    kind: Literal["erase"] = "erase"
    start: _Frame
    stop: _Frame

    def apply(self, labels: Labels) -> Labels:
        """Erase."""
        _check_range(self.start, self.stop, labels)
        return _cut_in(labels, self.start, self.stop, ())


class Split(_Edit):
    """The bout around a frame becomes two; the second one begins with that frame."""

    kind: Literal["split"] = "split"
    frame: _Frame

    def apply(self, labels: Labels) -> Labels:
        """Split; where a border is already, nothing changes."""
        bout = _bout_at(self.frame, labels)
        if bout.start == self.frame:
            return labels
        halves = replace(bout, stop=self.frame), replace(bout, start=self.frame)
        return _cut_in(labels, bout.start, bout.stop, halves)


class Merge(_Edit):
    """The bout around a frame and the next one become one, of the first one's behavior."""

    kind: Literal["merge"] = "merge"
    frame: _Frame

    def apply(self, labels: Labels) -> Labels:
        """Merge; what is unknown between the two is filled."""
        bouts = labels.ethogram.bouts
        bout = _bout_at(self.frame, labels)
        place = bouts.index(bout)
        if place + 1 == len(bouts):
            raise LabelError(
                f"no bout follows the one of {bout.behavior!r} at frame {self.frame}; there is "
                "nothing to merge it with."
            )
        following = bouts[place + 1]
        same = bout.source == following.source and bout.behavior == following.behavior
        merged = Bout(
            bout.start, following.stop, bout.behavior, bout.source if same else Source.PERSON
        )
        return _cut_in(labels, merged.start, merged.stop, (merged,))


class MoveBorder(_Edit):
    """A border between bouts, or between a bout and what is unknown, moves to another frame.

    The side that grows covers whatever lies in between.
    """

    kind: Literal["move border"] = "move border"
    border: _Frame
    to: _Frame

    def apply(self, labels: Labels) -> Labels:
        """Move it."""
        bouts = labels.ethogram.bouts
        left, right = bout_at(bouts, self.border - 1), bout_at(bouts, self.border)
        if (left is None and right is None) or left is right:
            raise LabelError(f"no bout begins or ends at frame {self.border}; take a border.")
        if self.to > labels.ethogram.n_frames:
            raise LabelError(_outside(self.to, labels))
        low, high = sorted((self.border, self.to))
        if low == high:
            return labels
        grown = left if self.to > self.border else right
        if grown is None:
            return _cut_in(labels, low, high, ())
        start, stop = min(grown.start, low), max(grown.stop, high)
        return _cut_in(labels, start, stop, (Bout(start, stop, grown.behavior, Source.PERSON),))


class Flip(_Edit):
    """The bout around a frame is another behavior."""

    kind: Literal["flip"] = "flip"
    frame: _Frame
    behavior: str

    def apply(self, labels: Labels) -> Labels:
        """Flip."""
        _check_behavior(self.behavior, labels)
        bout = _bout_at(self.frame, labels)
        flipped = replace(bout, behavior=self.behavior, source=Source.PERSON)
        return _cut_in(labels, bout.start, bout.stop, (flipped,))


class Verify(_Edit):
    """Every bout that reaches into frames [start, stop) is right: somebody looked."""

    kind: Literal["verify"] = "verify"
    start: _Frame
    stop: _Frame

    def apply(self, labels: Labels) -> Labels:
        """Verify whole bouts."""
        _check_range(self.start, self.stop, labels)
        return labels.with_bouts(
            [
                replace(bout, source=Source.VERIFIED)
                if bout.start < self.stop and bout.stop > self.start
                else bout
                for bout in labels.ethogram.bouts
            ]
        )


class Replace(_Edit):
    """Frames [start, stop) are what these bouts say, and unknown between them."""

    kind: Literal["replace"] = "replace"
    start: _Frame
    stop: _Frame
    bouts: tuple[Bout, ...]

    def apply(self, labels: Labels) -> Labels:
        """Replace; behaviors that the labels do not have yet are added."""
        _check_range(self.start, self.stop, labels)
        inside = all(self.start <= bout.start and bout.stop <= self.stop for bout in self.bouts)
        if not inside:
            raise LabelError(f"bouts leave the frames {self.start}–{self.stop} that they are for.")
        grown = labels.with_more([bout.behavior for bout in self.bouts])
        return _cut_in(grown, self.start, self.stop, self.bouts)


class SetBehaviors(_Edit):
    """Other behaviors, in this order, with other names, colours or keys."""

    kind: Literal["set behaviors"] = "set behaviors"
    behaviors: tuple[Behavior, ...]
    renamed: Mapping[Name, Name] = Field(default_factory=dict)
    """New name by old name."""

    def apply(self, labels: Labels) -> Labels:
        """Set them; bouts of a behavior that is gone are erased."""
        names = tuple(behavior.name for behavior in self.behaviors)
        bouts = [
            replace(bout, behavior=self.renamed.get(bout.behavior, bout.behavior))
            for bout in labels.ethogram.bouts
        ]
        kept = tuple(bout for bout in bouts if bout.behavior in names)
        return Labels(self.behaviors, Ethogram(names, kept, labels.ethogram.n_frames))


Edit = Annotated[
    Paint | Erase | Split | Merge | MoveBorder | Flip | Verify | Replace | SetBehaviors,
    Field(discriminator="kind"),
]
"""Any edit."""


def bout_at(bouts: tuple[Bout, ...], frame: int) -> Bout | None:
    """Return the bout that a frame is in; None if it is unknown."""
    place = bisect_right(bouts, frame, key=lambda bout: bout.start) - 1
    return bouts[place] if place >= 0 and frame < bouts[place].stop else None


def _bout_at(frame: int, labels: Labels) -> Bout:
    bout = bout_at(labels.ethogram.bouts, frame)
    if bout is None:
        raise LabelError(f"frame {frame} is in no bout; take one that is labelled.")
    return bout


def _cut_in(labels: Labels, start: int, stop: int, new: tuple[Bout, ...]) -> Labels:
    """Put bouts in place of all that is in frames [start, stop)."""
    bouts = labels.ethogram.bouts
    first = bisect_right(bouts, start, key=lambda bout: bout.stop)
    after = bisect_left(bouts, stop, key=lambda bout: bout.start)
    cut = bouts[first:after]
    head = (replace(cut[0], stop=start),) if cut and cut[0].start < start else ()
    tail = (replace(cut[-1], start=stop),) if cut and cut[-1].stop > stop else ()
    return Labels(labels.behaviors, labels.ethogram.spliced(first, after, (*head, *new, *tail)))


def _check_range(start: int, stop: int, labels: Labels) -> None:
    if start >= stop:
        raise LabelError(f"frames {start}–{stop} are none; the first must be before the last.")
    if stop > labels.ethogram.n_frames:
        raise LabelError(_outside(stop, labels))


def _check_behavior(behavior: str, labels: Labels) -> None:
    if behavior not in labels.ethogram.behaviors:
        raise LabelError(
            f"{behavior!r} is none of the behaviors {list(labels.ethogram.behaviors)}; "
            "add it first."
        )


def _outside(frame: int, labels: Labels) -> str:
    return f"frame {frame} is outside the recording's {labels.ethogram.n_frames} frames."
