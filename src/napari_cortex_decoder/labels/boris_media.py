"""What BORIS played: its media, which of them a movie is, and where in it an event lies."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_cortex_decoder.clock import Clocked, Zero, frame_edges
from napari_cortex_decoder.errors import FrameRateError, LabelError
from napari_cortex_decoder.labels.content import Choice, stem

_NONE = ("", "na", "not found", "live observation")


@dataclass(frozen=True)
class Medium:
    """One file that BORIS played."""

    name: str = ""  # without folders; empty if the table does not say
    length: float | None = None  # seconds; None if unknown
    fps: float | None = None  # frames a second (Hz) that BORIS saw; None if unknown
    begin: float | None = 0.0  # seconds of what its player played before it; None if unknown
    leads: bool = True  # whether its player is the first one, whose frames image indices count


def players_of(
    source: str,
    length: str,
    fps: str,
    starts: str,
    named: Sequence[str],
    above: Mapping[str, Sequence[str]],
) -> list[Medium]:
    """List the media of an observation.

    Cells are such as ``player #1:a.mp4;b.mp4|player #2:c.mp4``, as many lengths and rates, and when
    each player began after the first one, ``0.0|20.0`` (s). `named` are the media of the events,
    `above` lines above the header, which versions before 8 wrote, by their first cell.
    """
    queues = [
        re.sub(r"^\s*player #\d+:\s*", "", part, flags=re.IGNORECASE).split(";")
        for part in source.split("|")
    ]
    lengths, rates = ([part.split(";") for part in cell.split("|")] for cell in (length, fps))
    if not any(name.strip() for queue in queues for name in queue):
        queues = [
            [name for name in cells if name]
            for player, cells in above.items()
            if player.startswith("player #") and any(cells)
        ]
    if not queues:
        queues = [list(dict.fromkeys(name for name in named if name.lower() not in _NONE))]
    media = []
    late = [moment(cell) or 0.0 for cell in starts.split("|")]
    for at, queue in enumerate(queues):
        begin: float | None = late[at] if at < len(late) else 0.0
        for place, name in enumerate(queue):
            lasts = moment(_cell(lengths, at, place, len(queue)))
            rate = number(_cell(rates, at, place, len(queue)))
            media.append(Medium(_file(name), lasts, rate or None, begin, leads=at == 0))
            begin = None if begin is None or lasts is None else begin + lasts
    return media


def _cell(table: Sequence[Sequence[str]], player: int, place: int, expected: int) -> str:
    """Return a cell that belongs to a medium; empty if there are not as many as media."""
    row = table[player] if player < len(table) else ()
    return row[place] if len(row) == expected else ""


def _file(name: str) -> str:
    return re.split(r"[/\\]", name.strip())[-1]


def moment(text: str) -> float | None:
    """Read a time, as a number or as hh:mm:ss.fff; None if it is none."""
    sign = -1.0 if text.lstrip().startswith("-") else 1.0
    values = [number(part) for part in text.strip().removeprefix("-").split(":")]
    if None in values or len(values) > 3:
        return None
    size = sum(60.0**place * float(value or 0) for place, value in enumerate(reversed(values)))
    return sign * size


def number(text: str) -> float | None:
    """Read a finite number, decimal comma or point; None if it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def medium_of(
    media: Sequence[Medium], choice: Choice, recording: Clocked
) -> tuple[Medium, list[str]]:
    """Find the medium that a movie is: by its name, by its length, or because it is the only one.

    With it comes a sentence if neither name nor length say that it is the movie. Raises LabelError
    if it could be several, or the chosen one is not there.
    """
    names = sorted({one.name for one in media})
    if choice.media is not None:
        asked = _file(choice.media)
        found = [one for one in media if asked in (one.name, stem(one.name))]
        if not found:
            raise LabelError(f"{choice.path} has no medium {asked!r}; it has {names}.")
        return found[0], []
    same = {recording.name.lower(), stem(recording.name)}
    called = [one for one in media if {one.name.lower(), stem(one.name)} & same]
    fitting = called or [one for one in media if _lasts(one, recording)]
    if len(fitting) == 1 or (fitting and len(names) == 1):
        return fitting[0], []
    if len(names) > 1:
        raise LabelError(
            f"{choice.path} has events on several media, {names}; choose the one that is this "
            "movie as media (command line: --media NAME)."
        )
    if not media or not media[0].name:
        return (media[0] if media else Medium()), []
    return media[0], [
        f"{media[0].name} was scored, which is neither called like {recording.name} nor as long; "
        "its first frame is taken for the movie's: if it began at another time give the offset."
    ]


