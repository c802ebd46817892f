"""Movies are read in order, in small blocks, and no chunk twice."""

from __future__ import annotations

from collections import Counter

import dask.array as da
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cortex_decoder.movie_blocks import BLOCK_FRAMES, read_blocks


@pytest.mark.parametrize("chunk", [1, 3, 100, 1000])
def test_a_movie_is_read_in_order_in_small_blocks_and_no_chunk_twice(chunk: int) -> None:
    frames = np.arange(1000, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)
    computed: Counter[int] = Counter()

    def note(block: NDArray[np.uint16]) -> NDArray[np.uint16]:
        computed[int(block[0, 0, 0])] += 1
        return block

    movie = da.from_array(frames, chunks=(chunk, -1, -1)).map_blocks(note, meta=frames[:0])
    blocks = list(read_blocks(movie))
    assert set(computed.values()) == {1}
    assert max(len(block) for _, block in blocks) <= BLOCK_FRAMES
    assert [start for start, _ in blocks] == [int(block[0, 0, 0]) for _, block in blocks]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), frames)
