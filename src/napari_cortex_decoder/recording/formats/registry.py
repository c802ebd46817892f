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

    Attributes
    ----------
    frames
        Reader of every frame of the file in time order, the colours of an interleaved camera
        one after the other.
    channels
        How many colours the file itself says are interleaved in `frames`: time point t, colour c
        is frame ``t * channels + c``.
    reference
        Reader of a second wavelength that the file keeps apart from the first, or None.
    reference_lag
        As `Recording` has it, where the file says it otherwise than by `frame_times`; or None.
    frame_rate
        Time points a second (Hz), None where the file does not say.
    pixel_size
        Edge of a pixel in mm, or None.
    frame_times
        Shape (frames,), seconds, one for each of `frames`; or None.
    numbers
        Shape (frames,), the camera's own increasing count of the frames where the file keeps it,
        so that lost ones show; or None.
    files
        Those of which frames are in it, where they are a set that was found through one of them.
    subject
        Which mouse, or None.
    metadata
        Whatever else the file says, to show.
    warnings
        Sentences that a user should read.
    steps
        Preprocessing that this program did before it saved the file.
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


@dataclass(frozen=True, kw_only=True)
class MovieFormat:
    """One container of movies.

    Attributes
    ----------
    name
        Name to show.
    patterns
        File name patterns for napari's manifest, such as ``"*.tif"``.
    recognized
        How the docs say that it is recognised.
    metadata
        What the docs say is taken from it.
    matches
        Whether a path is of this format: by its name and, where that is ambiguous, its content.
    open
        Reader of a path, and of what the user says of it.
    options
        Names of what it understands of that.
    """

    name: str
    patterns: tuple[str, ...]
    recognized: str
    metadata: str
    matches: Callable[[Path], bool]
    open: Callable[[Path, Given], MovieFile]
    options: frozenset[str] = frozenset()
