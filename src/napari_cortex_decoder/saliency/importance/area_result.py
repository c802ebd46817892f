"""What areas are worth to a decoder, and whether that may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import FillName, ScoreName
from napari_cortex_decoder.saliency.importance.control import FEWEST_PATCHES, passes
from napari_cortex_decoder.saliency.importance.experiment import Whole
from napari_cortex_decoder.saliency.masking.regions import Target
from napari_cortex_decoder.saliency.verdict import Verdict

Floats = NDArray[np.float64]

SMALLEST_RETEST = 0.5
"""Correlation of the two halves of a session, or of two replacements, that is expected."""

PERFECT = 0.9995
"""An AUC that is written as 1."""

FEWEST_BOUTS = 6
"""With fewer, a bootstrap over bouts has too little to draw from."""


@dataclass(frozen=True, eq=False)
class AreaImportance:
    """What each area is worth to one decoder in one recording.

    Attributes
    ----------
    table
        One row a target, in the atlas's order: ``acronym``, ``side``, ``importance`` (score −
        score without it), ``low`` and ``high`` (95 % interval, bootstrap over bouts), ``control``
        (what random places of its size are worth on average), ``control_low`` and
        ``control_high`` (2.5 and 97.5 % of them), ``excess_low`` and ``excess_high`` (95 %
        interval of its importance less theirs, in the same draws of bouts), ``p`` (that a place
        of its size is worth as much, by the spread of places; one-sided, corrected for all
        targets on the movie by Holm's method), ``agrees`` (whether log-odds pass, too:
        `beating` asks for both, so that a second score is no second chance), ``pixels`` (on the
        images that the decoder sees), ``frames`` (scored: few, where an area was not worth a look
        at all); and, another question than what this decoder uses, what is there to be read:
        ``alone`` and ``others``, the AUC of a linear decoder that learned anew from traces of the
        target alone, or of all others, in bouts that it did not learn from, each with its interval
        (``alone_low`` …). NaN for an area outside the movie; controls are for areas that were
        scored on all frames, and of a decoder that reads the behavior; what was learned anew needs
        labels of enough bouts.
    behavior
        What is decoded.
    score
        What importance is counted in: ``"auc"`` or ``"log-odds"``.
    whole
        How well the decoder does with nothing missing.
    by_fill
        Importance by kind of replacement, shape (targets,) each; `table` is of the first.
    agreement
        Lowest correlation over areas between two kinds of replacement; NaN where there is one.
    halves
        Shape (2, targets): importance in the first and in the second half of the bouts.
    retest
        Correlation of the two over areas; NaN where there are too few bouts. Not of ranks: where
        one area is worth something, the order of all others is chance.
    encodings
        Images that were encoded for it; none for a decoder of area traces.
    decoder, recording
        Their names.
    targets
        What the rows of the table are, with the places of their areas in the atlas.
    settings
        What it was computed with.
    warnings
        Sentences that whoever uses the result should read.
    retrained
        AUC, and its interval, of such a decoder of all areas.
    together
        One row for the targets whose acronyms begin alike: ``acronym``, ``areas``, ``importance``
        of all at once, ``low``, ``high``, ``each`` (the largest of one of them), ``more_low``
        (lower end of what they are worth together more than added up, corrected for all rows).
    """

    table: pd.DataFrame
    behavior: str
    score: ScoreName
    whole: Whole
    by_fill: Mapping[FillName, Floats]
    agreement: float
    halves: Floats
    retest: float
    encodings: int
    decoder: str
    recording: str
    targets: tuple[Target, ...]
    settings: Mapping[str, object]
    warnings: tuple[str, ...]
    retrained: tuple[float, ...] = (np.nan,) * 3
    together: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def redundancy(self) -> tuple[str, ...]:
        """Which areas say the same, in sentences: worth more together than added up."""
        if self.together.empty:
            return ()
        same = self.together[(self.together["low"] > 0) & (self.together["more_low"] > 0)]
        return tuple(
            f"{row['acronym']} areas say the same: together {row['importance']:+.3f}, each by "
            f"itself {row['each']:+.3f} or less."
            for row in same.to_dict("records")
            if row["importance"] > 2 * row["each"]
        )

    @property
    def verdict(self) -> Verdict:
        """Whether the areas it names may be believed, and why."""
        return _judge(self)

    def ranked(self) -> pd.DataFrame:
        """Return the measured rows of the table, the most important first."""
        return self.table.dropna(subset="importance").sort_values(
            "importance", ascending=False, kind="stable"
        )

    def beating(self, *, alone: bool = False) -> pd.DataFrame:
        """Return the rows that are worth more than chance and than other places; lowest p first.

        In log-odds, too, but where the score `alone` is asked.
        """
        table = self.table
        excess = table.get("excess_low", 1.0)  # results of earlier versions have none
        passed = passes(table["low"], excess, table["p"])
        if not alone and "agrees" in table:
            passed &= table["agrees"].to_numpy(bool)
        return table[passed].sort_values("p", kind="stable")

    def paint(self, registration: Registration, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return a picture of the importance, shape (y, x); NaN outside the measured areas.

        Where targets share an area, the larger importance (by amount) shows.
        """
        labels = registration.label_image(shape)
        values = np.full(len(registration.atlas.areas) + 1, np.nan, np.float32)
        for target, importance in zip(self.targets, self.table["importance"], strict=True):
            for i in target.members:
                if np.isfinite(importance) and not abs(values[i + 1]) > abs(importance):
                    values[i + 1] = importance
        picture: NDArray[np.float32] = values[labels]
        return picture


