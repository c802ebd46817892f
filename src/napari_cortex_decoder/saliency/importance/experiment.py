"""One decoder, one recording, one score: what is lost when parts of the image are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import FillName, ScoreName
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Decoder, TraceDecoder
from napari_cortex_decoder.decoder.suitability import first_predicted
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder, behavior_index
from napari_cortex_decoder.saliency.masking.frames import check_frames, labelled
from napari_cortex_decoder.saliency.masking.masked_traces import MaskedTraces
from napari_cortex_decoder.scoring.auc import aucs
from napari_cortex_decoder.scoring.nulls import shifted_labels
from napari_cortex_decoder.scoring.over_bouts import Auc, LogOdds, Score, Separation

Floats = NDArray[np.float64]

SMALLEST_AUC = 0.6
"""Below, a decoder knows too little for it to matter where it looks."""

LEVELS = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


@dataclass(frozen=True, eq=False)
class Whole:
    """How well the decoder does with nothing missing.

    Attributes
    ----------
    score
        ``"auc"`` with labels, ``"log-odds"`` without.
    value, low, high
        That score, and its 95 % interval (bootstrap over bouts).
    null
        Shape (shifts,): AUC against shifted labels; empty without labels.
    n_frames, n_units
        Scored frames, and the bouts (or stretches of 5 s) that they are in.
    """

    score: ScoreName
    value: float
    low: float
    high: float
    null: Floats
    n_frames: int
    n_units: int

    def unread(self, behavior: str) -> str | None:
        """Say why a decoder's own score is nothing to explain; None where it is."""
        if self.score != "auc":
            return None
        chance = float(np.percentile(self.null, 97.5)) if self.null.size else 0.5
        if self.low <= 0.5 or self.value <= chance:
            return (
                f"the decoder does not read {behavior!r} here: AUC {self.value:.2f} "
                f"({self.low:.2f}–{self.high:.2f}), with shifted labels up to {chance:.2f}."
            )
        if self.value < SMALLEST_AUC:
            return (
                f"the decoder hardly reads {behavior!r} here: AUC {self.value:.2f} is below "
                f"{SMALLEST_AUC:g}, too little to ask where from."
            )
        return None


@dataclass(frozen=True, eq=False)
class Lost:
    """What is lost without each of m parts.

    Attributes
    ----------
    importance, low, high
        Shape (m,): score − score without the part, and its 95 % interval.
    halves
        Shape (2, m): the same in the first and the last half of the bouts; NaN where too few.
    """

    importance: Floats
    low: Floats
    high: Floats
    halves: Floats


