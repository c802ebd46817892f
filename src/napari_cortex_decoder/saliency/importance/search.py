"""In which order areas are measured: all on few frames, then the likely ones on all, then places.

An area that is not worth a look is a test that found nothing: it counts where the others are
corrected for how many were looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_cortex_decoder.choices import FillName
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.saliency.importance.control import Places, corrected, excess, passes
from napari_cortex_decoder.saliency.importance.experiment import LEVELS, Experiment, Lost
from napari_cortex_decoder.saliency.masking.regions import Target, matched_patches

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

AREAS = "areas"
"""Stage of the search, and the detail that holds what is known so far: by target, its importance
and its interval."""

_LIKELY = 8
"""Targets that are measured on all frames where images are encoded."""

_PATCHES = {False: 12, True: 30}
"""Random places, unless somebody says how many; where nothing is encoded many cost little."""


class Meter:
    """How far a search is as a whole, and what it has found.

    Parameters
    ----------
    report
        Whom to tell.

    Attributes
    ----------
    done, total
        Images; 0 of 0 where what is measured tells of itself.
    found
        See `AREAS`.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self.done = self.total = 0
        self.found: dict[str, tuple[float, float, float]] = {}

    def __call__(self, event: Progress) -> None:
        """Pass on what a part of the search says."""
        if self.total and event.stage == AREAS:
            found = {AREAS: dict(self.found)}
            event = Progress(AREAS, self.done + event.done, self.total, details=found)
        self._report(event)


