"""The review queue: which stretches are worth looking at first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.bouts import UNKNOWN, stretches
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


def calibrated(probability: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Soften or sharpen probabilities by a temperature (Guo et al. 2017, ICML).

    Raises LabelError if the temperature is not a positive number.

    Parameters
    ----------
    probability
        Shape (t, k); NaN stays.
    temperature
        Of the decoder's calibration on labelled frames; 1 leaves them as they are, more makes
        them less sure.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise LabelError(f"the temperature is {temperature}; give a positive number.")
    logits = np.log(np.clip(probability.astype(np.float64), _TINY, 1)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    odds = np.exp(logits)
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def review_queue(
    probability: NDArray[np.floating],
    decoded: NDArray[np.integer],
    behaviors: tuple[str, ...],
    labels: Ethogram | None = None,
    *,
    order: Order = "uncertainty",
    temperature: float = 1.0,
) -> tuple[ReviewItem, ...]:
    """Order the bouts of a prediction by how much they deserve a look.

    Raises LabelError if the lengths differ, or the order is unknown.

    Parameters
    ----------
    probability
        Shape (t, k), of one prediction; NaN where there is none.
    decoded
        Shape (t,): the bouts that it gives, as column numbers, −1 for none; see `clean`.
    order
        ``"uncertainty"``: predicted bouts that no person has seen whole, the least certain first.
        ``"disagreement"``: stretches where label and prediction differ, the surest contradiction
        first.
    temperature
        See `calibrated`.
    """
    check_choice("order", order, ORDERS, LabelError)
    n = len(probability)
    if len(decoded) != n or (labels is not None and labels.n_frames != n):
        raise LabelError(
            f"{n} predicted frames, {len(decoded)} decoded ones and "
            f"{n if labels is None else labels.n_frames} labelled ones; give those of one "
            "recording."
        )
    shares = calibrated(probability, temperature)
    if order == "uncertainty":
        items = _uncertain(shares, decoded, behaviors, labels)
    else:
        items = [] if labels is None else _disagreeing(shares, decoded, behaviors, labels)
    return tuple(sorted(items, key=lambda item: (-item.score, item.start)))


def _uncertain(
    shares: NDArray[np.float64],
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
    starts, lengths = stretches(decoded)
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        stop = start + length
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
    shares: NDArray[np.float64],
    decoded: NDArray[np.integer],
    behaviors: tuple[str, ...],
    labels: Ethogram,
) -> list[ReviewItem]:
    columns = np.array(
        [
            behaviors.index(name) if name in behaviors else len(behaviors)
            for name in labels.behaviors
        ]
        + [UNKNOWN]
    )
    values = labels.frames()
    said = columns[values]  # −1 takes the last
    differ = (said != UNKNOWN) & (decoded != UNKNOWN) & (said != decoded)
    pair = np.where(differ, values * len(behaviors) + decoded, UNKNOWN)
    padded = np.column_stack([np.nan_to_num(shares), np.zeros(len(shares))])
    items = []
    starts, lengths = stretches(pair)
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        if pair[start] == UNKNOWN:
            continue
        stretch = slice(start, start + length)
        surplus = padded[stretch, decoded[start]] - padded[stretch, said[start]]
        items.append(
            ReviewItem(
                start=start,
                stop=start + length,
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

    Parameters
    ----------
    decoded
        Shape (t,): column of `behaviors`, −1 for none.
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
    starts, lengths = stretches(said)
    for first, length in zip((starts + start).tolist(), lengths.tolist(), strict=True):
        value = int(said[first - start])
        if value >= 0:
            bouts.append(Bout(first, first + length, behaviors[value], Source.VERIFIED))
        elif value != UNKNOWN:  # nothing was read here: what was measured stays
            bouts += [
                replace(bout, start=max(bout.start, first), stop=min(bout.stop, first + length))
                for bout in kept
                if bout.source not in _SEEN and bout.start < first + length and bout.stop > first
            ]
    return tuple(sorted(bouts))
