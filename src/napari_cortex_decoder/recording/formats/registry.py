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

    What is not described here is as in `Recording`, and None where the file does not say it.

    Attributes
    ----------
    frames
        Reader of every frame of the file in time order.
    channels
        How many colours the file itself says are interleaved in `frames`: time point t, colour c
        is frame ``t * channels + c``.
    reference
        Reader of a second wavelength that the file keeps apart from the first.
    reference_lag
        Where the file says it otherwise than by `frame_times`.
    frame_rate
        Time points a second (Hz).
    frame_times
        Shape (frames,), seconds, one for each of `frames`.
    numbers
        Shape (frames,), the camera's own increasing count of the frames, so that lost ones show.
    files
        Those of which frames are in it, where they are a set that was found through one of them.
    """

    frames: FrameReader
    channels: int = 1
    reference: FrameReader | None = None
    reference_lag: float | None = None
    frame_rate: float | None = None
    pixel_size: float | None = None
    frame_times: NDArray[np.float64] | None = None
    numbers: NDArray[np.int64] | None = None
    files: frozenset[Path] = frozenset()
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
    """One container of movies; ``docs/formats.md`` tells what is taken from it.

    Attributes
    ----------
    name
        Name to show.
    patterns
        File name patterns for napari's manifest, such as ``"*.tif"``.
    open
        Reads a path, and what the user says of it.
    options
        Names of what it understands of that.
    is_one
        Whether a path is of this format, where more than the suffix of a file tells.
    """

    name: str
    patterns: tuple[str, ...]
    open: Callable[[Path, Given], MovieFile]
    options: tuple[str, ...] = ()
    is_one: Callable[[Path], bool] | None = None

    def matches(self, path: Path) -> bool:
        """Whether a path is of this format."""
        if self.is_one is not None:
            return self.is_one(path)
        return path.is_file() and f"*{path.suffix.lower()}" in self.patterns
