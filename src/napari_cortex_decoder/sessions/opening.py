"""Opening a session as it was left: with its reference, its behavior, and its steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari_cortex_decoder.atlas import Registration, load_registration
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.labels import Ethogram, journal_ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording import (
    Recording,
    cached,
    open_recording,
    preprocess,
    steps_from_provenance,
)
from napari_cortex_decoder.recording.sidecar import sidecar_folders
from napari_cortex_decoder.sessions.behavior import with_kept_behavior
from napari_cortex_decoder.sessions.preprocessed import looks_around, on_pixels, to_raw_pixels
from napari_cortex_decoder.sessions.state import remembered_state

REGISTRATION = "registration.json"
"""Name of the placing of the atlas beside a recording."""


def open_session(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **how: Any
) -> Recording:
    """Open a recording with the reference and the behavior that were once added to it.

    What cannot be brought back is among the warnings: the movie opens all the same. Arguments and
    errors are those of `open_recording`.
    """
    recording = open_recording(path, **how)
    for bring in (partial(_with_reference, path=path, how=how), with_kept_behavior):
        try:
            recording = bring(recording)
        except CortexDecoderError as error:
            recording = recording.replace(warnings=(*recording.warnings, str(error)))
    return recording


def _with_reference(recording: Recording, *, path: Any, how: dict[str, Any]) -> Recording:
    if recording.path is None:
        return recording
    state = remembered_state(recording.path)
    if state.turns:
        return open_recording(path, **{**how, "channels": 2})
    if state.reference is None:
        return recording
    file = recording.path.parent / state.reference
    return recording.with_reference(open_recording(file, frame_rate=recording.frame_rate))


def applied(recording: Recording, report: Report | None = None) -> Recording:
    """Return a session with the steps that were applied to it when it was last looked at.

    Raises RecordingError if a step cannot work any more, or its frames cannot be kept.
    """
    if recording.path is None:
        return recording
    state = remembered_state(recording.path)
    steps = steps_from_provenance(state.steps)
    done = preprocess(recording, steps, progress=report)
    kept = bool(steps) and (state.cached or any(map(looks_around, steps)))
    return cached(done, progress=report) if kept else done


def kept_labels(recording: Path) -> Ethogram | None:
    """Return the labels that are kept of a recording; None where nothing was ever labelled.

    Raises LabelError if they are damaged.
    """
    kept = sidecar_folders(recording)
    return journal_ethogram(kept.folder, kept.other)


def kept_registration(
    recording: Recording, shown: Recording | None = None, other: Path | None = None
) -> Registration | None:
    """Return where the atlas lies on a session, as kept beside it or known from its file.

    Raises AtlasError if the file is damaged, or of a newer version. It is on the pixels of `shown`,
    after some steps, where that is given; `other` is a file to read where none is kept.
    """
    if recording.registration is not None or recording.path is None:
        return recording.registration
    kept = sidecar_folders(recording.path).newest(REGISTRATION)
    file = kept if kept.exists() else other
    if file is None:
        return None
    placed = load_registration(file)
    if shown is None:
        return placed
    import numpy as np

    back = np.linalg.inv(to_raw_pixels(recording, shown))
    return on_pixels(placed, np.asarray(back, np.float64), shown.shape)
