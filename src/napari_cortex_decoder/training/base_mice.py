"""Whether a tuned decoder still reads the mice that its base was tested on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.engine import Engine
from napari_cortex_decoder.decoder.networks import CnnRnn
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.simulation import simulate_recording
from napari_cortex_decoder.training.measures import auc
from napari_cortex_decoder.training.sessions import class_indices

_MICE, _SECONDS = 2, 30.0


def auc_on_base_mice(
    base: Decoder, tuned: Decoder, device: str, tell: Callable[[int, int], None]
) -> tuple[float, float] | None:
    """Compare base and tuned decoder on simulated mice that neither has learned from.

    Features of these mice are cached like those of files: another fine-tune of a head encodes
    none of them again.

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
    assert isinstance(base.config, CnnRnnConfig)  # else it was refused
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
            probability = _decode(decoder, mouse, device)
            known = np.isfinite(probability).all(axis=1)
            scores.append(auc(probability[known].astype(np.float64), labels[known]))
    pairs = [(b, t) for b, t in zip(scores[::2], scores[1::2], strict=True) if b and t]
    if not pairs:
        return None
    before, after = np.mean(pairs, axis=0).tolist()
    return before, after


def _decode(decoder: Decoder, mouse: Recording, device: str) -> NDArray[np.float32]:
    """Give the probabilities of all frames, shape (t, k); NaN where no window fits."""
    assert isinstance(decoder.network, CnnRnn) and isinstance(decoder.config, CnnRnnConfig)
    probability = np.full((mouse.n_frames, len(decoder.behaviors)), np.nan, np.float32)
    engine = Engine(decoder.network, decoder.config, device=device, made_again=True)
    with closing(engine.stream(mouse)) as events:
        for event in events:
            if event.start is not None and event.probability is not None:
                stop = event.start + len(event.probability)
                probability[event.start : stop] = event.probability
    return probability
