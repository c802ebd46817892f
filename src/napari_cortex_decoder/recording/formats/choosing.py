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
from napari_cortex_decoder.recording.formats.traces.arrays import traces_of

Shapes = Mapping[str, tuple[int, ...]]


def open_chosen(
    path: Path,
    movies: Shapes,
    traces: Shapes,
    array: Callable[[str], Array],
    texts: Callable[[], Iterable[Sequence[str]]],
    given: Given,
) -> MovieFile:
    """Open of the arrays in a file the one that is meant, or two that are called after two lights.

    `movies` and `traces` are the shapes of those that can be such, by name; `array` returns one by
    its name, and `texts` the lists of texts in the file.
    """
    pair = two_colours(movies, given.dataset)
    if pair:
        return join([path / name for name in pair], [movie_of(array(n), given.axes) for n in pair])
    if given.dataset in traces if given.dataset else traces and not movies:
        return traces_of(array(choose(path, traces, given.dataset)), texts(), given)
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
