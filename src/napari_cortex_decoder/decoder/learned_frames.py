"""Which frames of a recording a decoder learned from: its card says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_cortex_decoder.arrays import Bools
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.decoder import Decoder
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
        length = max((stop for _, stop in stretches), default=0)
        kept = _mask(stretches, length)
        if (earlier := before.get(_KEY + digest)) is not None:
            kept &= _mask(_stretches(str(earlier)), length)
        edges = np.flatnonzero(np.diff(np.r_[0, kept.astype(int), 0])).reshape(-1, 2)
        said[_KEY + digest] = " ".join(f"{start}-{stop}" for start, stop in edges)
    return said


def held_out_frames(decoder: Decoder, recording: Recording) -> Bools | None:
    """Return which frames were held out, shape (t,); None if it learned nothing of a recording."""
    settings = decoder.provenance.settings
    if not any(name.startswith(_KEY) for name in settings):
        return None
    said = settings.get(_KEY + frames_digest(recording))
    return None if said is None else _mask(_stretches(str(said)), recording.n_frames)


def _stretches(said: str) -> list[tuple[int, int]]:
    edges = [part.partition("-") for part in said.split()]
    return [
        (int(start), int(stop)) for start, _, stop in edges if start.isdigit() and stop.isdigit()
    ]


def _mask(stretches: Sequence[tuple[int, int]], length: int) -> Bools:
    mask = np.zeros(length, bool)
    for start, stop in stretches:
        mask[start:stop] = True
    return mask
