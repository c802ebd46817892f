"""What a file of labels holds, before it is put on a recording's clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.labels.ethogram import Source

MAX_FRAMES = 100_000_000
"""Most frames that are read; a file that claims more is damaged or hostile."""


class Clocked(Protocol):
    """What must be known of a recording to put labels on its clock; a `Recording` is one."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def n_frames(self) -> int:
        """Number of frames."""

    @property
    def times(self) -> NDArray[np.float64]:
        """Time of each frame (s), shape (t,); raises if neither times nor a rate are known."""


@dataclass(frozen=True)
class Unmatched:
    """A row of a file that gave no label, or not all of the one that it tells.

    Attributes
    ----------
    row
        Line of the file, its header being line 1; or row of the table, from 1.
    text
        What it says.
    reason
        Why it did not match.
    """

    row: int
    text: str
    reason: str

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"row {self.row} ({self.text}): {self.reason}"


@dataclass(frozen=True)
class Interval:
    """One bout as a file tells it: [start, stop) in seconds or in frames.

    Attributes
    ----------
    row, text
        Where it stands, and what it says, for messages.
    """

    row: int
    text: str
    behavior: str
    start: float
    stop: float
    source: Source = Source.PERSON


@dataclass(frozen=True)
class IntervalTable:
    """Bouts with their begin and end.

    Attributes
    ----------
    unit
        Of all of them.
    intervals
        In the order of the file.
    unmatched
        Rows that are no bouts.
    """

    unit: Literal["s", "frame"]
    intervals: tuple[Interval, ...]
    unmatched: tuple[Unmatched, ...] = ()


@dataclass(frozen=True, eq=False)
class FrameTable:
    """One label a frame of whatever was labelled.

    Attributes
    ----------
    behaviors
        Names.
    values
        Shape (n,), int64: index into `behaviors`, −1 unknown.
    times
        Shape (n,), seconds, strictly increasing; None where the file does not say them.
    source
        Of all labels.
    unmatched
        Rows that could not be taken, unknown in `values`.
    """

    behaviors: tuple[str, ...]
    values: NDArray[np.int64]
    times: NDArray[np.float64] | None = None
    source: Source = Source.PERSON
    unmatched: tuple[Unmatched, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Whose labels to take from a file that has several people's, animals' or sessions'.

    Attributes
    ----------
    observation, subject
        As the file names them; None if there is only one.
    """

    path: Path
    observation: str | None = None
    subject: str | None = None
