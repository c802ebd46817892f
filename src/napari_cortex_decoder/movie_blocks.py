"""Movies read once, from the first frame to the last, a block at a time."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import dask.array as da

_Item = TypeVar("_Item")

SAMPLED_FRAMES = 16
BLOCK_FRAMES = 64
BLOCK_BYTES = 16 * 2**20
"""A block holds at most this many frames, or one frame, and about this many bytes: with larger
ones the memory that threads hand to each other is scattered, and grows with the movie."""


def whole_chunks(movie: da.Array, frames: int) -> Iterator[tuple[int, int]]:
    """Divide a movie in time into stretches of whole chunks: a part of one costs as much as all.

    Parameters
    ----------
    movie
        Shape (t, y, x).
    frames
        About how long a stretch may be; where a chunk is longer, it is the chunk.

    Yields
    ------
    start, stop : int
        First frame of a stretch, and the first one after it.
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
    """Read a movie from its first frame to its last, a block at a time.

    Small chunks are read together and large ones are handed out in parts; no chunk is computed
    twice, because a chunk of a compressed file is decompressed as a whole.

    Parameters
    ----------
    movie
        Shape (t, y, x), or (t, areas) of traces.

    Yields
    ------
    start : int
        Number of the block's first frame.
    frames : numpy.ndarray
        Shape (n, y, x), or (n, areas), as the movie has them.
    """
    limit = block_frames(movie)
    for start, stop in whole_chunks(movie, limit):
        frames = np.asarray(movie[start:stop].compute(scheduler="threads"))
        for offset in range(0, stop - start, limit):
            yield start + offset, frames[offset : offset + limit]


def seen_pixels(movie: da.Array) -> NDArray[np.bool_]:
    """Return which pixels show something, and are not outside a mask, by frames all over a movie.

    Outside are those that are NaN, infinite or 0 in each of these frames; none is where all are.

    Parameters
    ----------
    movie
        Shape (t, y, x).

    Returns
    -------
    numpy.ndarray
        Shape (y, x), bool.
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
