"""Which labeled frames a fine-tune learns from, and which it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from napari_cortex_decoder.arrays import Bools, Ints
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import UNKNOWN

N_BLOCKS = 6
"""Blocks into which one mouse's labeled frames are cut; two of them are held out."""

N_FOLDS = 3
"""Into which what is learned from is cut for choices inside a fit."""

EXAMPLES = 2048
"""Frames that a fit learns from, at most: neighbours are near-copies."""


Labels = Sequence[Ints]
"""By recording, shape (t,): number of the behavior, −1 unknown."""

Masks = Sequence[Bools]
"""By recording, shape (t,): whether a frame is meant."""


@dataclass(frozen=True)
class HeldOut:
    """A stretch of one recording that a fine-tune does not learn from."""

    recording: int  # its number, from 0
    # first frame, and the frame after the last one
    start: int
    stop: int


def hold_out(
    labels: Labels, subjects: Sequence[str | None], n_behaviors: int
) -> tuple[HeldOut, ...]:
    """Choose what to measure on: whole mice where there are several, else contiguous blocks.

    Those whose shares of the behaviors are most like the rest's; no chance is involved. Recordings
    of unknown subjects are one mouse. Raises TrainingError if no choice has each of the behaviors
    on both sides.
    """
    mice = sorted({subject or "" for subject in subjects})
    if len(mice) > 1:
        units = [
            [HeldOut(i, 0, len(v)) for i, v in enumerate(labels) if (subjects[i] or "") == mouse]
            for mouse in mice
        ]
        n_out = max(1, len(mice) // 4)
    else:
        units = [[block] for i, values in enumerate(labels) for block in _blocks(i, values)]
        n_out = max(1, len(units) // 3)
    counts = np.array([_count(unit, labels, n_behaviors) for unit in units])
    best: tuple[float, tuple[int, ...]] | None = None
    for chosen in _choices(len(units), n_out):
        out = counts[list(chosen)].sum(axis=0)
        rest = counts.sum(axis=0) - out
        if (out == 0).any() or (rest == 0).any():
            continue
        off = float(np.abs(out / out.sum() - rest / rest.sum()).sum())
        # of equals the later one: what was labelled last is most like what comes next
        if best is None or off <= best[0]:
            best = off, chosen
    if best is None:
        raise TrainingError(
            "no part of the labels can be held out so that every behavior is on both sides; label "
            "more bouts of the rarest behavior."
        )
    return tuple(block for unit in best[1] for block in units[unit])


def held_out_masks(labels: Labels, held_out: Sequence[HeldOut]) -> list[Bools]:
    """Mark the labeled frames that are measured on, by recording.

    Raises TrainingError if a block is not a stretch of one of the recordings.
    """
    masks = [np.zeros(len(values), dtype=bool) for values in labels]
    for block in held_out:
        if not (
            0 <= block.recording < len(masks)
            and 0 <= block.start < block.stop <= len(masks[block.recording])
        ):
            raise TrainingError(f"{block} is not a stretch of one of the recordings.")
        part = slice(block.start, block.stop)
        masks[block.recording][part] = labels[block.recording][part] != UNKNOWN
    return masks


def training_mask(labels: Labels, held_out: Sequence[HeldOut], gap: int) -> list[Bools]:
    """Mark the labeled frames that are learned from: `gap` frames beside what is held out are not.

    Neighbours are near-copies.
    """
    masks = [values != UNKNOWN for values in labels]
    for block in held_out:
        masks[block.recording][max(block.start - gap, 0) : block.stop + gap] = False
    return masks


def folds(mask: Bools, n_folds: int, gap: int) -> list[tuple[Bools, Bools]]:
    """Cut the frames that are learned from into contiguous folds for choices inside training.

    Gives what learns and what decides, shape (t,), at least `gap` frames from each other.
    """
    places = np.flatnonzero(mask)
    pairs = []
    for part in np.array_split(places, n_folds):
        if not part.size:
            continue
        deciding = np.zeros_like(mask)
        deciding[part] = True
        learning = mask & ~deciding
        learning[max(part[0] - gap, 0) : part[-1] + gap + 1] = False
        pairs.append((learning, deciding))
    return pairs


class Chosen:
    """All the frames that are learned from, or so many, spread evenly.

    Attributes
    ----------
    places
        By recording: numbers of the frames, n in all.
    labels
        Shape (n,).
    """

    def __init__(self, learns: Masks, labels: Labels, most: int = EXAMPLES) -> None:
        self._learns = learns
        every = max(1, -(-sum(int(own.sum()) for own in learns) // most))
        self.places = [np.flatnonzero(own)[::every] for own in learns]
        self.labels = np.concatenate([v[own] for v, own in zip(labels, self.places, strict=True)])

    def folds(self, gap: int) -> list[tuple[Bools, Bools]]:
        """Return the `folds`, shape (n,), of which what learns has every behavior."""
        offsets = np.cumsum([0, *(len(own) for own in self._learns)])
        at = zip(self.places, offsets, strict=False)
        flat, n_labels = np.concatenate([own + start for own, start in at]), self._n_labels()
        pairs = folds(np.concatenate(self._learns), N_FOLDS, gap)
        chosen = [(learning[flat], deciding[flat]) for learning, deciding in pairs]
        return [p for p in chosen if p[1].any() and self._n_labels(p[0]) == n_labels]

    def folds_or_all(self, gap: int) -> list[tuple[Bools, Bools]]:
        """Return these folds; where there are none, one of which all learns and decides."""
        everything = np.ones(len(self.labels), bool)
        return self.folds(gap) or [(everything, everything)]

    def _n_labels(self, of: Bools | slice = slice(None)) -> int:
        return len(np.unique(self.labels[of]))


def _blocks(recording: int, labels: Ints) -> list[HeldOut]:
    """Cut a recording into stretches with as many labeled frames each."""
    known = np.flatnonzero(labels != UNKNOWN)
    parts = [part for part in np.array_split(known, N_BLOCKS) if part.size]
    return [HeldOut(recording, int(part[0]), int(part[-1]) + 1) for part in parts]


def _choices(n: int, n_out: int) -> list[tuple[int, ...]]:
    """Return the choices to weigh; of very many, those of neighbours."""
    if n <= 12:
        return list(combinations(range(n), n_out))
    return [tuple(range(start, start + n_out)) for start in range(n - n_out + 1)]


def _count(unit: Sequence[HeldOut], labels: Labels, n_behaviors: int) -> Ints:
    values = np.concatenate([labels[b.recording][b.start : b.stop] for b in unit])
    return np.bincount(values[values != UNKNOWN], minlength=n_behaviors)
