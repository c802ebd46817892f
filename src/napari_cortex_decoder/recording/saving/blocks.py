"""Movies as blocks of frames to write."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.movie_blocks import frames_within, whole_chunks
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording.recording import Recording

BLOCK_BYTES = 32 * 2**20

CHUNK_FRAMES = 4
"""Frames of one color in a chunk of a file: looking at one frame reads no more than these."""


def colors_in_blocks(
    recording: Recording, progress: Report | None
) -> Iterator[tuple[slice, list[NDArray[np.generic]]]]:
    """Return movie and reference from the first frame to the last, about 32 MiB at a time.

    Yields which frames these are, and those of each color, (n, y, x). Where the reference is
    shorter, its last block is too.
    """
    import dask

    movie, reference = recording.movie, recording.reference
    for start, end in whole_chunks(movie, frames_within(movie, BLOCK_BYTES)):
        parts = [movie[start:end]] + ([] if reference is None else [reference[start:end]])
        yield slice(start, end), [np.asarray(c) for c in dask.compute(*parts, scheduler="threads")]
        if progress is not None:
            progress(Progress("writing", end, recording.n_frames))
