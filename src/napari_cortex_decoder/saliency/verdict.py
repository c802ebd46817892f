"""The one-look verdict: may this map be believed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from napari_cortex_decoder.saliency.areas import AreaImportance
    from napari_cortex_decoder.saliency.cutout import CutoutImportance
    from napari_cortex_decoder.saliency.deletion import Deletion
    from napari_cortex_decoder.saliency.experiment import Whole
    from napari_cortex_decoder.saliency.randomization import Randomization

SMALLEST_AUC = 0.6
"""Below, a decoder knows too little for it to matter where it looks."""

SMALLEST_RETEST = 0.5
"""Rank correlation of the two halves of a session, or of two replacements, that is expected."""

SIGNIFICANT = 0.05

LARGEST_LIKENESS = 0.5
"""Rank correlation, or SSIM, of a map and that of random weights, from which on they are alike."""

FEWEST_BOUTS = 6
"""With fewer, a bootstrap over bouts has too little to draw from."""


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
        """Give both."""
        return f"{self.kind}: {self.reason}"


def judge_areas(result: AreaImportance) -> Verdict:
    """Judge an importance of areas.

    *Not supported*: the decoder does not read the behaviour here, or no area is worth more than
    chance and than a random patch of its size and shape. *Weak*: one is, but halves of the session
    or kinds of replacement disagree, the bouts are few, or something was not measured. *Holds*:
    none of these.
    """
    problem = unread(result.whole, result.behavior)
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
    few = 1 / (patches + 1) > SIGNIFICANT
    beating = controlled[controlled["p"] <= max(SIGNIFICANT, 1 / (patches + 1) + 1e-9)]
    if len(controlled) and beating.empty:
        best = controlled.loc[controlled["p"].idxmin()]
        return Verdict(
            "not supported",
            "random patches of the same size and shape are worth as much as the areas "
            f"(lowest p {best['p']:.2f}, {_label(best)}).",
        )
    found = beating if len(beating) else above
    doubts = _doubts(result)
    if controlled.empty:
        doubts.insert(0, "no random patches were measured")
    elif few:
        doubts.insert(0, f"{patches} random patches are too few for p ≤ {SIGNIFICANT:g}")
    what = ", ".join(f"{_label(row)} ({row['importance']:+.3f})" for _, row in found[:4].iterrows())
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    unit = "AUC" if result.score == "auc" else "log-odds"
    than = "chance and random patches" if len(beating) else "chance"
    said = f"worth more than {than} ({unit}): {what}{more}"
    if doubts:
        return Verdict("weak", f"{said}; but {'; '.join(doubts)}.")
    return Verdict("holds", f"{said}; halves of the session agree (rank r {result.retest:.2f}).")


def unread(whole: Whole, behavior: str) -> str | None:
    """Say why a decoder's own score is nothing to explain; None where it is."""
    if whole.score != "auc":
        return None
    chance = float(np.percentile(whole.null, 97.5)) if whole.null.size else 0.5
    if whole.low <= 0.5 or whole.value <= chance:
        return (
            f"the decoder does not read {behavior!r} here: AUC {whole.value:.2f} "
            f"({whole.low:.2f}–{whole.high:.2f}), with shifted labels up to {chance:.2f}."
        )
    if whole.value < SMALLEST_AUC:
        return (
            f"the decoder hardly reads {behavior!r} here: AUC {whole.value:.2f} is below "
            f"{SMALLEST_AUC:g}, too little to ask where from."
        )
    return None


def _doubts(result: AreaImportance) -> list[str]:
    doubts = []
    if result.whole.score != "auc":
        doubts.append("there are no labels, so this is what it reads, right or wrong")
    if result.whole.n_units < FEWEST_BOUTS:
        doubts.append(f"there are only {result.whole.n_units} bouts to draw from")
    if np.isnan(result.retest):
        doubts.append("there are too few bouts or areas to compare halves of the session")
    elif result.retest < SMALLEST_RETEST:
        doubts.append(f"halves of the session disagree (rank r {result.retest:.2f})")
    if result.agreement < SMALLEST_RETEST:
        doubts.append(f"kinds of replacement disagree (rank r {result.agreement:.2f})")
    return doubts


def _label(row: object) -> str:
    acronym, side = row["acronym"], row["side"]  # type: ignore[index]
    return str(acronym) if side == "both" else f"{acronym} {side}"


def judge_cutouts(result: CutoutImportance) -> Verdict:
    """Judge a map of cutouts by its largest value: against 0, and against the edge control.

    The paper's maximum is .060 and its edges reach .031, where there is no cortex.
    """
    problem = unread(result.whole, result.behavior)
    if problem:
        return Verdict("not supported", problem)
    place = np.unravel_index(result.map.argmax(), result.map.shape)
    largest, low = float(result.map[place]), float(result.low[place])
    if low <= 0:
        return Verdict(
            "not supported", f"the largest value, {largest:+.3f}, is not above 0 (from {low:+.3f})."
        )
    where = f"row {result.rows[place[0]]:g}, column {result.columns[place[1]]:g}"
    if not result.edge.size:
        return Verdict("weak", f"largest {largest:+.3f} at {where}, but no edge was measured.")
    edge = float(result.edge.max())
    if low <= edge:
        return Verdict(
            "weak",
            f"largest {largest:+.3f} at {where}, but its interval begins at {low:+.3f} and the "
            f"edge of the image, where there is no cortex, reaches {edge:+.3f}.",
        )
    return Verdict("holds", f"largest {largest:+.3f} at {where}; the edge reaches {edge:+.3f}.")


def judge_maps(randomization: Randomization, deletion: Deletion | None = None) -> Verdict:
    """Judge saliency maps: whether they change with the weights, and tell what is needed.

    *Not supported*: a network of random weights gives much the same map, or places go missing in
    the map's order and the decoder loses no more than in random order. *Weak*: one of the two was
    not measured, or barely.
    """
    table = randomization.table
    last = table.iloc[-1]
    alike = float(np.nanmax([last["spearman_abs"], last["ssim"], abs(last["spearman"])]))
    figures = f"rank r {last['spearman']:.2f}, SSIM {last['ssim']:.2f}"
    if last["spearman_abs"] >= LARGEST_LIKENESS and last["ssim"] >= LARGEST_LIKENESS:
        return Verdict(
            "not supported",
            f"with random weights down to {last['layer']} the map stays as it is ({figures}): it "
            "shows the movie, not what the decoder learned.",
        )
    doubts = []
    if last["layer"] != "stem":
        doubts.append(f"weights were only randomized down to {last['layer']}")
    if alike >= LARGEST_LIKENESS:
        doubts.append(f"with random weights it stays partly alike ({figures})")
    if deletion is None:
        doubts.append("nobody has looked whether the decoder needs what it shows")
    elif deletion.p > SIGNIFICANT:
        reason = (
            "taking places away in its order costs the decoder no more than in random order "
            f"(p {deletion.p:.2f})"
        )
        if deletion.p > 0.5 or deletion.advantage <= 0:
            return Verdict("not supported", f"{reason}.")
        doubts.append(reason)
    said = f"random weights change the map ({figures})"
    if deletion is not None and deletion.p <= SIGNIFICANT:
        said += f" and the decoder needs what it shows (p {deletion.p:.2f} against random orders)"
    return (
        Verdict("weak", f"{said}; but {'; '.join(doubts)}.")
        if doubts
        else Verdict("holds", f"{said}.")
    )
