"""The ways to fit a decoder to labels, and which of them reads best what it has not learned from.

Ways are compared in folds of contiguous blocks inside what is learned from; what is held out takes
no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.config import LinearConfig
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Cancelled, Progress, Report
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.scoring.calibration import cross_entropy
from napari_cortex_decoder.tuning import heads
from napari_cortex_decoder.tuning.epoch import Epoch
from napari_cortex_decoder.tuning.head_behaviors import with_behaviors
from napari_cortex_decoder.tuning.heads import Features
from napari_cortex_decoder.tuning.held_out import EXAMPLES, Chosen, Masks, folds
from napari_cortex_decoder.tuning.linear_fit import LinearFit
from napari_cortex_decoder.tuning.result import Candidate
from napari_cortex_decoder.tuning.task import TuneTask
from napari_cortex_decoder.tuning.tunable import Config, Model, model_of

N_FOLDS = 4
"""Into which what is learned from is cut to compare ways."""

Tell = Callable[[Epoch], None]


@dataclass(frozen=True, eq=False)
class Way:
    """One way to fit."""

    name: str  # such as ``"head"``
    base: Decoder | None  # what it begins as; None: linear filters begin as nothing
    # fits to the frames that are learned from; gives what the new decoder reads, too
    fit: Callable[[Masks, Tell], tuple[Model, Features]]


def _of_head(name: str, base: Decoder, read: Features, task: TuneTask) -> Way:
    """Return another scale and shift, or another head, on features that are computed already."""

    def fit(learns: Masks, tell: Tell) -> tuple[Model, Features]:
        model = with_behaviors(model_of(base), task.asked.behaviors)
        data = heads.labeled(read, task.labels, learns)
        if name == "threshold":
            return heads.fit_threshold(model, data), read
        return heads.fit_head(model, data, gap=task.asked.gap, tell=tell), read

    return Way(name, base, fit)


def ways_of(task: TuneTask) -> list[Way]:
    """Return the ways that a task may go, the plainest first."""
    asked, start = task.asked, task.start
    known = set(asked.behaviors) <= set(start.behaviors)
    heads_of = [_of_head(name, start, task.features, task) for name in ("threshold", "head")]
    found: list[Way] = []
    if known or asked.depth == "threshold":
        found.append(heads_of[0])
    if task.traces is not None:
        assert isinstance(start.config, Config)
        every = task.traces
        mean = replace(every, areas=(), atlas="", values=[v[:, -1:] for v in every.values])
        areas = replace(every, values=[v[:, :-1] for v in every.values])
        for name, own in (("mean", mean), ("linear", areas)):
            if name == "mean" or own.areas:
                fits = LinearFit(own, task.labels, asked.behaviors, start.config, asked.gap)
                found.append(Way(name, None, fits.fit))
    if task.area_base is not None:
        found.append(_of_head("areas", task.area_base, task.area_features, task))
    if not isinstance(start.config, LinearConfig):
        found.append(heads_of[1])
    return found if asked.depth == "best" else [way for way in found if way.name == asked.depth]


def compare(ways: Sequence[Way], task: TuneTask, report: Report) -> tuple[Candidate, ...]:
    """Compare ways on what they have not learned from, inside what is learned from.

    Gives one candidate a way; the best is the chosen one, and a way that cannot learn from so
    little says why. Once `report` raises `Cancelled`, those compared so far are given. Raises
    TrainingError if no way can; Cancelled if none was compared before that.
    """
    parts = _parts(task)
    found: list[Candidate] = []
    for number, way in enumerate(ways):
        try:
            report(Progress("comparing", number, len(ways)))
            found.append(_compared(way, task, parts, report))
        except TrainingError as reason:
            found.append(Candidate(way.name, None, None, why=str(reason)))
        except Cancelled:
            if not any(one.loss is not None for one in found):
                raise
            break
    measured = [one for one in found if one.rank is not None]
    if not measured:
        raise TrainingError(
            "too few bouts are labelled to compare ways to fit; label more, or take the depth "
            "threshold."
        )
    best = max(measured, key=lambda one: one.rank or (0.0, 0.0))
    return tuple(replace(one, chosen=one is best) for one in found)


def _compared(
    way: Way, task: TuneTask, parts: Sequence[tuple[Masks, Masks]], report: Report
) -> Candidate:
    logits, labels = [], []
    for learns, decides in parts:
        report(Progress("comparing", 0, 0))
        (network, config), features = way.fit(learns, lambda _: None)
        decoder = make_decoder(config, network, name=way.name)
        for number, own in enumerate(Chosen(decides, task.labels, EXAMPLES // N_FOLDS).places):
            if len(own):
                read = heads.frame_logits(decoder, features[number], own)
                logits.append(read / config.temperature)
                labels.append(task.labels[number][own])
    if not logits:
        return Candidate(way.name, None, None, why="too few bouts are labelled to compare ways")
    read, true = np.concatenate(logits), np.concatenate(labels)
    return Candidate(way.name, auc_of_logits(read, true), cross_entropy(read, true))


def _parts(task: TuneTask) -> list[tuple[Masks, Masks]]:
    """Return what learns and what decides, by recording, of the folds that have every behavior."""
    learns, everything = task.learns, range(len(task.asked.behaviors))
    borders = np.cumsum([len(own) for own in learns])[:-1]
    flat = np.concatenate(task.labels)
    parts: list[tuple[Masks, Masks]] = []
    for learning, deciding in folds(np.concatenate(learns), N_FOLDS, task.asked.gap):
        if set(everything) <= set(flat[learning].tolist()):
            parts.append((np.split(learning, borders), np.split(deciding, borders)))
    return parts
