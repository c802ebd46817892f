"""Which labeled frames a fine-tune learns from, and which it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import UNKNOWN

N_BLOCKS = 6
"""Blocks into which one mouse's labeled frames are cut; two of them are held out."""

N_FOLDS = 3
"""Into which what is learned from is cut for choices inside a fit."""

EXAMPLES = 2048
"""Frames that a fit learns from, at most: neighbours are near-copies."""


@dataclass(frozen=True)
class HeldOut:
    """A stretch of one recording that a fine-tune does not learn from."""

    recording: int  # its number, from 0
    # first frame, and the frame after the last one
    start: int
    stop: int


def hold_out(
    labels: Sequence[NDArray[np.int64]], subjects: Sequence[str | None], n_behaviors: int
) -> tuple[HeldOut, ...]:
    """Choose what to measure on: whole mice where there are several, else contiguous blocks.

    Raises TrainingError if no choice has every behavior on both sides.

    Parameters
    ----------
    labels
        By recording, shape (t,): number of the behavior, −1 unknown.
    subjects
        Which mouse; recordings of unknown ones are one mouse.
    n_behaviors
        How many behaviors there are; each has to be on both sides.

    Returns
    -------
    tuple of HeldOut
        Those whose shares of the behaviors are most like the rest's; no chance is involved.
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


def held_out_masks(
    labels: Sequence[NDArray[np.int64]], held_out: Sequence[HeldOut]
) -> list[NDArray[np.bool_]]:
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


def training_mask(
    labels: Sequence[NDArray[np.int64]], held_out: Sequence[HeldOut], gap: int
) -> list[NDArray[np.bool_]]:
    """Mark the labeled frames that are learned from.

    Parameters
    ----------
    labels
        By recording, shape (t,).
    held_out
        Left out, with `gap` frames on both sides: neighbours are near-copies.
    """
    masks = [values != UNKNOWN for values in labels]
    for block in held_out:
        masks[block.recording][max(block.start - gap, 0) : block.stop + gap] = False
    return masks


def folds(
    mask: NDArray[np.bool_], n_folds: int, gap: int
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cut the frames that are learned from into contiguous folds for choices inside training.

    Returns
    -------
    list of (learning, deciding)
        Masks of shape (t,); what decides is at least `gap` frames from what learns.
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


def some_frames(
    learns: Sequence[NDArray[np.bool_]], most: int = EXAMPLES
) -> list[NDArray[np.int64]]:
    """Return the frames that are learned from, by recording: all, or so many, spread evenly."""
    total = sum(int(own.sum()) for own in learns)
    every = max(1, -(-total // most))
    return [np.flatnonzero(own)[::every] for own in learns]


def chosen_folds(
    learns: Sequence[NDArray[np.bool_]],
    places: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    gap: int,
    n_folds: int = N_FOLDS,
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return the folds of chosen frames that can be learned without.

    Parameters
    ----------
    learns
        By recording, shape (t,).
    places
        By recording: the n frames of them that were chosen.
    labels
        Shape (n,), of these.
    gap, n_folds
        As of `folds`.

    Returns
    -------
    list of (learning, deciding)
        Masks of shape (n,); every behavior is among what learns.
    """
    joined = np.concatenate(learns)
    offsets = np.cumsum([0, *(len(own) for own in learns)])
    flat = np.concatenate([own + start for own, start in zip(places, offsets, strict=False)])
    pairs = [(learning[flat], deciding[flat]) for learning, deciding in folds(joined, n_folds, gap)]
    n_labels = len(np.unique(labels))
    return [pair for pair in pairs if pair[1].any() and len(np.unique(labels[pair[0]])) == n_labels]


def _blocks(recording: int, labels: NDArray[np.int64]) -> list[HeldOut]:
    """Cut a recording into stretches with as many labeled frames each."""
    known = np.flatnonzero(labels != UNKNOWN)
    parts = [part for part in np.array_split(known, N_BLOCKS) if part.size]
    return [HeldOut(recording, int(part[0]), int(part[-1]) + 1) for part in parts]


def _choices(n: int, n_out: int) -> list[tuple[int, ...]]:
    """Return the choices to weigh; of very many, those of neighbours."""
    if n <= 12:
        return list(combinations(range(n), n_out))
    return [tuple(range(start, start + n_out)) for start in range(n - n_out + 1)]


def _count(
    unit: Sequence[HeldOut], labels: Sequence[NDArray[np.int64]], n_behaviors: int
) -> NDArray[np.int64]:
    values = np.concatenate([labels[b.recording][b.start : b.stop] for b in unit])
    return np.bincount(values[values != UNKNOWN], minlength=n_behaviors)
