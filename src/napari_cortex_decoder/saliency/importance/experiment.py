"""One decoder, one recording, one score: what is lost when parts of the image are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import FillName, ScoreName
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder, TraceDecoder
from napari_cortex_decoder.decoder.learned_frames import held_out_frames
from napari_cortex_decoder.decoder.suitability import first_predicted
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.importance.fairness import fairness
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder, behavior_index
from napari_cortex_decoder.saliency.masking.frames import check_frames, labelled
from napari_cortex_decoder.saliency.masking.masked_traces import MaskedTraces
from napari_cortex_decoder.scoring.auc import aucs
from napari_cortex_decoder.scoring.nulls import shifted_labels
from napari_cortex_decoder.scoring.over_bouts import BLOCK_SECONDS, Auc, LogOdds, Score, Separation

Floats = NDArray[np.float64]

SMALLEST_AUC = 0.6
"""Below, a decoder knows too little for it to matter where it looks."""

LEVELS = (2.5, 97.5)
"""Percentiles of a 95 % interval."""

_FEW_FRAMES, _FEW_BOUTS = 2, 4
"""Frames of a bout, and fewest bouts of a kind, that tell which parts are worth a look."""


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
    draws
        Shape (m, draws): the same in each draw of the bootstrap.
    odds
        The same in log-odds, where they are not the score.
    """

    importance: Floats
    low: Floats
    high: Floats
    halves: Floats
    draws: Floats
    odds: Lost | None = None

    def of(self, which: slice) -> Lost:
        """Return the same of some parts."""
        low, high, halves = self.low[which], self.high[which], self.halves[:, which]
        odds = self.odds and self.odds.of(which)
        return Lost(self.importance[which], low, high, halves, self.draws[which], odds)


class _Sample:
    """Scored frames, decoded with nothing missing.

    Parameters
    ----------
    score
        Of these frames.
    whole
        Shape (n,), their log-odds with nothing missing.
    n_draws, seed
        Of the bootstrap.
    """

    def __init__(self, score: Score, whole: Floats, n_draws: int, seed: int) -> None:
        self.score = score
        self.draws = score.draw(n_draws, np.random.default_rng(seed))
        summary = score.summarize(whole)
        self.value = score.score(summary)
        self.values = score.scores(summary, self.draws)
        self._halves = score.halves()
        self._in_halves = [score.scores(summary, half)[0] for half in self._halves or ()]

    def lost(self, rows: Floats) -> Lost:
        """Return what is lost where the log-odds are rows, shape (m, n)."""
        score = self.score
        summaries = [score.summarize(odds) for odds in rows]
        importance = np.array([self.value - score.score(one) for one in summaries])
        draws = np.empty((len(rows), len(self.values)))
        halves = np.full((2, len(rows)), np.nan)
        for row, one in enumerate(summaries):
            draws[row] = self.values - score.scores(one, self.draws)
            for half, whole in enumerate(self._in_halves):
                assert self._halves is not None  # it has as many
                halves[half, row] = whole - score.scores(one, self._halves[half])[0]
        low, high = np.percentile(draws, LEVELS, axis=1)
        return Lost(importance, low, high, halves, draws)


