"""Which frames of a recording a decoder learned from: its card says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Bools
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.card import Provenance
from napari_cortex_decoder.decoder.prediction import as_stretches, frames_in
from napari_cortex_decoder.recording import Recording

_KEY = "fine_tune.held_out."


def said_of_learning(
    before: Mapping[str, Any],
    recordings: Sequence[str],
    held_out: Sequence[Sequence[tuple[int, int]]],
) -> dict[str, str]:
    """Return what a card says of recordings that a decoder learned from but for some frames.

    `recordings` are digests of their frames; of each, stretches are held out: first frame, and the
    one after the last. What the decoder learned from `before`, as the settings on its card say, is
    held out no more.
    """
    said = {}
    for digest, stretches in zip(recordings, held_out, strict=True):
        kept = np.zeros(max((stop for _, stop in stretches), default=0), bool)
        for start, stop in stretches:
            kept[start:stop] = True
        if (earlier := before.get(_KEY + digest)) is not None:
            kept &= frames_in(str(earlier), len(kept))
        said[_KEY + digest] = as_stretches(kept)
    return said


def held_out_frames(card: Provenance, recording: Recording) -> Bools | None:
    """Return which frames were held out, shape (t,); None if nothing of a recording was learned."""
    if not any(name.startswith(_KEY) for name in card.settings):
        return None
    said = card.settings.get(_KEY + frames_digest(recording))
    return None if said is None else frames_in(str(said), recording.n_frames)
