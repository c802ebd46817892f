"""Ethograms: what the animal did, frame by frame, stored as bouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.bouts import UNKNOWN
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import begins, csv_text, write_whole


class Source(StrEnum):
    """Who says so."""

    PERSON = "person"
    MODEL = "model"
    VERIFIED = "verified"
    MEASURED = "measured"


@dataclass(frozen=True, order=True, slots=True)
class Bout:
    """One uninterrupted stretch of one behaviour.

    Attributes
    ----------
    start, stop
        First frame, and the frame after the last one.
    behavior
        Name of the behaviour.
    source
        Who says so.
    """

    start: int
    stop: int
    behavior: str
    source: Source = Source.PERSON


@dataclass(frozen=True)
class Ethogram:
    """Labels of one recording; frames in no bout are *unknown*.

    Parameters
    ----------
    behaviors
        Names, in the order of the frame values 0, 1, ….
    bouts
        Sorted by start, inside [0, n_frames), none overlapping another.
    n_frames
        Length of the recording in frames.

    Raises
    ------
    LabelError
        If a bout is empty, leaves the recording, overlaps another, or names a behaviour that is
        not in `behaviors`.
    """

    behaviors: tuple[str, ...]
    bouts: tuple[Bout, ...]
    n_frames: int

    def __post_init__(self) -> None:
        """Check the bouts against the recording and each other."""
        if len(set(self.behaviors)) != len(self.behaviors):
            raise LabelError(f"behaviors {list(self.behaviors)} repeat a name; rename one of them.")
        end = 0
        for bout in self.bouts:
            if bout.behavior not in self.behaviors:
                raise LabelError(
                    f"bout {bout.start}–{bout.stop} names {bout.behavior!r}, which is none of "
                    f"{list(self.behaviors)}; add it to the behaviors."
                )
            if not 0 <= bout.start < bout.stop <= self.n_frames:
                raise LabelError(
                    f"bout {bout.start}–{bout.stop} of {bout.behavior!r} is empty or outside the "
                    f"recording's {self.n_frames} frames; crop or shift the labels."
                )
            if bout.start < end:
                raise LabelError(
                    f"bout {bout.start}–{bout.stop} of {bout.behavior!r} overlaps the one before "
                    "it or is out of order; a frame has one behaviour."
                )
            end = bout.stop

    def spliced(self, first: int, after: int, bouts: Sequence[Bout]) -> Ethogram:
        """Return a copy with bouts in place of ``bouts[first:after]``; only these are checked."""
        before, behind = self.bouts[:first], self.bouts[after:]
        Ethogram(self.behaviors, (*before[-1:], *bouts, *behind[:1]), self.n_frames)
        whole = object.__new__(Ethogram)
        vars(whole).update(vars(replace(self, bouts=())), bouts=(*before, *bouts, *behind))
        return whole

    @classmethod
    def from_frames(
        cls, frames: ArrayLike, behaviors: tuple[str, ...], *, source: Source = Source.PERSON
    ) -> Ethogram:
        """Make an ethogram of one value a frame, shape (t,): index into `behaviors`, −1 unknown.

        `source` is that of all bouts. Raises LabelError if a value is no such index.
        """
        values = np.asarray(frames)
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
            raise LabelError(
                f"frame labels have shape {values.shape} and type {values.dtype}; "
                "give one integer a frame."
            )
        if values.size and (values.min() < UNKNOWN or values.max() >= len(behaviors)):
            raise LabelError(
                f"frame labels range over {values.min()}…{values.max()}; with behaviors "
                f"{list(behaviors)} they must be −1 (unknown) to {len(behaviors) - 1}."
            )
        borders = np.flatnonzero(np.diff(values)) + 1
        starts = np.concatenate([[0], borders]) if values.size else np.empty(0, int)
        stops = np.concatenate([borders, [values.size]]) if values.size else np.empty(0, int)
        bouts = tuple(
            Bout(int(start), int(stop), behaviors[values[start]], source)
            for start, stop in zip(starts, stops, strict=True)
            if values[start] != UNKNOWN
        )
        return cls(behaviors, bouts, int(values.size))

    def frames(self) -> Ints:
        """Return the label of each frame, (t,), int64: index into `behaviors`, −1 where unknown."""
        starts, stops, values = self.arrays
        n = len(self.bouts)
        borders = np.empty(2 * n + 2, np.int64)
        borders[0], borders[1:-1:2], borders[2:-1:2], borders[-1] = 0, starts, stops, self.n_frames
        states = np.full(2 * n + 1, UNKNOWN, np.int64)
        states[1::2] = values
        return np.repeat(states, np.diff(borders))

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Start, stop and frame value of each bout, shape (n,) each."""
        n, places = len(self.bouts), {name: place for place, name in enumerate(self.behaviors)}
        columns = (
            np.fromiter(map(attrgetter("start"), self.bouts), np.int32, n),
            np.fromiter(map(attrgetter("stop"), self.bouts), np.int32, n),
            np.fromiter((places[bout.behavior] for bout in self.bouts), np.int32, n),
        )
        for column in columns:
            column.setflags(write=False)
        return columns

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write one row a bout: ``start_frame,stop_frame,behavior,source``.

        Such a table is replaced; any other file only where `overwrite` allows it. Raises LabelError
        if it cannot be written.
        """
        head = ["start_frame", "stop_frame", "behavior", "source"]
        text = csv_text([head, *([b.start, b.stop, b.behavior, b.source] for b in self.bouts)])
        write_whole(path, text, LabelError, kind=begins(csv_text([head])), overwrite=overwrite)

    def crop(self, start: int, stop: int) -> Ethogram:
        """Keep frames [start, stop), counted anew from 0; bouts at the edges are cut.

        Raises LabelError if the range is empty or leaves the recording.
        """
        if not 0 <= start < stop <= self.n_frames:
            raise LabelError(
                f"crop {start}–{stop} is empty or outside the {self.n_frames} labelled frames."
            )
        kept = tuple(
            Bout(max(b.start, start) - start, min(b.stop, stop) - start, b.behavior, b.source)
            for b in self.bouts
            if b.start < stop and b.stop > start
        )
        return Ethogram(self.behaviors, kept, stop - start)

    def of_frames(self, origins: NDArray[np.integer]) -> Ethogram:
        """Return the labels of a movie whose frames, (t,), show these of this one, in its order."""
        starts, stops, _ = self.arrays
        places = zip(np.searchsorted(origins, starts), np.searchsorted(origins, stops), strict=True)
        bouts = tuple(
            Bout(int(start), int(stop), bout.behavior, bout.source)
            for bout, (start, stop) in zip(self.bouts, places, strict=True)
            if start < stop
        )
        return Ethogram(self.behaviors, bouts, len(origins))


def class_indices(ethogram: Ethogram, behaviors: tuple[str, ...]) -> Ints:
    """Number the labels as a decoder's columns are, shape (t,), int64.

    −1 where they are unknown, or of a behavior that the decoder does not know.
    """
    columns = [behaviors.index(b) if b in behaviors else UNKNOWN for b in ethogram.behaviors]
    return np.array([*columns, UNKNOWN], np.int64)[ethogram.frames()]
