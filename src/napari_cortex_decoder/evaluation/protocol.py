"""What Ajioka et al. 2024 compared: their rows, their splits, and their numbers.

PLoS Comput Biol 20(3): e1011074; means and SDs over 20 models as their code printed them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from napari_cortex_decoder.errors import EvaluationError

LIMB = (6, 7, 8, 9, 31, 32, 33, 34)
ANTERIOR_LIMB = (6, 8, 31, 33)
MOTOR = (1, 2, 3, 4, 26, 27, 28, 29)
PARIETAL = (14, 15, 16, 17, 39, 40, 41, 42)
MEDIAL_VISUAL = (18, 19, 20, 21, 43, 44, 45, 46)
LATERAL_VISUAL = (22, 23, 24, 25, 47, 48, 49, 50)

REFERENCE = "roi-gru"
"""Row that the others are compared with."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One decoder of the paper's table."""

    title: str  # what it is
    # mean and SD of the AUC over the paper's 20 models; SD None where it was not printed
    published: tuple[float, float | None]
    # ``"roi"``: trained on ROI traces; ``"images"``: trained on movies; ``"bundled"``: the bundled
    # decoder, which learned from simulated mice and is not trained again
    kind: Literal["roi", "images", "bundled"] = "roi"
    recurrent: Literal["", "gru", "lstm", "rnn"] = "gru"  # recurrent layer; empty: single images
    half_window: int = 15  # frames before and after t
    detrended: bool = True  # whether a moving mean of 1000 frames is taken away
    # numbers (1–50) of the ROIs that are left; the others are 0 after scaling. None: all
    rois: tuple[int, ...] | None = None
    null: bool = False  # whether labels are permuted between the sessions of a mouse


_ALL_BUT_LIMB = tuple(roi for roi in range(1, 51) if roi not in ANTERIOR_LIMB)

ROWS: dict[str, Row] = {
    "cnn": Row(title="CNN", published=(0.896, 0.071), kind="images", recurrent="", half_window=0),
    "cnn-gru": Row(title="CNN-GRU ± 5", published=(0.956, 0.034), kind="images", half_window=5),
    "bundled-cnn": Row(
        title="CNN of the bundled run-rest, not retrained",
        published=(0.896, 0.071),
        kind="bundled",
        recurrent="",
        half_window=0,
    ),
    "bundled-cnn-gru": Row(
        title="bundled run-rest (CNN-GRU ± 5), not retrained",
        published=(0.956, 0.034),
        kind="bundled",
        half_window=5,
    ),
    "roi-gru": Row(title="ROI GRU ± 15, detrended", published=(0.974, 0.014)),
    "roi-gru-raw": Row(
        title="ROI GRU ± 15, not detrended", published=(0.911, 0.057), detrended=False
    ),
    "roi-lstm": Row(title="ROI LSTM", published=(0.970, None), recurrent="lstm"),
    "roi-rnn": Row(title="ROI simple RNN", published=(0.953, None), recurrent="rnn"),
    **{
        f"roi-gru-{half}": Row(title=f"ROI GRU ± {half}", published=(auc, None), half_window=half)
        for half, auc in ((5, 0.949), (10, 0.970), (20, 0.976), (25, 0.973), (30, 0.976))
    },
    "null": Row(title="ROI GRU, null labels", published=(0.492, 0.031), null=True),
    "anterior-limb": Row(
        title="ROI GRU, 4 ROIs (FLa&HLa)", published=(0.966, 0.027), rois=ANTERIOR_LIMB
    ),
    "other-46": Row(title="ROI GRU, the other 46", published=(0.938, 0.011), rois=_ALL_BUT_LIMB),
    "limb": Row(title="ROI GRU, FL&HL", published=(0.966, 0.030), rois=LIMB),
    "motor": Row(title="ROI GRU, M2&M1", published=(0.869, 0.037), rois=MOTOR),
    "parietal": Row(title="ROI GRU, parietal + RSP", published=(0.776, 0.097), rois=PARIETAL),
    "medial-visual": Row(title="ROI GRU, V1 + Vm", published=(0.793, 0.060), rois=MEDIAL_VISUAL),
    "lateral-visual": Row(title="ROI GRU, Vl + A1", published=(0.798, 0.058), rois=LATERAL_VISUAL),
}


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long ROI decoders train; the defaults are the paper's, hours to days on a processor."""

    # passes over the training mice's frames; the weights of the lowest validation loss are kept
    epochs: int = 30
    # take every `stride`-th frame to learn from and to validate on; all frames are tested
    stride: int = 1
    learning_rate: float = 1e-3  # adam's highest, on a one-cycle schedule (the paper's is constant)


class Pair(NamedTuple):
    """Which mouse decides when to stop and which is tested; the others train."""

    validation: str
    test: str


def pairs(mice: Sequence[str], validations: int | None = None) -> tuple[Pair, ...]:
    """Return all ordered pairs of mice: 20 of five.

    With `validations`, each mouse is tested with so many others validating at most. Raises
    EvaluationError if there are fewer than three mice.
    """
    if len(mice) < 3:
        raise EvaluationError(
            f"the cohort has {len(mice)} {'mouse' if len(mice) == 1 else 'mice'}; one validates, "
            "one is tested and at least one trains, so give three or more."
        )
    return tuple(
        Pair(mice[(i + step) % len(mice)], mouse)
        for step in range(1, len(mice))[:validations]
        for i, mouse in enumerate(mice)
    )


def chosen_rows(names: Sequence[str]) -> dict[str, Row]:
    """Return rows by name; ``"roi"`` stands for all rows of ROI decoders, ``"all"`` for all.

    Raises EvaluationError if there is no such row; names those that are.
    """
    chosen: dict[str, Row] = {}
    for name in names:
        if name == "all":
            chosen |= ROWS
        elif name == "roi":
            chosen |= {key: row for key, row in ROWS.items() if row.kind == "roi"}
        elif name in ROWS:
            chosen[name] = ROWS[name]
        else:
            raise EvaluationError(f"there is no row {name!r}; use all, roi, {', '.join(ROWS)}.")
    return {key: row for key, row in ROWS.items() if key in chosen}
