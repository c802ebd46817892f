"""Events in a recording: onsets of a behavior, and traces that come to a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.clock import frame_interval
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording, trace_at_frames
from napari_cortex_decoder.settings import FewSeconds, Seconds


@dataclass(frozen=True, kw_only=True)
class Around:
    """How much around an event is averaged.

    Attributes
    ----------
    before, after
        Seconds before and after the event.
    baseline
        The first so many seconds, whose mean is taken away from each event's own course; 0 takes
        nothing away.
    quiet
        Seconds before an event in which it may not be going on already.
    """

    before: Seconds = 2.0
    after: Seconds = 4.0
    baseline: FewSeconds = 1.0
    quiet: FewSeconds = 2.0

    def frames(self, interval: float) -> tuple[int, int, int]:
        """Return frames before and after an event, and of the baseline, of so many seconds each."""
        before, after = round(self.before / interval), round(self.after / interval)
        return before, after, min(round(self.baseline / interval), before)


USUAL = Around()
"""Unless somebody says otherwise."""


def find_onsets(ethogram: Ethogram, behavior: str, quiet: int) -> Ints:
    """Find the first frames of bouts before which a behavior is known to be absent, in their order.

    `quiet` frames before an onset must be labelled, and as something else. Raises LabelError if the
    labels do not know the behavior.
    """
    if behavior not in ethogram.behaviors:
        raise LabelError(
            f"the labels know no {behavior!r}, only {', '.join(ethogram.behaviors)}; choose one of "
            "these."
        )
    other = np.zeros(ethogram.n_frames, dtype=bool)
    for bout in ethogram.bouts:
        other[bout.start : bout.stop] = bout.behavior != behavior
    starts = [bout.start for bout in ethogram.bouts if bout.behavior == behavior]
    return np.array(
        [s for s in starts if s >= quiet > 0 and other[s - quiet : s].all()], dtype=np.int64
    )


def crossings(values: ArrayLike, threshold: float, quiet: int) -> Ints:
    """Find the frames in which a trace comes to a threshold from below, in their order.

    `values`, shape (t,), are NaN where it is unknown; in `quiet` frames before, at least one, it
    must be known and below.
    """
    trace, quiet = np.asarray(values, np.float64), max(1, quiet)
    below = np.concatenate([[0], np.cumsum(trace < threshold)])
    at = np.flatnonzero(trace[quiet:] >= threshold) + quiet
    return np.asarray(at[below[at] - below[at - quiet] == quiet], dtype=np.int64)


def find_events(
    event: str, recording: Recording, ethogram: Ethogram | None, around: Around
) -> Ints:
    """Find events by what they are called.

    Parameters
    ----------
    event
        A behavior of the labels, whose onsets are meant; or ``trace>number``: a behavior trace of
        the recording that comes to a threshold from below.
    recording, ethogram
        Where to look.
    around
        Says how long before it must be quiet.

    Returns
    -------
    numpy.ndarray
        Shape (n,), int64: the frame of each event.

    Raises
    ------
    LabelError
        If there is no such behavior or trace, or the threshold is no number.
    FrameRateError
        If the frame rate is unknown.
    """
    quiet = max(1, round(around.quiet / frame_interval(recording.times)))
    name, is_trace, number = (part.strip() for part in event.rpartition(">"))
    if not is_trace or (ethogram is not None and event in ethogram.behaviors):
        if ethogram is None:
            raise LabelError(
                f"there are no labels to find the onsets of {event!r} in; label some bouts, or "
                "name a trace and a threshold, such as speed>1."
            )
        return find_onsets(ethogram, event, quiet)
    if name not in recording.behavior:
        raise LabelError(
            f"{recording.name} has no trace {name!r}, only {', '.join(recording.behavior)}; name "
            "one of these."
        )
    try:
        threshold = float(number)
    except ValueError as error:
        raise LabelError(f"{event!r}: {number!r} is no number; write such as speed>1.") from error
    return crossings(trace_at_frames(recording.behavior[name], recording), threshold, quiet)
