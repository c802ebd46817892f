"""Whether labels are enough to fine-tune a decoder on, and which of them are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.choices import DEPTHS, check_choice
from napari_cortex_decoder.decoder.config import (
    CnnConfig,
    DecoderConfig,
    LinearConfig,
    RoiRnnConfig,
    TraceConfig,
)
from napari_cortex_decoder.decoder.suitability import check_kind, check_length, reads_rate
from napari_cortex_decoder.errors import FrameRateError, TrainingError
from napari_cortex_decoder.labels import UNKNOWN, Ethogram
from napari_cortex_decoder.labels.ethogram import class_indices
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.tuning.held_out import HeldOut, hold_out

FEWEST_BOUTS = 3
"""Bouts of each behavior without which nothing can be both learned and measured."""

GAP_SECONDS = 2.0
"""Between what is learned from and what is measured on, beside the window: signals this near are
alike."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a fine-tune would learn from, and be measured on."""

    behaviors: tuple[str, ...]  # of the new decoder
    # by recording, shape (t,): number of the behavior, −1 where nothing is known or no whole window
    # fits
    labels: tuple[Ints, ...]
    gap: int  # frames beside what is held out that are not used at all
    held_out: tuple[HeldOut, ...]  # what it is measured on


def plan(
    config: DecoderConfig,
    name: str,
    labelled: Sequence[tuple[Recording, Ethogram]],
    depth: str,
    held_out: Sequence[HeldOut] | None = None,
) -> Plan:
    """Decide what a fine-tune of a decoder learns from, without beginning it.

    Raises TrainingError if the labels are not enough, with the reason and the remedy;
    FrameRateError or RecordingError if a recording does not suit the decoder.
    """
    behaviors = check_labels(config, name, labelled, depth)
    labels = tuple(class_indices(ethogram, behaviors) for _, ethogram in labelled)
    rates = [recording.known_frame_rate() for recording, _ in labelled]
    for values, rate in zip(labels, rates, strict=True):
        first = config.preprocessing.warm_up_frames(rate) + config.frames_before
        values[:first] = UNKNOWN
        values[len(values) - config.frames_after :] = UNKNOWN
    subjects = [recording.subject for recording, _ in labelled]
    chosen = hold_out(labels, subjects, len(behaviors)) if held_out is None else held_out
    seen = config.frames_before + 1 + config.frames_after
    gap = seen + round(GAP_SECONDS * max(rates))
    return Plan(behaviors, labels, gap, tuple(chosen))


def check_labels(
    config: DecoderConfig, name: str, labelled: Sequence[tuple[Recording, Ethogram]], depth: str
) -> tuple[str, ...]:
    """Refuse what cannot be learned from; give the behaviors of the new decoder."""
    check_choice("depth", depth, DEPTHS, TrainingError)
    check_tunable(config, name, depth)
    if not labelled:
        raise TrainingError("no recording was given to learn from; give one with its labels.")
    bouts: dict[str, int] = {}
    _check_apart([recording for recording, _ in labelled])
    for recording, ethogram in labelled:
        if ethogram.n_frames != recording.n_frames:
            raise TrainingError(
                f"{recording.name} has {recording.n_frames} frames and its labels are of "
                f"{ethogram.n_frames}; give labels of this recording."
            )
        check_kind(recording, config, name)
        _check_rate(recording, config, name)
        check_length(recording, config)
        for bout in ethogram.bouts:
            bouts[bout.behavior] = bouts.get(bout.behavior, 0) + 1
    whose = ", ".join(recording.name for recording, _ in labelled)
    if len(bouts) < 2:
        only = f"only {next(iter(bouts))!r} is labelled" if bouts else "nothing is labelled"
        raise TrainingError(
            f"{whose}: {only}; label at least two behaviors, rest being one of its own."
        )
    for behavior, n_bouts in bouts.items():
        if n_bouts < FEWEST_BOUTS:
            raise TrainingError(
                f"{whose}: {behavior!r} has {n_bouts} labelled "
                f"{'bout' if n_bouts == 1 else 'bouts'}; label at least {FEWEST_BOUTS}: some to "
                "learn from, others to measure on."
            )
    if set(bouts) <= set(config.behaviors):
        return tuple(name for name in config.behaviors if name in bouts)
    if depth == "threshold":
        new = sorted(set(bouts) - set(config.behaviors))
        raise TrainingError(
            f"{new[0]!r} is new to decoder {name!r}: a threshold cannot teach it that; take "
            "the depth head."
        )
    known = [name for name in config.behaviors if name in bouts]
    return (*known, *(name for name in bouts if name not in known))


def _check_apart(recordings: Sequence[Recording]) -> None:
    """Refuse a movie given twice: what is held out of one would be learned from the other."""
    seen: set[object] = set()
    for recording in recordings:
        which = id(recording.movie) if recording.path is None else recording.path.resolve()
        if which in seen:
            raise TrainingError(
                f"{recording.path or recording.name} is given twice; give each recording once, as "
                "part of it is held out to measure on."
            )
        seen.add(which)


def _check_rate(recording: Recording, config: DecoderConfig, name: str) -> None:
    """Refuse a frame rate that is not the decoder's: nothing that it reads would be alike."""
    rate = recording.known_frame_rate()
    if not reads_rate(rate, config):
        raise FrameRateError(
            f"{recording.path or recording.name} has {rate:g} frames a second and decoder "
            f"{name!r} learned from {config.frame_rate:g}; correct the frame rate, or take a "
            "decoder for this one."
        )


def check_tunable(config: DecoderConfig, name: str, depth: str) -> None:
    """Refuse a decoder that cannot be tuned so.

    Raises TrainingError if it has no head of PyTorch's own layers, or no encoder for end to end.
    """
    keras = isinstance(config, RoiRnnConfig) and config.recurrent == "keras-gru"
    if keras or isinstance(config, CnnConfig):
        kind = "keras-gru" if keras else config.architecture
        raise TrainingError(
            f"decoder {name!r} is a {kind}, which cannot be fine-tuned; train it anew instead "
            "(cortex-decoder train)."
        )
    if depth == "end-to-end" and isinstance(config, TraceConfig):
        raise TrainingError(
            f"decoder {name!r} reads areas and has no encoder to learn end to end; take the depth "
            "best."
        )
    if depth == "head" and isinstance(config, LinearConfig):
        raise TrainingError(
            f"decoder {name!r} is of linear filters, without a head; take the depth linear or best."
        )
