"""Movies as blocks of frames to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.recording import Recording

BLOCK_BYTES = 32 * 2**20

Progress = Callable[[int, int], None]
"""Is told how many frames of how many are written; what it raises cancels."""


def colors_in_blocks(
    recording: Recording, progress: Progress | None
) -> Iterator[tuple[slice, list[NDArray[np.generic]]]]:
    """Give movie and reference from the first frame to the last, about 32 MiB at a time.

    Yields
    ------
    frames : slice
        Which frames these are.
    colors : list of numpy.ndarray
        Those frames of the movie and, where there is one, of the reference; each (n, y, x). Where
        the reference is shorter, its last block is too.
    """
    import dask

    movie, reference = recording.movie, recording.reference
    frame_bytes = movie.dtype.itemsize * movie.shape[1] * movie.shape[2]
    limit = max(1, BLOCK_BYTES // frame_bytes)
    cuts, stop = [0], 0
    # whole chunks: a part of one costs as much as all of it
    for size in movie.chunks[0]:
        if stop > cuts[-1] and stop + size - cuts[-1] > limit:
            cuts.append(stop)
        stop += size
    for start, end in pairwise([*cuts, stop]):
        parts = [movie[start:end]] + ([] if reference is None else [reference[start:end]])
        yield slice(start, end), [np.asarray(c) for c in dask.compute(*parts, scheduler="threads")]
        if progress is not None:
            progress(end, recording.n_frames)
