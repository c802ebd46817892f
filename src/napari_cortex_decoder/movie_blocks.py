"""Movies read once, from the first frame to the last, a block at a time."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.arrays import Bools

if TYPE_CHECKING:
    import dask.array as da

_Item = TypeVar("_Item")

SAMPLED_FRAMES = 16
BLOCK_FRAMES = 64
BLOCK_BYTES = 16 * 2**20
"""A block holds at most this many frames, or one frame, and about this many bytes: with larger
ones the memory that threads hand to each other is scattered, and grows with the movie."""


def whole_chunks(movie: da.Array, frames: int) -> Iterator[tuple[int, int]]:
    """Divide a movie in time into stretches, first and stop, of whole chunks and about `frames`.

    A part of a chunk costs as much as all of it; where one is longer, it is the stretch.
    """
    cuts, stop = [0], 0
    for size in movie.chunks[0]:
        if stop > cuts[-1] and stop + size - cuts[-1] > frames:
            cuts.append(stop)
        stop += size
    return pairwise([*cuts, stop])


def frames_within(movie: da.Array, n_bytes: int) -> int:
    """Return how many frames of a movie fit into so many bytes, at least 1."""
    frame_bytes = movie.dtype.itemsize * math.prod(movie.shape[1:])
    return max(1, int(n_bytes // frame_bytes))


def block_frames(movie: da.Array) -> int:
    """Return how many frames of a movie a block holds at most."""
    return min(BLOCK_FRAMES, frames_within(movie, BLOCK_BYTES))


def read_blocks(movie: da.Array) -> Iterator[tuple[int, NDArray[np.number]]]:
    """Read a movie, or traces, from the first frame to the last: first frame and frames of blocks.

    Small chunks are read together and large ones are handed out in parts; no chunk is computed
    twice, because a chunk of a compressed file is decompressed as a whole.
    """
    limit = block_frames(movie)
    for start, stop in whole_chunks(movie, limit):
        frames = np.asarray(movie[start:stop].compute(scheduler="threads"))
        for offset in range(0, stop - start, limit):
            yield start + offset, frames[offset : offset + limit]


def seen_pixels(movie: da.Array) -> Bools:
    """Return which pixels show something, shape (y, x), by frames all over a movie.

    Outside a mask are those that are NaN, infinite or 0 in each of these frames; none is where all
    are.
    """
    seen = np.zeros(movie.shape[1:], bool)
    last = max(1, movie.shape[0] - 1)
    for frame in dict.fromkeys(np.linspace(0, last, SAMPLED_FRAMES).astype(int).tolist()):
        pixels = np.asarray(movie[frame : frame + 1].compute(scheduler="threads"))
        seen |= (np.isfinite(pixels) & (pixels != 0)).any(axis=0)
        if seen.all():
            break
    return seen if seen.any() else ~seen


def read_ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Let a thread make the next item while the one before it is used.

    Closing the generator waits for the item in the making and ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="decoder-reader") as thread:
        pending = thread.submit(next, items, None)
        while (item := pending.result()) is not None:
            pending = thread.submit(next, items, None)
            yield item
