"""Random numbers: one stream for each purpose, so that no draw disturbs another."""

from __future__ import annotations

import zlib

import numpy as np


def generator(purpose: str, *numbers: int) -> np.random.Generator:
    """Return the random stream of one purpose in one mouse, session or block of frames.

    Streams of different purposes are independent; `numbers` are subject, seed, block.
    """
    return np.random.default_rng(np.random.SeedSequence([zlib.crc32(purpose.encode()), *numbers]))