def _lasts(medium: Medium, recording: Clocked) -> bool:
    if medium.length is None:
        return False
    if _has_frames(medium, recording.n_frames):
        return True
    try:
        edges = frame_edges(recording.times)
    except FrameRateError:
        return False
    return bool(abs(medium.length - (edges[-1] - edges[0])) <= 2 * (edges[-1] - edges[-2]))


def _has_frames(medium: Medium, n_frames: int) -> bool:
    """Return whether a medium has as many frames, as far as three digits of its rate tell."""
    n = (medium.length or 0.0) * (medium.fps or 0.0)
    return abs(n - n_frames) <= max(1.0, 1e-4 * n_frames)


@dataclass
class Played:
    """Where in the movie a time of BORIS lies."""

    medium: Medium  # the movie, as BORIS played it
    offset: float  # seconds that BORIS added to each time
    n_frames: int  # of the movie
    by_time: bool  # whether times count in any case, because the user has said something of them
    by_index: bool = False  # whether pictures were scored, which have numbers and no times

    @property
    def in_frames(self) -> bool:
        """Whether the medium has the movie's own frames, and they count."""
        return self.by_index or (not self.by_time and _has_frames(self.medium, self.n_frames))

    @property
    def unit(self) -> Literal["s", "frame"]:
        """What `place` gives."""
        return "frame" if self.in_frames else "s"

    @property
    def zero(self) -> Zero:
        """What the times that `place` gives count from."""
        return Zero.FIRST_FRAME

    def see_offset(self, marked: Sequence[tuple[float | None, float | None]]) -> list[str]:
        """Compare times with image indices, and say whether the offset is part of the times."""
        begin, fps = self.medium.begin or 0.0, self.medium.fps
        known = np.array(
            [(time - begin, index / fps) for time, index in marked if fps and time and index],
            dtype=np.float64,
        ).reshape(-1, 2)
        if len(known):
            apart = np.median(known[:, 0] - known[:, 1])
            if abs(apart) < abs(apart - self.offset):
                said = f"its time offset of {self.offset:g} s is no part of its times, which agree "
                self.offset = 0.0
                return [f"{said}with its image indices without it."]
        return [f"its time offset of {self.offset:g} s is taken off its times."]

    def place(self, time: float | None, index: float | None, medium: str) -> float:
        """Return where an event lies: frames, or seconds, from the movie's first frame."""
        if self.by_index or time is None:
            return np.nan if index is None else index
        here = self.medium.leads and _file(medium) in (self.medium.name, "")
        if self.in_frames and here and index is not None:
            return index
        if self.medium.begin is None:
            raise LabelError(
                f"{self.medium.name} was played after media whose lengths the table does not say; "
                "export the events with the media durations."
            )
        seconds = time - self.offset - self.medium.begin
        if not self.in_frames or self.medium.fps is None:
            return seconds
        return float(round(seconds * self.medium.fps))

    def is_elsewhere(self, start: float, stop: float) -> bool:
        """Return whether a bout lies in what was played before or after the movie."""
        end = self.n_frames if self.in_frames else self.medium.length
        alone = self.medium.begin == 0
        return (not alone and stop <= 0) or (end is not None and not alone and start >= end)
