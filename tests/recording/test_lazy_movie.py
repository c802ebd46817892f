"""The lazy movie reads what is asked for, and equals the array it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import dask
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import OneAfterAnother, Picked
from napari_cortex_decoder.recording.formats.lazy import LazyMovie
from napari_cortex_decoder.recording.formats.names import natural_key

FRAMES = np.arange(150 * 3 * 4, dtype="u2").reshape(150, 3, 4)


@dataclass
class InMemory:
    """Frames in memory that remember which were read."""

    array: NDArray[np.generic]
    together: int = 1
    seen: list[int] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.array.shape  # type: ignore[return-value]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.array.dtype

    @property
    def token(self) -> tuple[object, ...]:
        return (id(self),)

    def read(self, frames: NDArray[np.int64]) -> NDArray[np.generic]:
        self.seen += frames.tolist()
        return self.array[frames]


def slices(length: int) -> st.SearchStrategy[object]:
    return st.one_of(st.slices(length), st.integers(-length, length - 1))


@settings(deadline=None)
@given(st.tuples(slices(150), slices(3), slices(4)), st.sampled_from([1, 16]))
def test_any_index_gives_what_numpy_gives(index: tuple[object, ...], together: int) -> None:
    movie = LazyMovie(InMemory(FRAMES, together))
    for part in (index, index[:1], index[:2]):
        np.testing.assert_array_equal(movie[part].compute(), FRAMES[part])


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=6),
    st.integers(1, 3),
    st.slices(40),
)
def test_joined_and_picked_frames_equal_the_arrays_they_stand_for(
    lengths: list[int], step: int, index: slice
) -> None:
    starts = np.cumsum([0, *lengths])
    parts = [FRAMES[a:b] for a, b in pairwise(starts)]
    joined = OneAfterAnother(*(InMemory(part) for part in parts))
    picked = np.arange(0, starts[-1], step)
    movie = LazyMovie(Picked(joined, picked))
    np.testing.assert_array_equal(movie[index].compute(), FRAMES[: starts[-1] : step][index])


@pytest.mark.parametrize("fuse", [True, False], ids=["plain dask", "as napari slices"])
def test_showing_a_frame_reads_that_frame_alone(fuse: bool) -> None:
    reader = InMemory(FRAMES)
    movie = LazyMovie(reader)
    with dask.config.set({"optimization.fuse.active": None if fuse else False}):
        movie[77].compute()
        movie[-1, 1:].compute()
    assert reader.seen == [77, 149]


def test_streaming_reads_every_frame_once() -> None:
    reader = InMemory(FRAMES)
    movie = LazyMovie(reader)
    for start in range(0, 150, 37):
        movie[start : start + 37].compute()
    assert sorted(reader.seen) == list(range(150))


def test_of_frames_that_a_file_keeps_together_a_cache_gets_all_and_no_others() -> None:
    reader = InMemory(FRAMES, together=20)
    movie = LazyMovie(reader)
    # as napari slices: keys that stay the same for frames of one chunk are what it caches by
    with dask.config.set({"optimization.fuse.active": False}):
        movie[77].compute()
        assert reader.seen == list(range(60, 80))
        assert set(movie[77].dask) & set(movie[61].dask)
        movie[149].compute()
        assert reader.seen[20:] == list(range(140, 150))


def test_dask_operations_work_as_on_any_array() -> None:
    movie = LazyMovie(InMemory(FRAMES))
    np.testing.assert_allclose(movie.mean(axis=0).compute(), FRAMES.mean(axis=0))
    np.testing.assert_array_equal((movie[10:20] + 1)[3].compute(), FRAMES[13] + 1)
    np.testing.assert_array_equal(movie.rechunk((7, 3, 4))[9:30].compute(), FRAMES[9:30])
    np.testing.assert_array_equal(movie[[4, 99, 5]].compute(), FRAMES[[4, 99, 5]])
    with pytest.raises(IndexError):
        movie[150]


def test_names_are_ordered_as_people_count() -> None:
    names = ["m.tif", "m_2.tif", "m_10.tif", "n1.ome.tif", "n1_1.ome.tif", "n02.tif"]
    shuffled = [names[i] for i in (4, 1, 5, 0, 3, 2)]
    assert [p.name for p in sorted(map(Path, shuffled), key=natural_key)] == names


def test_a_reader_that_fails_in_a_thread_says_so_in_the_caller() -> None:
    class Failing(InMemory):
        def read(self, frames: NDArray[np.int64]) -> NDArray[np.generic]:
            raise RecordingError("m.tif: gone.")

    with pytest.raises(RecordingError, match="gone"):
        LazyMovie(Failing(FRAMES)).compute()
