"""Which frames are scored, which frames that needs, and how they are read and normalised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.errors import LabelError, RecordingError
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.recording import Recording

Ints = NDArray[np.int64]

SAMPLED = 900
"""Frames that are scored of many bouts together, unless somebody says more or fewer."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames in a row that are scored together.

    Attributes
    ----------
    first, last
        First and last image that a scored window sees.
    scored
        Frames whose windows these are, shape (n,), rising.
    """

    first: int
    last: int
    scored: Ints


def stretches(scored: Ints, past: int, future: int) -> list[Stretch]:
    """Join scored frames whose windows touch: images between them are encoded once.

    Parameters
    ----------
    scored
        Shape (n,), rising.
    past, future
        Images of a window before and after its frame.
    """
    cuts = np.flatnonzero(np.diff(scored) > past + future + 1) + 1
    return [
        Stretch(int(part[0]) - past, int(part[-1]) + future, part)
        for part in np.split(scored, cuts)
    ]


def check_frames(frames: ArrayLike | None, recording: Recording, before: int, after: int) -> Ints:
    """Return the frames to score: those asked for, or all, whose windows fit.

    Raises
    ------
    RecordingError
        If one lies outside the recording, or no window fits.
    """
    where = recording.path or recording.name
    n = recording.n_frames
    if frames is None:
        chosen = np.arange(n)
    else:
        chosen = np.unique(np.asarray(frames))
        if chosen.size and not np.issubdtype(chosen.dtype, np.integer):
            raise RecordingError(f"frames are {chosen.dtype}; give whole numbers.")
        if chosen.size and not (chosen[0] >= 0 and chosen[-1] < n):
            raise RecordingError(
                f"{where}: frames {chosen[0]} to {chosen[-1]} are asked for, and the recording has "
                f"frames 0 to {n - 1}."
            )
    chosen = chosen[(chosen >= before) & (chosen < n - after)].astype(np.int64)
    if not chosen.size:
        raise RecordingError(
            f"{where}: no window fits around any of the frames asked for; a prediction needs "
            f"{before} frames before it and {after} after it."
        )
    return chosen


def labelled(ethogram: Ethogram, behavior: str, frames: Ints, n_frames: int) -> tuple[Ints, Ints]:
    """Return, of some frames, 1 for the behaviour, 0 for another, and the bout each is in.

    Returns
    -------
    labels
        Shape (n,), −1 where unknown.
    bouts
        Shape (n,), number of the bout; −1 where unknown.

    Raises
    ------
    LabelError
        If the labels are not this recording's, do not know the behaviour, or hold nothing but
        it, or nothing of it, in these frames.
    """
    if ethogram.n_frames != n_frames:
        raise LabelError(
            f"the labels have {ethogram.n_frames} frames and the recording has {n_frames}; give "
            "the labels of this recording."
        )
    if behavior not in ethogram.behaviors:
        raise LabelError(
            f"the labels know no {behavior!r}, only {', '.join(ethogram.behaviors)}; choose one of "
            "these, or give no labels to score by log-odds."
        )
    label = np.full(n_frames, -1, dtype=np.int64)
    bout = np.full(n_frames, -1, dtype=np.int64)
    for number, one in enumerate(ethogram.bouts):
        label[one.start : one.stop] = one.behavior == behavior
        bout[one.start : one.stop] = number
    labels, bouts = label[frames], bout[frames]
    found = set(labels[labels >= 0].tolist())
    if found != {0, 1}:
        only = {(1,): f"all {behavior!r}", (0,): f"none {behavior!r}"}
        there = only.get(tuple(found), "unknown")
        raise LabelError(
            f"the {len(frames)} scored frames are {there} by the labels; an AUC needs the "
            "behavior and something else: choose other frames, or give no labels to score by "
            "log-odds."
        )
    return labels, bouts


def sample_frames(
    ethogram: Ethogram,
    n: int = SAMPLED,
    *,
    stretch: int = 30,
    seed: int = 0,
    among: NDArray[np.bool_] | None = None,
) -> Ints:
    """Choose frames of as many bouts as possible: a bout is worth more than a longer bout.

    Parameters
    ----------
    ethogram
        Labels; unknown frames are not chosen.
    n
        Frames in all, about.
    stretch
        Frames of one bout at most, in a row: their windows share encoded images. Fewer where
        else not every behaviour would have its share of the n.
    seed
        Decides which part of a long bout, and which bouts where there are too many.
    among
        Shape (t,): which frames may be chosen, such as those that no decoder learned from.

    Returns
    -------
    numpy.ndarray
        Shape (≤ n,), int64, rising. Bouts of every behaviour in turn.

    Raises
    ------
    LabelError
        If nothing is labelled.
    """
    if not ethogram.bouts:
        raise LabelError("nothing is labelled; label some bouts, or choose frames yourself.")
    if among is not None:
        frames = np.where(among, ethogram.frames(), UNKNOWN)
        chosen_from = Ethogram.from_frames(frames, ethogram.behaviors)
        if ethogram.bouts and not chosen_from.bouts:
            raise LabelError(
                "the decoder learned from every labelled frame; label bouts that it has not seen, "
                "or choose frames yourself."
            )
        return sample_frames(chosen_from, n, stretch=stretch, seed=seed)
    rng = np.random.default_rng(seed)
    queues = [
        iter(rng.permutation([i for i, b in enumerate(ethogram.bouts) if b.behavior == name]))
        for name in ethogram.behaviors
    ]
    stretch = min(stretch, max(1, n // len({bout.behavior for bout in ethogram.bouts})))
    chosen: list[Ints] = []
    left = n
    for number in _in_turn(queues):
        bout = ethogram.bouts[number]
        length = min(stretch, bout.stop - bout.start, left)
        if length < 1:
            break
        start = int(rng.integers(bout.start, bout.stop - length + 1))
        chosen.append(np.arange(start, start + length))
        left -= length
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def spread_frames(n_frames: int, n: int, *, stretch: int = 60) -> Ints:
    """Choose frames evenly over a recording, in stretches whose windows share encoded images.

    Parameters
    ----------
    n_frames
        Length of the recording.
    n
        Frames in all, about.
    stretch
        Frames in a row.

    Returns
    -------
    numpy.ndarray
        Shape (≤ n_frames,), int64, rising.
    """
    if n >= n_frames:
        return np.arange(n_frames)
    length = min(stretch, n)
    count = max(1, n // length)
    # in the middle of equal parts: at the very ends no window fits
    starts = ((np.arange(count) + 0.5) * n_frames / count - length / 2).round().astype(np.int64)
    return np.unique(starts[:, None] + np.arange(length))


def _in_turn(queues: list[Iterator[int]]) -> Iterator[int]:
    """Take one of each in turn, until all are empty."""
    while queues:
        for queue in list(queues):
            number = next(queue, None)
            if number is None:
                queues.remove(queue)
            else:
                yield int(number)
