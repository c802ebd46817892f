"""Whether a tuned decoder still reads the mice that its base was tested on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import ImageConfig
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.training.measures import auc
from napari_cortex_decoder.training.sessions import class_indices

_MICE, _SECONDS = 2, 30.0


def auc_on_base_mice(
    base: Decoder, tuned: Decoder, device: str, tell: Callable[[int, int], None]
) -> tuple[float, float] | None:
    """Compare base and tuned decoder on simulated mice that neither has learned from.

    Parameters
    ----------
    base, tuned
        The decoders.
    device
        As for `Decoder.decode`.
    tell
        Called with the numbers of decodes done and of all; may raise to end the work.

    Returns
    -------
    tuple of float or None
        Mean AUC of base and tuned. None where the base's own test mice cannot be had again,
        because they were not simulated, or where the tuned one knows other behaviors.
    """
    subjects = [score.subject for score in base.provenance.held_out]
    again = base.provenance.simulated and all(subject.isdigit() for subject in subjects)
    if not subjects or not again or tuned.behaviors != base.behaviors:
        return None
    assert isinstance(base.config, ImageConfig)  # else it was refused
    scores: list[float | None] = []
    for subject in subjects[:_MICE]:
        mouse = simulate_recording(
            seed=1,
            subject=int(subject),
            seconds=_SECONDS,
            frame_rate=base.frame_rate,
            shape=base.config.preprocessing.image_size,
        )
        labels = class_indices(mouse.truth.ethogram, base.behaviors)
        for decoder in (base, tuned):
            tell(len(scores), 2 * _MICE)
            probability = decoder.decode(mouse, device=device).probability
            known = np.isfinite(probability).all(axis=1)
            scores.append(auc(probability[known].astype(np.float64), labels[known]))
    pairs = [(b, t) for b, t in zip(scores[::2], scores[1::2], strict=True) if b and t]
    if not pairs:
        return None
    before, after = np.mean(pairs, axis=0).tolist()
    return before, after
