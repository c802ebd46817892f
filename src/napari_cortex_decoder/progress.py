"""How far long work is, when its present stage ends, and how it is ended: the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

_FIRST_ESTIMATE = 0.5  # s of a stage before its end is estimated


class Cancelled(Exception):
    """Raised by whoever is told how far some work is, to end it."""


@dataclass(frozen=True)
class Progress:
    """How far some work is.

    Attributes
    ----------
    stage
        What is done, to show; empty if nothing is.
    done, total
        Of this stage: frames, steps, epochs; 0 of 0 where nobody can say yet.
    message
        A sentence to show; mostly empty.
    details
        What was measured on the way, by name, as JSON holds it.
    seconds_left
        Until this stage ends; None where nobody can say yet. See `Estimate`.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds_left: float | None = None

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return bool(self.stage)

    def __str__(self) -> str:
        """Say what is done, how far it is, and how long it still takes."""
        text = self.stage[:1].upper() + self.stage[1:]
        if self.total:
            text += f"  {100 * self.done / self.total:.0f} %"
        if self.seconds_left is not None:
            text += f",  {as_duration(self.seconds_left)} left"
        return text


Report = Callable[[Progress], None]
"""Is told often how far some work is; raises `Cancelled` where it is to end."""

_Event = TypeVar("_Event", bound=Progress)


def unheard(_: Progress) -> None:
    """Take what nobody listens to."""


def renamed(report: Report, name: Callable[[str], str]) -> Report:
    """Return what reports the stages of a part of some work by other names."""
    return lambda event: report(replace(event, stage=name(event.stage)))


class Estimate:
    """Estimates when a stage ends: it goes on as fast as since it was first heard of."""

    def __init__(self) -> None:
        self._first: tuple[str, int, float] | None = None

    def of(self, event: _Event) -> _Event:
        """Return some progress with the time that is left."""
        now = time.monotonic()
        if self._first is None or self._first[0] != event.stage:
            self._first = event.stage, event.done, now  # of work gone on with some is done already
        done, elapsed = event.done - self._first[1], now - self._first[2]
        if done < 1 or elapsed < _FIRST_ESTIMATE:
            return event
        return replace(event, seconds_left=elapsed * (event.total - event.done) / done)


def as_duration(seconds: float) -> str:
    """Write a length of time for people: ``8.0 s``, ``1 min 04 s``, ``1 h 02 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
