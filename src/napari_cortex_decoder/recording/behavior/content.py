"""What a behaviour file holds, before it is put on a recording's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.clock import Zero

MAX_SAMPLES = 100_000_000
"""Longest trace that is read: a day at 1 kHz. Headers that claim more are damaged or hostile."""


@dataclass(frozen=True, eq=False)
class Samples:
    """One quantity as a file holds it: n values, NaN where it has nothing, and their unit.

    `times` are seconds on the file's clock, `frames` the movie's frames as the file counts them;
    either is None where the file does not give it.
    """

    values: NDArray[np.float64]
    times: NDArray[np.float64] | None = None
    frames: NDArray[np.int64] | None = None
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Intervals:
    """Stretches of time [start, stop), s on the file's clock, in which something held.

    Start and stop are equal where the file tells an instant.
    """

    starts: NDArray[np.float64]
    stops: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BehaviorContent:
    """All that a behaviour file holds, by name.

    One that was written by the acquisition system may hold several lists of `frame_times`, seconds
    on its own clock, one a camera or colour.
    """

    samples: Mapping[str, Samples] = field(default_factory=dict)
    intervals: Mapping[str, Intervals] = field(default_factory=dict)
    frame_times: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    zero: Zero = Zero.UNSAID  # what its times count from
    # whether it only counts the frames: they may be another camera's, unless they are as many
    counted: bool = False
    said: tuple[str, ...] = ()  # on what was left out, and on what the file does not say
    asked: bool = False  # whether the user named each trace, so that none may be left out
