"""Behaviors as a user defines them, and the labels made with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram
from napari_cortex_decoder.settings import Frozen

KEYS = "123456789"
"""Keys that a behavior can have."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^\w[^\p{C}]*$")]
"""Printable: it goes to screens, tables and file headers."""

_Level = Annotated[int, Field(ge=0, le=255)]


class Behavior(Frozen):
    """What an animal can do, as its user names, colours and types it."""

    name: Name  # printable, at most 50 characters
    # red, green and blue, 0–255; None takes the next one of the palette
    color: tuple[_Level, _Level, _Level] | None = None
    key: Annotated[str, Field(pattern=r"^[1-9]?$")] = ""  # ``"1"``–``"9"``, or empty


@dataclass(frozen=True)
class Labels:
    """The labels of one recording, as they are edited: behaviors with their keys, and bouts.

    Raises LabelError if the behaviors are not those of the ethogram in its order, or two share a
    key.
    """

    behaviors: tuple[Behavior, ...]
    ethogram: Ethogram

    def __post_init__(self) -> None:
        """Check names and keys."""
        names = tuple(behavior.name for behavior in self.behaviors)
        if names != self.ethogram.behaviors:
            raise LabelError(
                f"the behaviors {list(names)} are not the ethogram's "
                f"{list(self.ethogram.behaviors)}; give the same ones in the same order."
            )
        keys = [behavior.key for behavior in self.behaviors if behavior.key]
        for key in keys:
            if keys.count(key) > 1:
                raise LabelError(f"two behaviors have the key {key}; give one of them another.")

    @classmethod
    def of(cls, ethogram: Ethogram) -> Labels:
        """Take an ethogram, its behaviors on the keys 1, 2, …."""
        return cls(with_keys([named_behavior(name) for name in ethogram.behaviors]), ethogram)

    @classmethod
    def empty(cls, n_frames: int) -> Labels:
        """Start with nothing: no behavior, all frames unknown."""
        return cls((), Ethogram((), (), n_frames))

    def behavior_of(self, key: str) -> str | None:
        """Return the name of the behavior on a key; None if there is none."""
        return next((one.name for one in self.behaviors if key and one.key == key), None)

    def with_bouts(self, bouts: Sequence[Bout]) -> Labels:
        """Return a copy with other bouts."""
        return Labels(self.behaviors, replace(self.ethogram, bouts=tuple(bouts)))

    def with_more(self, names: Sequence[str]) -> Labels:
        """Return a copy that has these behaviors too, on the first free keys."""
        known = set(self.ethogram.behaviors)
        more = [named_behavior(name) for name in dict.fromkeys(names) if name not in known]
        if not more:
            return self
        behaviors = with_keys([*self.behaviors, *more])
        names = tuple(behavior.name for behavior in behaviors)
        return Labels(behaviors, replace(self.ethogram, behaviors=names))


def named_behavior(name: str) -> Behavior:
    """Make a behavior of a name. Raises LabelError if nobody could show or write the name."""
    try:
        return Behavior(name=name)
    except ValidationError as error:
        raise LabelError(
            f"a behavior cannot be called {name[:80]!r}: names are 1–50 printable characters and "
            "begin with a letter or digit; rename it."
        ) from error


def with_keys(behaviors: Sequence[Behavior]) -> tuple[Behavior, ...]:
    """Return behaviors that have no key the first free one; from the tenth on they have none."""
    free = [key for key in KEYS if key not in {behavior.key for behavior in behaviors}]
    return tuple(
        behavior if behavior.key or not free else behavior.model_copy(update={"key": free.pop(0)})
        for behavior in behaviors
    )