class Experiment:
    """Everything that importance is measured with.

    Parameters
    ----------
    decoder, recording, ethogram, behavior
        As for `area_importance`.
    frames, draws, seed, compute, any_rate, progress
        See `ScoreOptions`.
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
    said
        Whether the scored frames are a fair sample, in sentences.
    few
        Shape (n,), which of the scored frames tell whether a part is worth a look.
    seed, settings
        What it measures with.
    """

    def __init__(
        self,
        decoder: Decoder,
        recording: Recording,
        ethogram: Ethogram | None,
        behavior: str,
        *,
        registration: Registration | None = None,
        score: ScoreName = "auc",
        frames: ArrayLike | None = None,
        draws: int = 1000,
        seed: int = 0,
        compute: Compute = HERE,
        any_rate: bool = False,
        progress: Report | None = None,
    ) -> None:
        self.score: ScoreName = "log-odds" if ethogram is None else score
        self.index = behavior_index(decoder, behavior)
        first = first_predicted(decoder.config, recording.known_frame_rate())
        held_out = held_out_frames(decoder.provenance, recording)
        if frames is None and held_out is not None:
            frames = np.flatnonzero(held_out)
            if not len(frames):
                raise RecordingError(
                    f"{recording.path or recording.name}: decoder {decoder.name!r} learned from "
                    "all of it, and nothing was held out; explain it in another recording, or say "
                    "which frames to score all the same."
                )
        self.scored = check_frames(frames, recording, first, decoder.config.frames_after)
        self._labels = self._bouts = None
        if ethogram is not None:
            labels, bouts = labelled(ethogram, behavior, self.scored, recording.n_frames)
            known = labels >= 0
            self.scored, self._labels, self._bouts = self.scored[known], labels[known], bouts[known]
        self.said = fairness(decoder, self.scored, held_out, ethogram, self._bouts)
        self.masked: MaskedDecoder | MaskedTraces
        if isinstance(decoder, TraceDecoder) and registration is not None:
            self.masked = MaskedTraces(
                decoder, recording, registration, compute=compute, any_rate=any_rate
            )
        else:
            self.masked = MaskedDecoder(
                decoder, recording, compute=compute, any_rate=any_rate, report=progress or unheard
            )
        self._report = progress or unheard
        self._n_draws, self.seed = draws, seed
        where = str(recording.path or recording.name)
        self.settings: dict[str, object] = {
            "decoder_sha256": decoder.hash, "recording": where, "score": self.score,
            "draws": draws, "seed": seed, "device": str(self.masked.device),
        }  # fmt: skip
        self._samples: dict[bool, list[_Sample]] = {}  # in the score, and in log-odds
        self.few = self._choose_few()

    @property
    def at_once(self) -> bool:
        """Whether many parts cost little more than one: nothing is encoded."""
        return isinstance(self.masked, MaskedTraces)

    def passing(self) -> tuple[int, int]:
        """Return how many images are encoded to score all frames once, and the few."""
        if isinstance(self.masked, MaskedTraces):
            return 0, 0
        return self.masked.passing(self.scored), self.masked.passing(self.scored[self.few])

    def lost(
        self, masks: NDArray[np.bool_], fill: FillName, stage: str, *, few: bool = False
    ) -> Lost:
        """Take each part away in turn; the first call decodes with nothing missing, too.

        Parameters
        ----------
        masks
            Shape (m, y, x), bool, on images.
        fill
            What stands there instead.
        stage
            What to call this in reports.
        few
            Whether to score but the few frames that tell which parts are worth a look.
        """
        frames = self.scored[self.few] if few else self.scored
        first = not self._samples
        rows = self.masked.log_odds(
            frames, masks, self.index, self._report, fill=fill, whole=first, stage=stage,
            seed=self.seed,
        ).astype(np.float64)  # fmt: skip
        if first:
            self._whole_odds, rows = rows[0], rows[1:]
            self._samples = {few: self._sample(few) for few in (False, True)}
        sample, *odds = self._samples[few]
        return replace(sample.lost(rows), odds=odds[0].lost(rows) if odds else None)

    def whole(self) -> Whole:
        """Return the score with nothing missing; after `lost`."""
        sample, null = self._samples[False][0], np.empty(0)
        value, (low, high) = sample.value, np.percentile(sample.values, LEVELS).tolist()
        if self._labels is not None:
            odds = self._whole_odds[:, None]
            null = aucs(np.hstack([-odds, odds]), shifted_labels([self._labels]))
            ((value, low, high),) = self.auc_of(odds.T).tolist()
        return Whole(
            score="log-odds" if self._labels is None else "auc",
            value=value,
            low=low,
            high=high,
            null=null,
            n_frames=len(self.scored),
            n_units=sample.score.n_units,
        )

    def auc_of(self, rows: Floats) -> Floats:
        """Return the AUC of log-odds, shape (m, n), and its 95 % interval, shape (m, 3).

        After `lost`, where there are labels; in the same draws of bouts. NaN of NaN.
        """
        assert self._labels is not None and self._bouts is not None
        score = Auc(self._labels, self._bouts)
        found = np.full((len(rows), 3), np.nan)
        for one, row in zip(found, rows, strict=True):
            if np.isfinite(row).all():
                summary = score.summarize(row)
                draws = score.scores(summary, self._samples[False][0].draws)
                one[:] = score.score(summary), *np.percentile(draws, LEVELS)
        return found

    def _sample(self, few: bool) -> list[_Sample]:
        chosen = self.few if few else np.ones(len(self.scored), bool)
        whole, scores = self._whole_odds[chosen], list[Score]()
        if self._labels is None or self._bouts is None:
            rate = self.masked.recording.known_frame_rate()
            scores.append(LogOdds(self.scored[chosen], whole, rate))
        else:
            kinds = (Auc, Separation) if self.score == "auc" else (Separation,)
            scores += [kind(self._labels[chosen], self._bouts[chosen]) for kind in kinds]
        return [_Sample(score, whole, self._n_draws, self.seed) for score in scores]

    def _choose_few(self) -> NDArray[np.bool_]:
        """Choose the middle of bouts, of many bouts every second or third: shape (n,)."""
        if self._labels is None or self._bouts is None:
            unit = self.scored // max(
                1, round(BLOCK_SECONDS * self.masked.recording.known_frame_rate())
            )
            kinds = [np.unique(unit)]
        else:
            unit = self._bouts
            kinds = [np.unique(unit[self._labels == label]) for label in (0, 1)]
        chosen = np.zeros(len(self.scored), bool)
        for units in kinds:
            for number in units[:: min(3, max(1, len(units) // _FEW_BOUTS))]:
                own = np.flatnonzero(unit == number)
                middle = max(0, (len(own) - _FEW_FRAMES) // 2)
                chosen[own[middle : middle + _FEW_FRAMES]] = True
        return chosen