class Search:
    """What targets are worth, as far as it is known.

    Parameters
    ----------
    experiment
        What they are measured with; its report is `meter`.
    targets
        What is taken away.
    members
        Shape (areas, y, x): the areas on the images.
    fills
        What stands there instead.
    patches
        Random places to compare with; None: as many as are usual.
    meter
        Told how far it is.
    families
        By name, numbers of the targets that are taken away together, too.

    Attributes
    ----------
    n_patches
        Random places that are asked for.
    seen
        Shape (k,), numbers of the targets on the movie.
    importance, low, high
        Shape (targets,); NaN where not measured.
    frames
        Shape (targets,): on how many frames.
    halves
        Shape (2, targets).
    by_fill
        Importance by fill.
    """

    def __init__(
        self,
        experiment: Experiment,
        targets: Sequence[Target],
        members: Bools,
        fills: Sequence[FillName],
        patches: int | None,
        meter: Meter,
        families: Mapping[str, Sequence[int]],
    ) -> None:
        self._experiment, self._targets, self._members = experiment, targets, members
        self.n_patches = _PATCHES[experiment.at_once] if patches is None else patches
        self._meter = meter
        self._rng = np.random.default_rng(experiment.seed)
        self._masks = np.stack([members[list(one.members)].any(axis=0) for one in targets])
        self.seen = np.flatnonzero(self._masks.any(axis=(1, 2)))
        n = len(targets)
        self.by_fill: dict[FillName, Floats] = {fill: np.full(n, np.nan) for fill in fills}
        self.importance = self.by_fill[fills[0]]
        self.low, self.high = np.full((2, n), np.nan)
        self.halves = np.full((2, n), np.nan)
        self.frames = np.zeros(n, np.int64)
        self._measured: dict[int, Lost] = {}  # on all frames
        self._patches: Bools = self._masks[:0]
        self._random: Lost | None = None  # without each of them
        self._odds = np.full(n, np.nan)
        on = {name: [i for i in own if i in self.seen] for name, own in families.items()}
        self._families = {name: own for name, own in on.items() if len(own) > 1}
        joint = [self._masks[own].any(axis=0) for own in self._families.values()]
        self._joint = np.array(joint, bool).reshape(-1, *members.shape[1:])
        self._together: Lost | None = None
        self._alike: dict[int, tuple[float, Floats]] = {}  # in the same frames as `_together`

    def run(self, behavior: str) -> None:
        """Measure, until there is nothing left or the report raises.

        Parameters
        ----------
        behavior
            What is decoded: of a decoder that does not read it no places are asked.
        """
        first, *others = self.by_fill
        if self._experiment.at_once:
            patches = self._moved(self.seen)
            parts = np.concatenate([self._masks[self.seen], patches, self._joint])
            lost = self._experiment.lost(parts, first, AREAS)
            n, last = len(self.seen), len(parts) - len(self._joint)
            self._take(self.seen, lost)
            self._together = lost.of(slice(last, None))
            if len(patches) and self._experiment.whole().unread(behavior) is None:
                self._patches, self._random = patches, lost.of(slice(n, last))
            for fill in others:
                self._measure(self.seen, fill)
            return
        likely = self._begin(first, len(others))
        unread = self._experiment.whole().unread(behavior) is not None
        if likely < len(self.seen):
            for i in self.seen:
                self._measure(np.array([i]), first, few=True)
            if unread:
                return
            self._measure_together(first, few=True)
        order = self.seen[np.argsort(-self._odds[self.seen], kind="stable")][:likely]
        for i in order:
            for fill in self.by_fill:
                self._measure(np.array([i]), fill)
        if not unread and self._together is None:
            self._measure_together(first, few=False)
        if unread or not (self.low[order] > 0).any():
            return  # no place could make up for that
        patches = self._moved(order)
        if len(patches):
            self._patches = patches
            self._random = self._experiment.lost(patches, first, AREAS)

    def table(self) -> pd.DataFrame:
        """Return one row a target: see `AreaImportance`."""
        control, agrees = self._compared(odds=False), self._compared(odds=True)
        return pd.DataFrame(
            {
                "acronym": [target.acronym for target in self._targets],
                "side": [target.side for target in self._targets],
                "importance": self.importance,
                "low": self.low,
                "high": self.high,
                "control": control[1],
                "control_low": control[2],
                "control_high": control[3],
                "excess_low": control[4],
                "excess_high": control[5],
                "p": control[6],
                "agrees": passes(agrees[0], agrees[4], agrees[6]),
                "pixels": self._masks.sum(axis=(1, 2)),
                "frames": self.frames,
            }
        )

    def _compared(self, *, odds: bool) -> Floats:
        """Hold what was measured against random places, shape (7, targets).

        Its lower end; what places are worth, from and to; the interval of the difference; p.
        """
        found = np.full((7, len(self._targets)), np.nan)
        for i, lost in self._measured.items():
            one, mask = lost.odds if odds and lost.odds else lost, self._masks[i]
            found[0, i] = one.low[0]
            if self._random is None:
                continue
            random = self._random.odds if odds and self._random.odds else self._random
            near = Places(self._patches, random.importance, random.draws).of(mask)
            if not len(near.worth):
                continue
            mean, apart, expected = near.expected(int(mask.sum()))
            found[1:4, i] = mean, *(mean + np.percentile(apart, LEVELS))
            found[4:6, i] = np.percentile(one.draws[0] - expected, LEVELS)
            found[6, i] = excess(one.importance[0], mask, near)
        found[6, self.seen] = corrected(found[6, self.seen])
        return found

    def together(self) -> pd.DataFrame:
        """Return one row a family: see `AreaImportance`."""
        lost = self._together
        if lost is None:
            return pd.DataFrame()
        low = LEVELS[0] / max(1, len(self._families))  # of any of them
        each = [[self._alike[i] for i in own] for own in self._families.values()]
        sums = np.array([sum(draws for _, draws in parts) for parts in each])
        return pd.DataFrame(
            {
                "acronym": list(self._families),
                "areas": [
                    ", ".join(self._targets[i].label for i in own)
                    for own in self._families.values()
                ],
                "importance": lost.importance,
                "low": lost.low,
                "high": lost.high,
                "each": [max(worth for worth, _ in parts) for parts in each],
                "more_low": np.percentile(lost.draws - sums, low, axis=1) if each else [],
            }
        )

    def _measure_together(self, fill: FillName, *, few: bool) -> None:
        if len(self._joint):
            self._together = self._experiment.lost(self._joint, fill, AREAS, few=few)
            self._meter.done += self._experiment.passing()[few] * len(self._joint)

    def _begin(self, fill: FillName, others: int) -> int:
        """Decode with nothing missing; return how many targets are worth all frames."""
        experiment, meter, n = self._experiment, self._meter, len(self.seen)
        one, few = experiment.passing()
        likely = _LIKELY
        if n <= likely or 2 * few > one:
            likely, few = n, 0
        meter.total = one * (1 + likely * (1 + others) + self.n_patches) + few * n
        meter.total += len(self._joint) * (few or one)
        experiment.lost(self._masks[:0], fill, AREAS)
        meter.done = one
        return likely

    def _measure(self, which: Ints, fill: FillName, *, few: bool = False) -> None:
        lost = self._experiment.lost(self._masks[which], fill, AREAS, few=few)
        self._meter.done += self._experiment.passing()[few] * len(which)
        if fill != next(iter(self.by_fill)):
            self.by_fill[fill][which] = lost.importance
        else:
            self._take(which, lost, few=few)

    def _take(self, which: Ints, lost: Lost, *, few: bool = False) -> None:
        n = len(which)
        self.importance[which], self.halves[:, which] = lost.importance[:n], lost.halves[:, :n]
        self.low[which], self.high[which] = lost.low[:n], lost.high[:n]
        self._odds[which] = (lost.odds or lost).importance[:n]
        experiment = self._experiment
        self.frames[which] = experiment.few.sum() if few else len(experiment.scored)
        for place, i in enumerate(which.tolist()):
            self._alike.setdefault(i, (float(lost.importance[place]), lost.draws[place]))
            if not few:
                self._measured[i] = lost.of(slice(place, place + 1))
            found = self.importance[i], self.low[i], self.high[i]
            self._meter.found[self._targets[i].label] = tuple(map(float, found))  # type: ignore[assignment]

    def _moved(self, which: Ints) -> Bools:
        """Move targets elsewhere, each in turn, until there are enough."""
        brain: Bools = np.asarray(self._members.any(axis=0))
        each = np.bincount(np.arange(self.n_patches) % len(which), minlength=len(which))
        moved = [
            matched_patches(self._members[list(self._targets[i].members)], brain, n, self._rng)
            for i, n in zip(self._rng.permutation(which), each.tolist(), strict=True)
            if n
        ]
        patches = np.concatenate([self._masks[:0], *moved]) & brain
        return np.asarray(patches[patches.any(axis=(1, 2))])
