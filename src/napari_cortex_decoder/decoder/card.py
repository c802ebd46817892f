"""The model card: where a decoder comes from and what may be said of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MouseScore(_Frozen):
    """Scores of a decoder on one mouse that no training saw.

    Attributes
    ----------
    subject
        Which mouse.
    metrics
        Scores by name, such as ``"AUC"``.
    """

    subject: str
    metrics: dict[str, float]


class Calibration(_Frozen):
    """How far probabilities are what they say, over the frames of all held-out mice.

    Attributes
    ----------
    expected_error
        Expected calibration error: mean distance, over ten bins of probability weighted by their
        frames, between the mean probability and the share of frames where it came true.
    best_threshold
        Threshold on the probability of the second of two behaviours that gives the best balanced
        accuracy; None for more behaviours.
    threshold_range
        The lowest and the highest of the best thresholds of single mice; None where there are not
        two of them.
    """

    expected_error: Share
    best_threshold: Share | None = None
    threshold_range: tuple[Share, Share] | None = None


class Provenance(_Frozen):
    """Where a decoder comes from and what may be said of it.

    Attributes
    ----------
    simulated
        Whether it learned from simulated mice; every place that shows the decoder says so.
    summary
        One sentence for the decoder chooser.
    trained_on
        The data, in words: mice, sessions, minutes, frame rate.
    software
        Versions that made it.
    created
        ISO date.
    settings
        Settings of the training run, for the record.
    metrics
        Scores by name, on mice that no training saw.
    held_out
        The same mouse by mouse.
    calibration
        How far its probabilities can be believed; None where nobody has measured it.
    limits
        Sentences: what it was not made for, and what is known to go wrong.
    """

    simulated: bool = False
    summary: str = ""
    trained_on: str = ""
    software: str = ""
    created: str = ""
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    held_out: tuple[MouseScore, ...] = ()
    calibration: Calibration | None = None
    limits: tuple[str, ...] = ()
