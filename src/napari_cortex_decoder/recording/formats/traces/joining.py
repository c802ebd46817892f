"""Traces of one session in several files: of the same areas, or of other ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.registry import MovieFile
from napari_cortex_decoder.recording.formats.traces.painted import (
    PaintedFrames,
    SideBySide,
    painted_as,
)

_Join = Callable[[Sequence[Path], Sequence[MovieFile]], MovieFile]


def join_traces(paths: Sequence[Path], parts: Sequence[MovieFile], join: _Join) -> MovieFile:
    """Join traces: of the same areas one after the other, of other areas side by side.

    `join` joins the rows of the same areas, as frames.
    """
    pictures = [part.frames for part in parts if isinstance(part.frames, PaintedFrames)]
    first = pictures[0]
    rows = [
        replace(p, frames=one.rows, warnings=tuple(w for w in p.warnings if w not in one.told))
        for p, one in zip(parts, pictures, strict=False)
    ]
    labels = [label for one in pictures for label in one.areas]
    clocks = {(p.frames.shape[0], p.frame_rate, _moments(p.frame_times)) for p in parts}
    atlases = [one.registration.atlas for one in pictures if one.registration is not None]
    same = all(
        one.areas == first.areas and np.array_equal(one.label_image, first.label_image)
        for one in pictures
    )
    if len(pictures) == len(parts) and same:
        joined = join(paths, rows)
        if joined.reference is None:
            frames = first.with_rows(joined.frames)
            return replace(joined, frames=frames, warnings=(*joined.warnings, *first.told))
    elif len(atlases) == len(parts) and len(clocks) == 1 and len(set(labels)) == len(labels):
        found = replace(
            rows[0],
            frames=SideBySide(*(p.frames for p in rows)),
            metadata={**rows[0].metadata, "files": [path.name for path in paths]},
            warnings=tuple(sorted({w for p in rows for w in p.warnings})),
        )
        return painted_as(paths[0], found, labels, atlases[0])
    raise RecordingError(
        f"{paths[1]}: it is not read together with {paths[0].name}: traces are joined if they are "
        "of the same areas, one part of a session after the other, or of other areas of an atlas "
        "at the same times; open it alone."
    )


def _moments(times: NDArray[np.float64] | None) -> bytes:
    return b"" if times is None else np.round(times, 6).tobytes()
