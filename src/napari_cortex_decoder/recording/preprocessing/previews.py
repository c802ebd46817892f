"""Previews: single frames as they would be, without reading the whole movie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.preprocessing.pipeline import apply_step
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey
from napari_cortex_decoder.recording.recording import Recording


class Previews:
    """Shows frames of one recording as they would be after some steps.

    What a step has to know of the whole movie is taken from a few frames, and kept for the next
    frame as long as the steps stay the same; a step that looks at many frames around one sees them
    thinned out. So the values are near those of `preprocess`, not equal.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._found: list[tuple[Step, Recording]] = []

    def frame(self, steps: Sequence[Step], frame: int) -> NDArray[np.generic]:
        """Return one frame (y, x), by its number in the unprocessed movie, after some steps.

        Raises as `preprocess`, and if the steps drop this frame.
        """
        n_frames = self.recording.n_frames
        if not 0 <= frame < n_frames:
            raise RecordingError(f"there is no frame {frame}; the movie has {n_frames}.")
        try:
            return self._shown(steps, frame, thin=True)
        except RecordingError:
            # once more with all frames: a sentence about a gap counts them
            return self._shown(steps, frame, thin=False)

    def _shown(self, steps: Sequence[Step], frame: int, *, thin: bool) -> NDArray[np.generic]:
        recording, at, thinned = self.recording, frame, False
        for i, step in enumerate(steps):
            counts = any(later.origins(recording) is not None for later in steps[i:])
            every = step.thinning(recording) if thin and not counts else 1
            if every > 1:
                recording = _thinned(recording, at % every, every)
                at, thinned = at // every, True
            before = recording
            if not thinned and i < len(self._found) and self._found[i][0] == step:
                recording = self._found[i][1]
            else:
                recording = apply_step(before, step, Survey(around=at))
                if not thinned:
                    self._found[i:] = [(step, recording)]
            after = _after(before, step, at)
            if after is None:
                raise RecordingError(f"frame {frame} is dropped by the step {step.name!r}.")
            at = after
        return np.asarray(recording.movie[at : at + 1].compute()[0])


def _after(recording: Recording, step: Step, frame: int) -> int | None:
    """Return which frame after a step comes from a frame before it; None if none does."""
    origins = step.origins(recording)
    if origins is None:
        return frame
    shown = int(np.searchsorted(origins, frame, side="right")) - 1
    step_size = int(np.diff(origins).max(initial=1))
    if shown < 0 or frame >= origins[-1] + step_size:
        return None
    return int(np.searchsorted(origins, origins[shown]))


def _thinned(recording: Recording, first: int, every: int) -> Recording:
    """Leave out frames, with what was measured beside them."""
    reference = recording.reference
    return recording.replace(
        movie=recording.movie[first::every],
        traces=None if recording.traces is None else recording.traces[first::every],
        reference=None if reference is None else reference[first::every],
        reference_lag=recording.reference_lag and recording.reference_lag / every,
        frame_rate=recording.known_frame_rate() / every,
        frame_times=None,
        behavior={},
    )