class Experiment:
    """Everything that importance is measured with.

    Parameters
    ----------
    decoder, recording, ethogram, behavior, frames, draws, seed, compute, any_rate
        As for `area_importance`.
    report
        Called with the progress.
    registration
        Where the areas of a decoder of area traces lie; None where only images are explained.
    score
        What is lost, with labels; without, it is always log-odds.

    Attributes
    ----------
    masked
        The decoder that can be kept from seeing parts.
    index
        Place of the behaviour in the decoder's.
    scored
        Shape (n,), numbers of the scored frames.
    score
        What is lost.
    """

    def __init__(
        self,
        decoder: Decoder,
        recording: Recording,
        ethogram: Ethogram | None,
        behavior: str,
        *,
        frames: ArrayLike | None,
        draws: int,
        seed: int,
        compute: Compute,
        any_rate: bool,
        report: Report,
        registration: Registration | None = None,
        score: ScoreName = "auc",
    ) -> None:
        self.score: ScoreName = "log-odds" if ethogram is None else score
        self.index = behavior_index(decoder, behavior)
        first = first_predicted(decoder.config, recording.known_frame_rate())
        self.scored = check_frames(frames, recording, first, decoder.config.frames_after)
        self._labels = self._bouts = None
        if ethogram is not None:
            labels, bouts = labelled(ethogram, behavior, self.scored, recording.n_frames)
            known = labels >= 0
            self.scored, self._labels, self._bouts = self.scored[known], labels[known], bouts[known]
        self.masked: MaskedDecoder | MaskedTraces
        if isinstance(decoder, TraceDecoder) and registration is not None:
            self.masked = MaskedTraces(
                decoder, recording, registration, compute=compute, any_rate=any_rate
            )
        else:
            self.masked = MaskedDecoder(
                decoder,
                recording,
                compute=compute,
                any_rate=any_rate,
                report=report,
            )
        self._report = report
        self._seed = seed
        self._n_draws = draws
        self._score: Score | None = None

    def lost(self, masks: NDArray[np.bool_], fill: FillName, stage: str) -> Lost:
        """Take each part away in turn; the first call decodes with nothing missing, too.

        Parameters
        ----------
        masks
            Shape (m, y, x), bool, on images.
        fill
            What stands there instead.
        stage
            What to call this in reports.
        """
        first = self._score is None
        rows = self.log_odds(masks, fill, stage, whole=first)
        if first:
            self._begin(rows[0])
            rows = rows[1:]
        found = [self._lost(row) for row in rows]
        columns = np.array(found, dtype=np.float64).reshape(-1, 5).T
        return Lost(columns[0], columns[1], columns[2], columns[3:])

    def log_odds(
        self, masks: NDArray[np.bool_], fill: FillName, stage: str, *, whole: bool = False
    ) -> Floats:
        """Return the log-odds of the scored frames without each part; see `MaskedDecoder`."""
        found = self.masked.log_odds(
            self.scored,
            masks,
            self.index,
            self._report,
            fill=fill,
            whole=whole,
            stage=stage,
            seed=self._seed,
        )
        return found.astype(np.float64)

    def whole(self) -> Whole:
        """Return the score with nothing missing; after `lost`."""
        assert self._score is not None  # `lost` comes first
        own, value, draws, null = self._score, self._whole, self._whole_draws, np.empty(0)
        if self._labels is not None and self._bouts is not None:
            odds = self._whole_odds[:, None]
            null = aucs(np.hstack([-odds, odds]), shifted_labels([self._labels]))
            if self.score != "auc":
                own = Auc(self._labels, self._bouts)
                summary = own.summarize(self._whole_odds)
                value, draws = own.score(summary), own.scores(summary, self._draws)
        low, high = np.percentile(draws, LEVELS)
        return Whole(
            score=own.name,
            value=value,
            low=float(low),
            high=float(high),
            null=null,
            n_frames=len(self.scored),
            n_units=own.n_units,
        )

    def _begin(self, whole: Floats) -> None:
        if self._labels is not None and self._bouts is not None:
            kind = Auc if self.score == "auc" else Separation
            score: Score = kind(self._labels, self._bouts)
        else:
            rate = self.masked.recording.known_frame_rate()
            score = LogOdds(self.scored, whole, rate)
        self._score = score
        self._draws = score.draw(self._n_draws, np.random.default_rng(self._seed))
        summary = score.summarize(whole)
        self._whole_odds = whole
        self._whole = score.score(summary)
        self._whole_draws = score.scores(summary, self._draws)
        self._halves = score.halves()
        self._whole_halves = [score.scores(summary, half)[0] for half in self._halves or ()]

    def _lost(self, odds: Floats) -> tuple[float, float, float, float, float]:
        """Return what is lost, its interval, and what is lost in each half."""
        assert self._score is not None
        summary = self._score.summarize(odds)
        draws = self._whole_draws - self._score.scores(summary, self._draws)
        low, high = np.percentile(draws, LEVELS)
        halves = [
            whole - float(self._score.scores(summary, half)[0])
            for whole, half in zip(self._whole_halves, self._halves or (), strict=True)
        ] or [np.nan, np.nan]
        lost = self._whole - self._score.score(summary)
        return lost, float(low), float(high), halves[0], halves[1]
