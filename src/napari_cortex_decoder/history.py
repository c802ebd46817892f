"""Undo and redo: states of one thing, in the order in which they were shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

State = TypeVar("State")


class History(Generic[State]):
    """Earlier and later states; the present one is kept by whoever owns the history.

    At most `depth` earlier ones are kept; None: all of them.
    """

    def __init__(self, depth: int | None = None) -> None:
        self._past: deque[State] = deque(maxlen=depth)
        self._future: list[State] = []
        self._run: str | None = None

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return bool(self._future)

    def record(self, present: State, run: str | None = None) -> None:
        """Keep the present state before it changes.

        Changes of one `run` (ten presses of an arrow key) are undone together: of neighbours with
        the same name only the state before the first is kept.
        """
        if run is None or run != self._run:
            self._past.append(present)
        self._run = run
        self._future.clear()

    def undo(self, present: State) -> State:
        """Return the state before the present one; only if `can_undo`."""
        self._future.append(present)
        self._run = None
        return self._past.pop()

    def redo(self, present: State) -> State:
        """Return the state after the present one; only if `can_redo`."""
        self._past.append(present)
        self._run = None
        return self._future.pop()

    def change(self, how: Callable[[State], State]) -> None:
        """Change all states that are kept, where the world around them has changed."""
        self._past = deque(map(how, self._past), self._past.maxlen)
        self._future = [how(state) for state in self._future]

    def forget(self, beyond: int) -> None:
        """Keep no more than so many earlier states, the latest ones."""
        while len(self._past) > beyond:
            self._past.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._past.clear()
        self._future.clear()
        self._run = None
