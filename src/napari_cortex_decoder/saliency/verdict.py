"""The one-look verdict: may this map be believed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Verdict:
    """What may be said.

    Attributes
    ----------
    kind
        ``"holds"``, ``"weak"`` or ``"not supported"``.
    reason
        In a sentence or two.
    """

    kind: Literal["holds", "weak", "not supported"]
    reason: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.kind}: {self.reason}"
