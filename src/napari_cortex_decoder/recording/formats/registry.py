"""What a movie format is, what it is given, and what it finds in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.recording.formats.frames import FrameReader


@dataclass(frozen=True, kw_only=True)
class MovieFile:
    """What a format found in a file, before it becomes a `Recording`.

    What is not described here is as there, and None where the file does not say it.
    """

    frames: FrameReader  # all of the file in time order
    channels: int = 1  # colours in turns in `frames`: time point t, colour c is t * channels + c
    reference: FrameReader | None = None  # that the file keeps apart
    reference_lag: float | None = None  # where the file says it otherwise than by `frame_times`
    frame_rate: float | None = None  # time points a second (Hz)
    pixel_size: float | None = None
    frame_times: NDArray[np.float64] | None = None  # shape (frames,), s
    numbers: NDArray[np.int64] | None = None  # shape (frames,), the camera's count: lost ones show
    files: frozenset[Path] = frozenset()  # of which frames are in it, where they are a set
    subject: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a user says of a file besides its path; see `open_recording`."""

    dataset: str | None = None
    axes: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    areas: str | Sequence[str] | None = None
    atlas: str | None = None


@dataclass(frozen=True)
class MovieFormat:
    """One container of movies; ``docs/formats.md`` tells what is taken from it."""

    name: str  # to show
    patterns: tuple[str, ...]  # of file names, for napari's manifest, such as ``"*.tif"``
    open: Callable[[Path, Given], MovieFile]  # reads a path, and what the user says of it
    options: tuple[str, ...] = ()  # what it understands of that
    # finds something in a path of this format, where more than the suffix of a file tells
    is_one: Callable[[Path], object] | None = None

    def matches(self, path: Path) -> bool:
        """Whether a path is of this format."""
        if self.is_one is not None:
            return bool(self.is_one(path))
        return path.is_file() and f"*{path.suffix.lower()}" in self.patterns
