"""Whether a tuned decoder still reads the mice that its base was tested on."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from napari_cortex_decoder.arrays import Floats, Ints
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.networks import probabilities
from napari_cortex_decoder.decoder.suitability import first_predicted
from napari_cortex_decoder.labels.ethogram import class_indices
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.scoring.auc import auc
from napari_cortex_decoder.simulation import SimulatedRecording, simulate_recording
from napari_cortex_decoder.tuning.features import recording_features
from napari_cortex_decoder.tuning.heads import frame_logits

_MICE, SECONDS = 2, 30.0
_EVERY = 3  # frames: an AUC gains nothing from neighbours, which are near-copies


def auc_on_base_mice(
    base: Decoder, tuned: Decoder, compute: Compute, report: Report
) -> tuple[float, float] | None:
    """Return the mean AUC of base and tuned decoder on simulated mice that neither learned from.

    None where the base's own test mice cannot be had again, because they were not simulated, or
    where the tuned one knows other behaviors. Features of these mice are cached like those of
    files: another fine-tune of a head encodes none of them again.
    """
    subjects = [score.subject for score in base.provenance.held_out]
    again = base.provenance.simulated and all(subject.isdigit() for subject in subjects)
    alike = type(tuned.config) is type(base.config) and tuned.behaviors == base.behaviors
    if not subjects or not again or not alike:
        return None
    shape = (128, 128)
    if isinstance(base.config, CnnRnnConfig):
        shape = base.config.preprocessing.image_size
    scores: list[float | None] = []
    for subject in subjects[:_MICE]:
        mouse = _mouse(int(subject), SECONDS, base.frame_rate, shape)
        labels = class_indices(mouse.truth.ethogram, base.behaviors)
        for decoder in (base, tuned):
            report(Progress("scoring", len(scores), 2 * _MICE))
            frames, probability = _decode(decoder, mouse, compute)
            scores.append(auc(probability, labels[frames]))
    pairs = [(b, t) for b, t in zip(scores[::2], scores[1::2], strict=True) if b and t]
    if not pairs:
        return None
    before, after = np.mean(pairs, axis=0).tolist()
    return before, after


@lru_cache(maxsize=_MICE)
def _mouse(
    subject: int, seconds: float, frame_rate: float, shape: tuple[int, int]
) -> SimulatedRecording:
    """Simulate a mouse, once for the fine-tunes that follow each other while labels grow."""
    mouse = simulate_recording(
        seed=1, subject=subject, seconds=seconds, frame_rate=frame_rate, shape=shape
    )
    return replace(mouse, registration=mouse.truth.registration)


def _decode(decoder: Decoder, mouse: Recording, compute: Compute) -> tuple[Ints, Floats]:
    """Return some frames, spread evenly over a recording, and their probabilities, shape (n, k)."""
    config = decoder.config
    features = recording_features(decoder, mouse, compute=compute, report=unheard, made_again=True)
    first = first_predicted(config, mouse.known_frame_rate())
    frames = np.arange(first, mouse.n_frames - config.frames_after, _EVERY)
    logits = torch.from_numpy(frame_logits(decoder, features, frames))
    return frames, probabilities(logits, config.temperature).numpy()
