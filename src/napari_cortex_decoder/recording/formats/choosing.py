"""Which of the arrays in a file is meant: the movie, two of two lights, or traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.recording.formats.arrays import Array, movie_of
from napari_cortex_decoder.recording.formats.joining import join
from napari_cortex_decoder.recording.formats.names import two_colours
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.arrays import could_be_traces, traces_of

Shapes = Mapping[str, tuple[int, ...]]


def open_chosen(
    path: Path,
    arrays: Mapping[str, Any],
    array: Callable[[str], Array],
    texts: Callable[[], Iterable[Sequence[str]]] | None,
    given: Given,
) -> MovieFile:
    """Open of the arrays in a file the one that is meant, or two that are called after two lights.

    `arrays` have shape and type; `array` returns one by its name, and `texts` the lists of texts in
    the file, None where it cannot hold traces.
    """
    movies = {n: a.shape for n, a in arrays.items() if could_be_movie(a.shape, a.dtype)}
    traces = {n: a.shape for n, a in arrays.items() if texts and could_be_traces(a.shape, a.dtype)}
    if not movies:  # of a set of files, a frame
        deep = {n: a.shape for n, a in arrays.items() if len(a.shape) > 2}
        movies = {n: s for n, s in deep.items() if could_be_movie((2, *s), arrays[n].dtype)}
    pair = two_colours(movies, given.dataset)
    if pair:
        return join([path / name for name in pair], [movie_of(array(n), given.axes) for n in pair])
    if given.dataset in traces if given.dataset else traces and not movies:
        lists = texts() if texts else ()
        return traces_of(array(choose(path, traces, given.dataset)), lists, given)
    return movie_of(array(choose(path, movies, given.dataset)), given.axes)


def choose(path: Path, candidates: Shapes, wanted: str | None) -> str:
    """Return the name of the array that is the movie: the one `wanted`, or the only candidate."""
    listed = ", ".join(
        f"{name} ({' x '.join(map(str, shape))})" for name, shape in sorted(candidates.items())[:8]
    )
    if wanted is not None:
        for name in (wanted, wanted.strip("/")):
            if name in candidates:
                return name
        raise RecordingError(
            f"{path}: there is no movie called {wanted!r} in it; "
            + (f"give one of {listed} as dataset." if listed else "it holds none.")
        )
    if not candidates:
        raise RecordingError(
            f"{path}: there is no movie in it, that is, no array of frames x rows x columns; "
            "save the movie into it or give another file."
        )
    if len(candidates) > 1:
        raise UnclearMovieError(
            f"{path}: there are {len(candidates)} arrays that could be the movie: {listed}; "
            "give the name of one as dataset (command line: --as dataset=NAME).",
            tuple(sorted(candidates)),
        )
    return next(iter(candidates))


def could_be_movie(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an array has the shape and type of a movie: frames, rows and columns of numbers."""
    return dtype.kind in "iuf" and 3 <= len(shape) <= 8 and sum(n > 1 for n in shape) >= 3
