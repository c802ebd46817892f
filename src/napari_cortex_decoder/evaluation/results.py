"""What an evaluation found, mouse by mouse and over mice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cortex_decoder.choices import PROTOCOLS, Protocol
from napari_cortex_decoder.evaluation.measures import (
    Comparison,
    MouseResult,
    Summary,
    compare,
    over_mice,
)
from napari_cortex_decoder.settings import Frozen

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("decoder", "kind", "at", "mouse", "group", "model", "sessions", "frames")
"""What every row of a table says beside its scores."""

_FEW = 6


class Found(Frozen):
    """What an evaluation found.

    Attributes
    ----------
    protocol
        By which protocol.
    settings
        What was asked.
    gap_seconds
        Between what was learned from and what was tested.
    results
        Of each decoder and mouse.
    said
        What could not be done, one sentence each.
    simulated
        Decoders that learned from simulated mice.
    """

    protocol: Protocol
    settings: dict[str, Any]
    gap_seconds: float
    results: tuple[MouseResult, ...]
    said: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """One row a decoder and mouse, with every score: as ``mice.csv``, for R or JASP."""
        import pandas as pd

        rows = [
            {
                **{name: getattr(one, name) for name in COLUMNS},
                "sessions": "; ".join(one.sessions),
                **one.scores,
            }
            for one in self.results
        ]
        scores = list(dict.fromkeys(name for one in self.results for name in one.scores))
        return pd.DataFrame(rows, columns=[*COLUMNS, *scores])

    @property
    def rows(self) -> dict[tuple[str, str, float | None], list[MouseResult]]:
        """Results by what is averaged over mice: decoder, its kind, minutes or days."""
        found: dict[tuple[str, str, float | None], list[MouseResult]] = {}
        for one in self.results:
            found.setdefault(one.row, []).append(one)
        return found

    def summaries(self, *, of: str = "AUC") -> dict[tuple[str, str, float | None], Summary]:
        """Return a score over mice, by row; rows that nobody has it of are left out."""
        found = {row: over_mice(own, of) for row, own in self.rows.items()}
        return {row: summary for row, summary in found.items() if summary is not None}

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Decoders against each other, over mice, where a protocol has but one row of each."""
        plain = {one.row for one in self.results} == {
            (name, "", None) for name in {one.decoder for one in self.results}
        }
        return compare(self.results) if plain else ()

    @property
    def honest(self) -> tuple[str, ...]:
        """What whoever quotes a number has to know, one sentence each."""
        mice = len({one.mouse for one in self.results})
        said = [
            f"{PROTOCOLS[self.protocol].capitalize()}.",
            "No frame was drawn at random; in one recording what is learned from is at least "
            f"{self.gap_seconds:.1f} s from what is tested.",
            "Each recording, tested ones too, is centered on its own statistics, which need no "
            "labels.",
        ]
        if mice < _FEW:
            said.append(f"{mice} {'mouse' if mice == 1 else 'mice'}: intervals are wide, if any.")
        for row, own in self.summaries().items():
            by_mean = over_mice(self.rows[row], "AUC, the frame's mean")
            chance = over_mice(self.rows[row], "AUC, labels shifted")
            name = self.name_of(row)
            if by_mean is not None and own.mean <= by_mean.mean:
                said.append(f"{name} reads no better than the frame's mean ({by_mean.mean:.3f}).")
            if own.low is not None and chance is not None and own.low <= chance.mean:
                said.append(f"{name} is at chance: its interval reaches the null.")
        for name in self.simulated:
            said.append(f"{name} learned from simulated mice only.")
        return (*said, *self.said)

    def name_of(self, row: tuple[str, str, float | None]) -> str:
        """Return a row's name for people."""
        decoder, kind, at = row
        unit = "days" if self.protocol == "ageing" else "min"
        return ", ".join(filter(None, [decoder, kind, "" if at is None else f"{at:g} {unit}"]))
