"""Several files of one session as one movie, in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import FrameReader, OneAfterAnother
from napari_cortex_decoder.recording.formats.registry import MovieFile


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Order names as people count: ``m2`` before ``m10``, ``m`` before ``m_1``."""
    stem = re.sub(r"(\.ome)?\.\w+$", "", path.name, flags=re.IGNORECASE)
    parts = re.split(r"(\d+)", stem)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts if p]


def join(paths: Sequence[Path], parts: Sequence[MovieFile]) -> MovieFile:
    """Join the files of one session.

    Parameters
    ----------
    paths, parts
        The files, in order, and what was found in each.

    Raises
    ------
    RecordingError
        If frames differ in size or type, or only some files have a reference or colours.
    """
    first = parts[0]
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
    references = tuple(p.reference for p in parts if p.reference is not None)
    return MovieFile(
        frames=OneAfterAnother(tuple(p.frames for p in parts)),
        channels=first.channels,
        reference=OneAfterAnother(references) if references else None,
        frame_rate=first.frame_rate,
        pixel_size=first.pixel_size,
        frame_times=np.concatenate(times) if len(times) == len(parts) else None,
        numbers=np.concatenate(numbers) if len(numbers) == len(parts) else None,
        claimed_frames=first.claimed_frames,
        subject=first.subject,
        metadata={**first.metadata, "files": [path.name for path in paths]},
        warnings=tuple(said),
        steps=first.steps,
    )


def _kind(frames: FrameReader) -> str:
    _, rows, columns = frames.shape
    return f"{rows} x {columns} px of {frames.dtype.name}"
