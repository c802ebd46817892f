"""What a file of labels holds, before it is put on a recording's clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.clock import Zero
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.ethogram import Source

MAX_FRAMES = 100_000_000
"""Most frames that are read; a file that claims more is damaged or hostile."""


@dataclass(frozen=True)
class Unmatched:
    """A row of a file that gave no label, or not all of the one that it tells."""

    row: int  # line of the file, its header being line 1; or row of the table, from 1
    text: str  # what it says
    reason: str  # why it did not match

    def __str__(self) -> str:
        """Return it as one line."""
        return f"row {self.row} ({self.text}): {self.reason}"


@dataclass(frozen=True)
class Interval:
    """One bout as a file tells it: [start, stop) in seconds or in frames."""

    # where it stands, and what it says, for messages
    row: int
    text: str
    behavior: str
    start: float
    stop: float
    source: Source = Source.PERSON


@dataclass(frozen=True)
class IntervalTable:
    """Bouts with their begin and end."""

    unit: Literal["s", "frame"]  # of all of them
    intervals: tuple[Interval, ...]  # in the order of the file
    unmatched: tuple[Unmatched, ...] = ()  # rows that are no bouts
    zero: Zero = Zero.UNSAID  # what seconds count from
    said: tuple[str, ...] = ()  # sentences on what was read otherwise than it stands, or left out


@dataclass(frozen=True, eq=False)
class FrameTable:
    """One label a frame of whatever was labelled."""

    behaviors: tuple[str, ...]  # names
    values: Ints  # shape (n,), int64: index into `behaviors`, −1 unknown
    # shape (n,), seconds, strictly increasing; None where the file does not say them
    times: Floats | None = None
    # shape (n,), the frame of each as the file counts it, where some lack; else None
    frames: Ints | None = None
    source: Source = Source.PERSON  # of all labels
    unmatched: tuple[Unmatched, ...] = ()  # rows that could not be taken, unknown in `values`
    zero: Zero = Zero.UNSAID  # what the times count from
    said: tuple[str, ...] = ()  # sentences on what was read otherwise than it stands


@dataclass(frozen=True)
class Choice:
    """Whose labels to take from a file that has several people's, animals' or sessions'."""

    path: Path
    # as the file names them; None if there is only one, or one medium is called as the movie
    observation: str | None = None
    subject: str | None = None
    media: str | None = None

    def among(self, what: str, names: Iterable[str], like: str = "") -> str | None:
        """Return the one of some names that is meant; None if there is one only.

        `what` is ``"observation"``, ``"subject"`` or ``"media"``. One called `like` the movie is
        meant, unless another was chosen. Raises LabelError if several could be meant, or the chosen
        one is not there.
        """
        known, wanted = sorted(set(names)), getattr(self, what)
        if wanted is not None and wanted not in known:
            raise LabelError(f"{self.path} has no {what} {wanted!r}; it has {known}.")
        alike = [name for name in known if like and stem(name) == stem(like)]
        if wanted is None and len(known) > 1 and len(alike) != 1:
            several = what if what == "media" else f"{what}s"
            raise LabelError(
                f"{self.path} has events of several {several}, {known}; choose one as {what} "
                f"(command line: --{what} NAME)."
            )
        return wanted or (alike[0] if len(known) > 1 else None)


def stem(name: str) -> str:
    """Return the name of a file without its folders and endings, in small letters."""
    last = re.split(r"[/\\]", name.strip())[-1].lower()
    return re.sub(r"(\.ome)?\.\w{1,5}$", "", last).removesuffix(".ome")
