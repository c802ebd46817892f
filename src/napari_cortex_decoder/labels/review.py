"""The review queue: which stretches are worth looking at first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats
from napari_cortex_decoder.bouts import UNKNOWN, each_stretch
from napari_cortex_decoder.choices import ORDERS, Order, check_choice
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram, Source

_SEEN = (Source.PERSON, Source.VERIFIED)
_TINY = 1e-7


@dataclass(frozen=True)
class ReviewItem:
    """A stretch of frames to look at."""

    # first frame, and the frame after the last one
    start: int
    stop: int
    predicted: str  # what the decoder reads there
    labelled: str | None  # what the labels say there; None if they say nothing
    frame: int  # the most doubtful frame of it
    # 0–1. Of uncertain bouts: mean entropy over its greatest possible value. Of disagreements: how
    # much more probable the decoder holds its own reading than the label, on average; the surest
    # contradiction first
    score: float


def review_queue(
    probability: NDArray[np.floating],
    decoded: NDArray[np.integer],
    behaviors: tuple[str, ...],
    labels: Ethogram | None = None,
    *,
    order: Order = "uncertainty",
) -> tuple[ReviewItem, ...]:
    """Order the bouts of a prediction by how much they deserve a look.

    `probability`, (t, k), is NaN where there is none; `decoded`, (t,), are the bouts that it gives,
    as column numbers, −1 for none: see `clean`. By ``"uncertainty"``: predicted bouts that no
    person has seen whole, the least certain first. By ``"disagreement"``: stretches where label and
    prediction differ, the surest contradiction first. Raises LabelError if the lengths differ, or
    the order is unknown.
    """
    check_choice("order", order, ORDERS, LabelError)
    n = len(probability)
    if len(decoded) != n or (labels is not None and labels.n_frames != n):
        raise LabelError(
            f"{n} predicted frames, {len(decoded)} decoded ones and "
            f"{n if labels is None else labels.n_frames} labelled ones; give those of one "
            "recording."
        )
    shares = probability.astype(np.float64)
    if order == "uncertainty":
        items = _uncertain(shares, decoded, behaviors, labels)
    else:
        items = [] if labels is None else _disagreeing(shares, decoded, behaviors, labels)
    return tuple(sorted(items, key=lambda item: (-item.score, item.start)))


def _uncertain(
    shares: Floats,
    decoded: NDArray[np.integer],
    behaviors: tuple[str, ...],
    labels: Ethogram | None,
) -> list[ReviewItem]:
    entropy = -(shares * np.log(np.clip(shares, _TINY, 1))).sum(axis=1) / np.log(len(behaviors))
    unseen = np.ones(len(decoded), dtype=bool)
    names = np.full(len(decoded), -1)
    for bout in labels.bouts if labels is not None else ():
        unseen[bout.start : bout.stop] = bout.source not in _SEEN
    if labels is not None:
        names = labels.frames()
    items = []
    for start, stop in each_stretch(decoded):
        if decoded[start] == UNKNOWN or not unseen[start:stop].any():
            continue
        # a gap that was filled has frames that nothing was predicted for
        doubt = np.where(np.isfinite(entropy[start:stop]), entropy[start:stop], 1.0)
        said = set(names[start:stop].tolist())
        only = said.pop() if len(said) == 1 else UNKNOWN
        items.append(
            ReviewItem(
                start=start,
                stop=stop,
                predicted=behaviors[decoded[start]],
                labelled=None if labels is None or only == UNKNOWN else labels.behaviors[only],
                frame=start + int(doubt.argmax()),
                score=float(doubt.mean()),
            )
        )
    return items


def _disagreeing(
    shares: Floats, decoded: NDArray[np.integer], behaviors: tuple[str, ...], labels: Ethogram
) -> list[ReviewItem]:
    other = len(behaviors)  # one that the decoder does not know
    known = [behaviors.index(b) if b in behaviors else other for b in labels.behaviors]
    columns = np.array([*known, UNKNOWN])
    values = labels.frames()
    said = columns[values]  # −1 takes the last
    differ = (said != UNKNOWN) & (decoded != UNKNOWN) & (said != decoded)
    pair = np.where(differ, values * len(behaviors) + decoded, UNKNOWN)
    padded = np.column_stack([np.nan_to_num(shares), np.zeros(len(shares))])
    items = []
    for start, stop in each_stretch(pair):
        if pair[start] == UNKNOWN:
            continue
        stretch = slice(start, stop)
        surplus = padded[stretch, decoded[start]] - padded[stretch, said[start]]
        items.append(
            ReviewItem(
                start=start,
                stop=stop,
                predicted=behaviors[decoded[start]],
                labelled=labels.behaviors[values[start]],
                frame=start + int(surplus.argmax()),
                score=float(np.clip(surplus.mean(), 0, 1)),
            )
        )
    return items


def verification(
    labels: Ethogram,
    decoded: NDArray[np.integer],
    behaviors: tuple[str, ...],
    start: int,
    stop: int,
) -> tuple[Bout, ...]:
    """Return the bouts that say: what the decoder reads in frames [start, stop) is right.

    What a person has said there stays; frames that the decoder says nothing of stay as they are.
    `decoded`, shape (t,), are columns of `behaviors`, −1 for none. In order, for `edits.Replace`.
    """
    kept = [
        replace(bout, start=max(bout.start, start), stop=min(bout.stop, stop))
        for bout in labels.bouts
        if bout.start < stop and bout.stop > start
    ]
    said = np.where(decoded[start:stop] == UNKNOWN, -2, decoded[start:stop])
    for bout in kept:
        if bout.source in _SEEN:
            said[bout.start - start : bout.stop - start] = UNKNOWN
    bouts = [bout for bout in kept if bout.source in _SEEN]
    for begin, end in each_stretch(said):
        first, after, value = start + begin, start + end, int(said[begin])
        if value >= 0:
            bouts.append(Bout(first, after, behaviors[value], Source.VERIFIED))
        elif value != UNKNOWN:  # nothing was read here: what was measured stays
            bouts += [
                replace(bout, start=max(bout.start, first), stop=min(bout.stop, after))
                for bout in kept
                if bout.source not in _SEEN and bout.start < after and bout.stop > first
            ]
    return tuple(sorted(bouts))