def _judge(result: AreaImportance) -> Verdict:
    """Judge an importance of areas.

    *Not supported*: the decoder does not read the behaviour here, or no area is worth more than
    chance and than a random patch of its size and shape. *Weak*: one is, but halves of the session
    or kinds of replacement disagree, its AUC is not what log-odds say or at its ceiling, the bouts
    are few, or something was not measured. *Holds*: none of these.
    """
    problem = result.whole.unread(result.behavior)
    if problem:
        return Verdict("not supported", problem)
    ranked = result.ranked()
    above = ranked[ranked["low"] > 0]
    if above.empty:
        return Verdict(
            "not supported",
            f"without any one area the score stays the same: no interval of {len(ranked)} lies "
            "above 0.",
        )
    controlled = above[above["p"].notna()]
    patches = int(result.settings["patches"])  # type: ignore[call-overload]
    alone = result.beating(alone=True).sort_values("importance", ascending=False, kind="stable")
    if len(controlled) and alone.empty:
        best = controlled.loc[controlled["p"].idxmin()]
        return Verdict(
            "not supported",
            "random patches of the same size and shape are worth as much as the areas "
            f"(lowest p, of {len(ranked)} areas, {best['p']:.2f}: {_label(best)}).",
        )
    found = above if controlled.empty else alone
    doubts = _doubts(result)
    if len(named := alone[alone.index.isin(result.beating().index)]):
        found = named
    elif len(alone):
        doubts.insert(0, "in log-odds it is worth no more than they are")
    if controlled.empty:
        doubts.insert(0, "it was compared with no random places of its size")
    elif patches < FEWEST_PATCHES:
        doubts.insert(0, f"{patches} random patches are too few to tell how places differ")
    what = ", ".join(f"{_label(row)} ({row['importance']:+.3f})" for _, row in found[:4].iterrows())
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    unit = "AUC" if result.score == "auc" else "log-odds"
    than = "chance" if controlled.empty else "random patches of the same size"
    said = f"this decoder uses more than {than} ({unit} lost): {what}{more}"
    if doubts:
        return Verdict("weak", f"{said}; but {'; '.join(doubts)}.")
    return Verdict("holds", f"{said}; halves of the session agree (r {result.retest:.2f}).")


def _doubts(result: AreaImportance) -> list[str]:
    doubts = []
    if result.whole.score != "auc":
        doubts.append("there are no labels, so this is what it reads, right or wrong")
    if result.whole.n_units < FEWEST_BOUTS:
        doubts.append(f"there are only {result.whole.n_units} bouts to draw from")
    if np.isnan(result.retest):
        doubts.append("there are too few bouts or areas to compare halves of the session")
    elif result.retest < SMALLEST_RETEST:
        doubts.append(f"halves of the session disagree (r {result.retest:.2f})")
    if result.score == "auc" and result.whole.high >= PERFECT:
        doubts.append(
            f"the AUC, {result.whole.value:.3f}, cannot be told from 1, where others may make up "
            "for any area: ask by log-odds"
        )
    if result.agreement < SMALLEST_RETEST:
        doubts.append(f"kinds of replacement disagree (r {result.agreement:.2f})")
    return doubts


def _label(row: object) -> str:
    acronym, side = row["acronym"], row["side"]  # type: ignore[index]
    return str(acronym) if side == "both" else f"{acronym} {side}"
