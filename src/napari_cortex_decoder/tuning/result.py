"""What came of a fine-tune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.tuning.held_out import HeldOut
from napari_cortex_decoder.tuning.held_out_scores import HeldOutScores


@dataclass(frozen=True)
class Candidate:
    """One way to fit, judged inside what is learned from: in folds that it has not learned."""

    # ``"threshold"``, ``"mean"`` (a linear filter of the frame's mean, the baseline), ``"linear"``,
    # ``"areas"`` (the head of a bundled decoder of areas) or ``"head"``
    depth: str
    # AUC and cross-entropy there; None where it could not be judged
    auc: float | None
    loss: float | None
    chosen: bool = False  # whether the new decoder was fitted so
    why: str = ""  # why it could not be judged

    @property
    def rank(self) -> tuple[float, float] | None:
        """What the best has most of: AUC to a hundredth, then likelihood."""
        return None if self.auc is None or self.loss is None else (round(self.auc, 2), -self.loss)


def candidate_lines(candidates: Sequence[Candidate]) -> list[str]:
    """Return what was compared as text, the best first, a line each."""
    lines = []
    for one in sorted(candidates, key=lambda one: one.rank or (-1.0, 0.0), reverse=True):
        name = "filter of the frame's mean" if one.depth == "mean" else one.depth
        said = one.why if one.auc is None else f"AUC {one.auc:.3f}"
        lines.append(f"{name}: {said}{' (taken)' if one.chosen else ''}")
    return lines


class _Said(BaseModel):
    """A result as JSON has it, but for the decoder."""

    before: HeldOutScores
    after: HeldOutScores
    held_out: tuple[HeldOut, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, eq=False)
class FineTuneResult:
    """What a fine-tune came to.

    Attributes
    ----------
    decoder
        The new one.
    before, after
        Scores of base and new decoder on the same held-out frames.
    held_out
        Those frames.
    warnings
        Sentences to read before keeping it.
    seconds
        What took how long: ``encoding``, ``fitting``, ``scoring``.
    candidates
        The ways to fit that were compared, of the depth ``"best"``.
    """

    decoder: Decoder
    before: HeldOutScores
    after: HeldOutScores
    held_out: tuple[HeldOut, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all but the decoder, for JSON."""
        return {
            "name": self.decoder.name,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "held_out": [vars(block) for block in self.held_out],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
            "candidates": [vars(candidate) for candidate in self.candidates],
        }

    @classmethod
    def from_dict(cls, decoder: Decoder, said: Any, where: str) -> FineTuneResult:
        """Take back what `as_dict` gave; the decoder is one without a name.

        Raises TrainingError, which names `where`, if it is something else.
        """
        try:
            name, config = str(said["name"]), decoder.config
            named = make_decoder(config, decoder.network, name=name, hash=decoder.hash)
            return cls(named, **vars(_Said.model_validate(said)))
        except (ValidationError, KeyError, TypeError) as reason:
            raise TrainingError(f"{where} is damaged; fine-tune in another folder.") from reason
