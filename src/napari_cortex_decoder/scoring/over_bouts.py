"""Scores with and without a part, and how sure one may be of their difference.

Frames in a row are near-copies of each other, so bouts are what is drawn anew in a bootstrap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.choices import ScoreName

BLOCK_SECONDS = 5.0
"""Where there are no bouts, stretches of so many seconds are drawn instead."""


class _Drawn:
    """Units of frames, such as bouts, that are drawn anew; each of `kinds` is the unit of a frame.

    Units of each kind are numbered 0, 1, … in the order of their names.
    """

    def __init__(self, *kinds: Ints) -> None:
        units = [np.unique(own, return_inverse=True, return_counts=True) for own in kinds]
        self._unit = [unit.astype(np.int64) for _, unit, _ in units]
        self._sizes = [sizes.astype(np.float64) for _, _, sizes in units]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return sum(len(sizes) for sizes in self._sizes)

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw units with replacement, of each kind as many as are.

        Shape (n, units): how often each is in each draw; the same draws for every part make
        differences paired.
        """
        kinds = [len(sizes) for sizes in self._sizes]
        drawn = [rng.multinomial(k, np.full(k, 1 / k), n) for k in kinds]
        return np.hstack(drawn).astype(np.float64)

    def halves(self) -> tuple[Floats, Floats] | None:
        """Select the first and the last half of the units of each kind; None where too few."""
        kinds = [len(sizes) for sizes in self._sizes]
        if min(kinds) < 2:
            return None
        early = np.hstack([np.arange(k) < k / 2 for k in kinds]).astype(np.float64)[None]
        return early, 1 - early

    def _added(self, *values: Floats) -> Floats:
        """Add up the values of each unit, shape (units,), of frames of each kind."""
        each = zip(self._unit, values, self._sizes, strict=True)
        return np.concatenate([np.bincount(u, weights=v, minlength=len(s)) for u, v, s in each])


class _OverBouts(_Drawn):
    """What tells frames of a behaviour from others, bout by bout.

    `labels`, shape (n,): 1 behaviour, 0 another, −1 unknown (left out); `bouts`, shape (n,): number
    of the bout each frame is in.
    """

    def __init__(self, labels: Ints, bouts: Ints) -> None:
        self._yes, self._no = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
        super().__init__(bouts[self._yes], bouts[self._no])
        self._yes_sizes, self._no_sizes = self._sizes


class Auc(_OverBouts):
    """Area under the ROC curve over bouts.

    The pairs of a frame of the behaviour and another frame that stand in the right order are
    counted bout by bout, once. The AUC of any selection of bouts, such as a bootstrap's, is then
    a matter of adding counts, with no sorting.
    """

    name: ScoreName = "auc"

    def __init__(self, labels: Ints, bouts: Ints) -> None:
        super().__init__(labels, bouts)
        # where each bout begins and ends among frames sorted by bout
        self._no_order = np.argsort(self._unit[1], kind="stable")
        self._no_cuts = np.cumsum(self._no_sizes)[:-1].astype(int)

    def summarize(self, values: NDArray[np.floating]) -> Floats:
        """Count, for each two bouts, the pairs of frames in the right order; a tie is half a one.

        `values`, shape (n,), rank the frames; gives shape (bouts of the behaviour, other bouts).
        """
        yes = np.asarray(values, dtype=np.float64)[self._yes]
        no = np.asarray(values, dtype=np.float64)[self._no][self._no_order]
        counts = np.empty((len(self._yes_sizes), len(self._no_sizes)))
        for column, part in enumerate(np.split(no, self._no_cuts)):
            part = np.sort(part)
            wins = np.searchsorted(part, yes, "left") + np.searchsorted(part, yes, "right")
            counts[:, column] = np.bincount(
                self._unit[0], weights=wins / 2, minlength=len(self._yes_sizes)
            )
        return counts

    def score(self, summary: Floats) -> float:
        """Return the AUC of all frames."""
        return float(summary.sum() / (self._yes_sizes.sum() * self._no_sizes.sum()))

    def scores(self, summary: Floats, draws: Floats) -> Floats:
        """Return the AUC of each draw, shape (draws,)."""
        yes, no = np.split(draws, [len(self._yes_sizes)], axis=1)
        pairs = np.einsum("dy,yn,dn->d", yes, summary, no, optimize=True)
        return np.asarray(pairs / ((yes @ self._yes_sizes) * (no @ self._no_sizes)))


class Separation(_OverBouts):
    """Mean log-odds in frames of the behaviour, less that in other frames.

    An AUC of nearly 1 stays where it is when one of several areas that say the same is missing;
    the distance of the two kinds of frames has no such ceiling.
    """

    name: ScoreName = "log-odds"

    def summarize(self, values: NDArray[np.floating]) -> Floats:
        """Add up each bout, shape (bouts of the behaviour + other bouts,)."""
        odds = np.asarray(values, dtype=np.float64)
        return self._added(odds[self._yes], odds[self._no])

    def score(self, summary: Floats) -> float:
        """Return the distance over all frames."""
        return float(self.scores(summary, np.ones((1, self.n_units)))[0])

    def scores(self, summary: Floats, draws: Floats) -> Floats:
        """Return the distance in each draw, shape (draws,)."""
        n = len(self._yes_sizes)
        yes, no = np.split(draws, [n], axis=1)
        of_yes = (yes @ summary[:n]) / (yes @ self._yes_sizes)
        return np.asarray(of_yes - (no @ summary[n:]) / (no @ self._no_sizes))


class LogOdds(_Drawn):
    """Evidence for what the decoder says, where nobody knows what is true.

    The mean over frames of the log-odds of the behaviour, counted against it where the decoder
    (with all cortex) says another. `whole`, shape (n,), are the log-odds with nothing missing.
    """

    name: ScoreName = "log-odds"

    def __init__(self, frames: Ints, whole: NDArray[np.floating], frame_rate: float) -> None:
        self._sign = np.where(np.asarray(whole) >= 0, 1.0, -1.0)
        super().__init__(frames // max(1, round(BLOCK_SECONDS * frame_rate)))

    def summarize(self, values: NDArray[np.floating]) -> Floats:
        """Add up each stretch, shape (stretches,)."""
        return self._added(np.asarray(values, dtype=np.float64) * self._sign)

    def score(self, summary: Floats) -> float:
        """Return the mean over all frames."""
        return float(summary.sum() / self._sizes[0].sum())

    def scores(self, summary: Floats, draws: Floats) -> Floats:
        """Return the mean of each draw, shape (draws,)."""
        return np.asarray((draws @ summary) / (draws @ self._sizes[0]))


Score = Auc | Separation | LogOdds
