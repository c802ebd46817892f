"""How a preprocessed recording relates to the raw one: its frames, its pixels, its clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import BehaviorTrace, Recording, steps_from_provenance
from napari_cortex_decoder.recording.preprocessing import (
    Bin,
    Crop,
    DeltaF,
    Detrend,
    Hemodynamics,
    Resample,
    Step,
    frame_origins,
    reshaped,
)


@dataclass(frozen=True)
class Patch:
    """Which part of the raw frames a preprocessed frame shows, in pixels of the raw ones."""

    # its outer edges
    top: float = 0.0
    left: float = 0.0
    pixel: float = 1.0  # edge of one of its pixels

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Patch:
        """Return the part that is left after some steps."""
        top, left, pixel = 0.0, 0.0, 1.0
        for step in steps:
            if isinstance(step, Crop):
                top += pixel * (step.rows or (0, 0))[0]
                left += pixel * (step.columns or (0, 0))[0]
            if isinstance(step, Bin):
                pixel *= step.pixels
        return cls(top, left, pixel)


def steps_between(raw: Recording, shown: Recording) -> tuple[Step, ...]:
    """Return the steps that made the one of the other."""
    return steps_from_provenance(shown.steps[len(raw.steps) :])


def moves_frames(raw: Recording, steps: Iterable[Step]) -> bool:
    """Whether frames after these steps are not the raw ones, one for one."""
    return any(step.origins(raw) is not None for step in steps)


def looks_around(step: Step) -> bool:
    """Whether a frame after this step is computed of many seconds of frames around it.

    Looking at such a frame takes as long as reading all of them, and the step was computed for one
    frame rate.
    """
    if isinstance(step, DeltaF):
        return step.baseline == "moving"
    if isinstance(step, Hemodynamics):
        return step.highpass is not None or step.lowpass is not None
    return isinstance(step, Detrend | Resample)


def on_pixels(
    placed: Registration, matrix: NDArray[np.float64], shape: tuple[int, int]
) -> Registration:
    """Return a registration on other pixels of the same movie, of frames of that shape.

    The matrix, shape (3, 3), leads from old to new (x, y, 1) px.
    """
    size = None if placed.pixel_size is None else placed.pixel_size / float(matrix[0, 0])
    return replace(placed.moved(matrix), pixel_size=size, shape=shape)


def to_raw_pixels(raw: Recording, shown: Recording) -> NDArray[np.float64]:
    """Return the matrix from pixels of the shown movie to the raw ones, both (x, y, 1)."""
    patch = Patch.of(steps_between(raw, shown))
    middle = (patch.pixel - 1) / 2  # centre of the first pixel, seen from the first raw one's
    return np.array(
        [[patch.pixel, 0, patch.left + middle], [0, patch.pixel, patch.top + middle], [0, 0, 1]]
    )


def labels_after(labels: Ethogram, raw: Recording, steps: Iterable[Step]) -> Ethogram:
    """Return the labels of what some steps make of a recording, by the frames that it shows."""
    reshaping = [step for step in steps if step.reshapes]
    return labels.of_frames(frame_origins(raw, reshaping)) if reshaping else labels


def with_raw(shown: Recording, before: Recording, raw: Recording) -> Recording:
    """Return what is shown once more is known of the raw recording: behaviour, clock, pixel size.

    Raises RecordingError if a step was computed for another frame rate. `shown` was made of
    `before`, the raw recording without the news, or is it.
    """
    if shown is before:
        return raw
    steps = steps_between(before, shown)
    same_clock = before.frame_rate == raw.frame_rate and before.frame_times is raw.frame_times
    if not same_clock and any(looks_around(step) for step in steps):
        raise RecordingError(
            f"{raw.path or raw.name}: the preprocessed movie was computed for another clock; "
            "go back to the raw one, say it again, and apply the steps anew."
        )
    clock = reshaped(raw, steps)
    own = {
        name: trace if same_clock else BehaviorTrace(name, trace.values, clock.times, trace.unit)
        for name, trace in shown.behavior.items()
        if name not in before.behavior
    }
    return shown.replace(
        behavior={**own, **clock.behavior},
        frame_rate=clock.frame_rate,
        frame_times=clock.frame_times,
        pixel_size=clock.pixel_size,
        warnings=tuple(dict.fromkeys((*raw.warnings, *shown.warnings))),
    )
