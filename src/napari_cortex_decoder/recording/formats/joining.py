"""Several files of one session as one movie, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cortex_decoder.clock import lag_of
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    OneAfterAnother,
    Picked,
)
from napari_cortex_decoder.recording.formats.names import Named, colours_told, understood
from napari_cortex_decoder.recording.formats.registry import MovieFile
from napari_cortex_decoder.recording.formats.traces.joining import join_traces
from napari_cortex_decoder.recording.formats.traces.painted import PaintedFrames


def join_files(paths: Sequence[Path], open_one: Callable[[Path], MovieFile]) -> MovieFile:
    """Open the files of one session, each set once though several name it, and `join` them."""
    opened: dict[Path, MovieFile] = {}
    known: set[Path] = set()
    for path in paths:
        if path not in known:
            opened[path] = open_one(path)
            known |= opened[path].files
    return join(list(opened), list(opened.values()))


def join(paths: Sequence[Path], parts: Sequence[MovieFile]) -> MovieFile:
    """Join what was found in the files of one session, which are in order and alike."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if any(isinstance(part.frames, PaintedFrames) for part in parts):
        return join_traces(paths, parts, join)
    named = understood(paths, one_frame=all(part.frames.shape[0] == 1 for part in parts))
    if named is not None and len(named.names) == 2:
        return _two_colours(paths, parts, named)
    for path, part in zip(paths, parts, strict=True):
        for what, one, other in (
            ("frames", _kind(first.frames), _kind(part.frames)),
            ("interleaved colours", first.channels, part.channels),
            ("a reference movie", first.reference is None, part.reference is None),
        ):
            if one != other:
                raise RecordingError(
                    f"{path}: it differs from {paths[0].name} in its {what} ({other}, not {one}); "
                    "give the files of one session only."
                )
    times = [p.frame_times for p in parts if p.frame_times is not None]
    numbers = [p.numbers for p in parts if p.numbers is not None]
    said = [
        f"{path.name}: {w}" for path, part in zip(paths, parts, strict=True) for w in part.warnings
    ]
    rates = {part.frame_rate for part in parts}
    if len(rates) > 1:
        said.append(f"the files say different frame rates ({sorted(map(str, rates))} Hz).")
    if named is None and len(parts) == 2 and first.frames.shape == parts[1].frames.shape:
        said.append(
            f"{paths[0].name} and {paths[1].name} are shown one after the other; if they are two "
            "colours, name them by their light, such as blue and violet."
        )
    references = [p.reference for p in parts if p.reference is not None]
    return replace(
        first,
        frames=OneAfterAnother(*(p.frames for p in parts)),
        reference=OneAfterAnother(*references) if references else None,
        frame_times=np.concatenate(times) if len(times) == len(parts) else None,
        numbers=np.concatenate(numbers) if len(numbers) == len(parts) else None,
        files=frozenset().union(*(part.files for part in parts)),
        metadata={**first.metadata, "files": [path.name for path in paths]},
        warnings=tuple(said),
    )


def _two_colours(paths: Sequence[Path], parts: Sequence[MovieFile], named: Named) -> MovieFile:
    """Make movie and reference of files that hold one colour each."""
    one: list[MovieFile] = []
    for colour in range(2):
        mine = [i for i, c in enumerate(named.colours) if c == colour]
        one.append(join([paths[i] for i in mine], [parts[i] for i in mine]))
    movie, reference = one
    for part, path in ((movie, paths[0]), (reference, paths[-1])):
        if part.channels > 1 or part.reference is not None:
            raise RecordingError(
                f"{path}: its name tells one colour and the file holds two; open it alone."
            )
    if _kind(movie.frames) != _kind(reference.frames):
        raise RecordingError(
            f"{paths[0].parent}: the frames of {named.names[0]!r} are {_kind(movie.frames)}, those "
            f"of {named.names[1]!r} {_kind(reference.frames)}; give colours of one size and type."
        )
    said = [*movie.warnings, *reference.warnings, *colours_told(named.names, named.told)]
    n, m = movie.frames.shape[0], reference.frames.shape[0]
    if n != m:
        said.append(
            f"{named.names[0]!r} has {n} frames and {named.names[1]!r} {m}; what one has more is "
            "left out."
        )
    shared = np.arange(min(n, m), dtype=np.int64)
    times, numbers = movie.frame_times, movie.numbers
    return replace(
        movie,
        frames=movie.frames if n == len(shared) else Picked(movie.frames, shared),
        reference=reference.frames if m == len(shared) else Picked(reference.frames, shared),
        reference_lag=lag_of(times, reference.frame_times),
        frame_times=None if times is None else times[shared],
        numbers=None if numbers is None else numbers[shared],
        files=movie.files | reference.files,
        metadata={**movie.metadata, "files": [path.name for path in paths]},
        warnings=tuple(dict.fromkeys(said)),
    )


def _kind(frames: FrameReader) -> str:
    _, rows, columns = frames.shape
    return f"{rows} x {columns} px of {frames.dtype.name}"
