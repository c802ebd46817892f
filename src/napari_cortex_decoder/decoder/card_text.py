"""The model card as text: the same on the command line and in the plugin."""

from __future__ import annotations

from napari_cortex_decoder.decoder.card import Calibration
from napari_cortex_decoder.decoder.config import DecoderConfig, TemporalCnnConfig, TraceConfig

SIMULATED = "It learned from simulated mice: train or fine-tune it before you trust it."
"""What must be said wherever such a decoder is shown."""


def in_short(config: DecoderConfig) -> list[str]:
    """Return the few lines that a chooser of decoders has room for."""
    return [
        line
        for line in (config.provenance.summary, f"{_behaviors(config)}.", _sees(config))
        if line
    ]


def card_lines(config: DecoderConfig) -> list[str]:
    """Return all that a decoder says of itself, a fact a line."""
    card = config.provenance
    lines = in_short(config)
    if card.simulated:
        lines.append(SIMULATED)
    if card.trained_on:
        lines.append(f"Learned from: {card.trained_on}.")
    lines += [f"{name}: {value:.3f}" for name, value in card.metrics.items()]
    for mouse in card.held_out:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in mouse.metrics.items())
        lines.append(f"Held-out mouse {mouse.subject}: {scores}")
    if card.calibration is not None:
        lines.append(_calibration(card.calibration))
    if config.temperature != 1:
        lines.append(f"Logits are divided by a temperature of {config.temperature:.3g}.")
    lines += [f"Limit: {sentence}" for sentence in card.limits]
    made = ", ".join(part for part in (card.created, card.software) if part)
    return [*lines, f"Made: {made}"] if made else lines


def _behaviors(config: DecoderConfig) -> str:
    return f"{' | '.join(config.behaviors)}, {config.frame_rate:g} Hz, {config.architecture}"


def _sees(config: DecoderConfig) -> str:
    """Say what a prediction is made from."""
    rate, how = config.frame_rate, config.preprocessing
    what = "images"
    if isinstance(config, TraceConfig):
        n, atlas = len(config.preprocessing.areas), config.preprocessing.atlas or "an atlas"
        what = f"{n} areas of {atlas}" if n else "the mean of the whole frame"
    before, after = config.frames_before / rate, config.frames_after / rate
    if isinstance(config, TemporalCnnConfig):  # at the ends it makes do with what there is
        before, after = config.window.past / rate, config.window.future / rate
    sentence = f"Sees {what} from {before:.2g} s before a frame to {after:.2g} s after it"
    if how.causal:
        sentence += (
            "; no later frame has any part in it, and the first "
            f"{how.warm_up_seconds:g} s are only measured"
        )
    else:
        sentence += ", scaled by the whole session"
    if how.detrend_seconds is not None:
        sentence += f"; a mean over {how.detrend_seconds:.3g} s is taken away"
        sentence += ", beside what it was" if getattr(how, "beside_raw", False) else ""
    return f"{sentence}."


def _calibration(calibration: Calibration) -> str:
    sentence = f"Calibration: expected error {calibration.expected_error:.3f}"
    if calibration.best_threshold is not None:
        sentence += f", best threshold {calibration.best_threshold:.2f}"
    if calibration.threshold_range is not None:
        low, high = calibration.threshold_range
        sentence += f" ({low:.2f} to {high:.2f} in single mice)"
    return f"{sentence}."
