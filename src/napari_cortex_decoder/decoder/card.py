"""The model card: where a decoder comes from and what may be said of it."""

from __future__ import annotations

from pydantic import Field

from napari_cortex_decoder.settings import Frozen, Share


class MouseScore(Frozen):
    """Scores of a decoder on one mouse that no training saw."""

    subject: str  # which mouse
    metrics: dict[str, float]  # scores by name, such as ``"AUC"``


class Calibration(Frozen):
    """How far probabilities are what they say, over the frames of all held-out mice."""

    # expected calibration error: mean distance, over ten bins of probability weighted by their
    # frames, between the mean probability and the share of frames where it came true
    expected_error: Share
    # threshold on the probability of the second of two behaviours that gives the best balanced
    # accuracy; None for more behaviours
    best_threshold: Share | None = None
    # the lowest and the highest of the best thresholds of single mice; None where there are not two
    # of them
    threshold_range: tuple[Share, Share] | None = None


class Provenance(Frozen):
    """Where a decoder comes from and what may be said of it."""

    # whether it learned from simulated mice; every place that shows the decoder says so
    simulated: bool = False
    summary: str = ""  # one sentence for the decoder chooser
    trained_on: str = ""  # the data, in words: mice, sessions, minutes, frame rate
    software: str = ""  # versions that made it
    created: str = ""  # ISO date
    # settings of the training run, for the record
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    # scores by name, on mice that no training saw
    metrics: dict[str, float] = Field(default_factory=dict)
    held_out: tuple[MouseScore, ...] = ()  # the same mouse by mouse
    # how far its probabilities can be believed; None where nobody has measured it
    calibration: Calibration | None = None
    # sentences: what it was not made for, and what is known to go wrong
    limits: tuple[str, ...] = ()
