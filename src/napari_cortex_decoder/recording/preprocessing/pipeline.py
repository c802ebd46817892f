"""Preprocessing: steps applied to a recording in order, lazily, with provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.formats.traces.painted import paint
from napari_cortex_decoder.recording.preprocessing.blocks import Blocks, computed_movie, each_frame
from napari_cortex_decoder.recording.preprocessing.delta_f import DeltaF
from napari_cortex_decoder.recording.preprocessing.frame_steps import Bin, Crop, FillGaps, Mask
from napari_cortex_decoder.recording.preprocessing.hemodynamics import Hemodynamics
from napari_cortex_decoder.recording.preprocessing.motion import MotionCorrection
from napari_cortex_decoder.recording.preprocessing.moving import Detrend
from napari_cortex_decoder.recording.preprocessing.resampling import Resample
from napari_cortex_decoder.recording.preprocessing.step import Step, Survey
from napari_cortex_decoder.recording.recording import Recording

_USUAL = (Crop, FillGaps, Bin, MotionCorrection, Mask, DeltaF, Hemodynamics, Detrend, Resample)
STEPS: dict[str, type[Step]] = {step.name: step for step in _USUAL}
"""All steps by name, in the order in which they are usually applied."""


def preprocess(
    recording: Recording, steps: Sequence[Step], *, progress: Report | None = None
) -> Recording:
    """Apply steps in order.

    Frames are computed when they are read. What a step has to know of the whole movie (a mean, a
    regression, the motion) it finds out here, in one pass that holds a block of frames at a time;
    `progress` is called between blocks, and what it raises cancels. If a step cannot work on this
    recording that raises `RecordingError`; `FrameRateError` if it needs an unknown rate.
    """
    survey = Survey(progress=progress)
    for step in steps:
        recording = apply_step(recording, step, survey)
    return recording


def apply_step(recording: Recording, step: Step, survey: Survey) -> Recording:
    """Apply one step, to movie and reference of the same shape, and note that in `steps`.

    Traces are changed as a movie whose frames are one row, an area a pixel, and painted anew.
    """
    if recording.traces is None:
        recording = with_equal_reference(recording)
        done = step.apply(recording, survey)
    else:
        if step.of_pixels:
            lacks = f"holds traces of areas, which have no pixels for the step {step.name!r}"
            raise RecordingError(f"{recording.where} {lacks}; leave it out.")
        done = painted_anew(step.apply(as_rows(recording), survey), recording)
    origins = step.origins(recording) if step.reshapes else None
    if origins is not None:
        done = done.of_frames(origins)
    return done.replace(steps=(*recording.steps, step.provenance()))


def as_rows(recording: Recording) -> Recording:
    """Return traces of areas as a movie whose frames are one row, an area a pixel."""
    assert recording.traces is not None
    movie = recording.traces[:, np.newaxis]
    return recording.replace(movie=movie, traces=None, areas=(), label_image=None)


def painted_anew(rows: Recording, like: Recording) -> Recording:
    """Return what `as_rows` made of traces, and a step changed, painted as before."""
    labels = like.label_image
    assert labels is not None
    painting = partial(_painted, labels)
    return rows.replace(
        movie=each_frame(rows.movie, painting, frame_shape=labels.shape),
        traces=rows.movie[:, 0],
        areas=like.areas,
        label_image=labels,
    )


def reshaped(recording: Recording, steps: Iterable[Step]) -> Recording:
    """Return a recording with the shape, the number and the clock of its frames after some steps.

    Steps that change none of these are left out, so nothing is read. Raises as `preprocess`.
    """
    return preprocess(recording, [step for step in steps if step.reshapes])


def frame_origins(recording: Recording, steps: Iterable[Step]) -> NDArray[np.int64]:
    """Return which frame of a recording each frame after some steps shows, shape (t,).

    Of several frames that one is made of, it is the first; after `Resample`, it is the frame that
    was the last one to begin at the time of the new one. Raises as `preprocess`.
    """
    origins = np.arange(recording.n_frames)
    for step in steps:
        if step.reshapes:
            shown = step.origins(recording)
            origins = origins if shown is None else origins[shown]
            recording = reshaped(recording, [step])
    return origins


def steps_from_provenance(provenance: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Make steps of what `Recording.steps` or a settings file says: ``name`` and settings of each.

    If a step or a setting is unknown or impossible that raises `RecordingError`.
    """
    steps = []
    for entry in provenance:
        if not isinstance(entry, Mapping) or str(entry.get("name")) not in STEPS:
            raise RecordingError(f"{entry!r} is no preprocessing step; there are {list(STEPS)}.")
        settings = {str(key): value for key, value in entry.items() if key != "name"}
        steps.append(STEPS[str(entry["name"])](**settings))
    return tuple(steps)


def with_equal_reference(recording: Recording) -> Recording:
    """Return the reference the shape of the movie, where it has a simple part of it.

    A reference with larger pixels is enlarged. One that lacks the last frame, because the camera
    stopped between the colours, repeats its last one. If it differs in any other way, that raises.
    """
    reference = recording.reference
    if reference is None or reference.shape == recording.movie.shape:
        return recording
    factor = recording.shape[0] // reference.shape[1]
    missing = recording.n_frames - reference.shape[0]
    enlarged = (reference.shape[1] * factor, reference.shape[2] * factor)
    if factor < 1 or enlarged != recording.shape or missing not in (0, 1):
        raise RecordingError(
            f"{recording.where}: the reference has shape {reference.shape}, the "
            f"movie {recording.movie.shape}; crop or bin them to the same frames and pixels."
        )
    warnings = recording.warnings
    if missing:
        warnings += ("the reference lacks the last frame; the one before is repeated there.",)
    equal = computed_movie(
        (reference,),
        partial(_enlarged, factor),
        frame_shape=recording.shape,
        dtype=reference.dtype,
        n_frames=recording.n_frames,
        surroundings=missing,
    )
    return recording.replace(reference=equal, warnings=warnings)


def _painted(label_image: NDArray[np.int32], rows: NDArray[Any]) -> NDArray[np.generic]:
    return paint(rows[:, 0], label_image)


def _enlarged(factor: int, blocks: Blocks, start: int, keep: slice) -> NDArray[np.generic]:
    block = blocks[0]
    frames = np.minimum(np.arange(keep.start, keep.stop), len(block) - 1)
    return block[frames].repeat(factor, axis=1).repeat(factor, axis=2)
