"""How a session was last looked at: its decoder, its steps, its reference, what was unfolded."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import json_with, make_folder, read_model, write_json
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder, sidecar_folders
from napari_cortex_decoder.settings import Frozen

_NAME = "session.json"
_VERSION = 1
_OURS = json_with("version", "decoder", "steps")
_WRITING = threading.Lock()


class SessionState(Frozen):
    """What comes back when a session is opened again."""

    # name of the chosen decoder, or its file; None before one was chosen
    decoder: str | None = None
    # steps that were applied to the raw recording, as `Recording.steps` has them
    steps: tuple[dict[str, Any], ...] = ()
    # file of the reference movie, relative to the recording's folder where it lies in it; None
    # where the recording's own file says
    reference: str | None = None
    turns: bool = False  # whether the camera took two colors in turns, as somebody said
    cached: bool = False  # whether frames after these steps were kept on disk
    activity: bool = False  # whether it is looked at as change in percent
    # titles of the sections that were unfolded; None before one was touched
    unfolded: tuple[str, ...] | None = None
    version: Literal[1] = 1  # of this file


def remembered_state(recording: Path) -> SessionState:
    """Return what was remembered of a session; nothing of a new one.

    Raises RecordingError if it is damaged, or of a newer version.
    """
    file = sidecar_folders(recording).newest(_NAME)
    if not file.exists():
        return SessionState()
    return read_model(file, SessionState, _VERSION, RecordingError, remedy="delete this file")


def remember_state(recording: Path, **changes: Any) -> None:
    """Write down what has changed of a session's `SessionState`.

    Raises RecordingError if what is there is damaged or of a newer version, or no place can be
    written to.
    """
    with _WRITING:
        before = remembered_state(recording)
        after = SessionState.model_validate({**before.model_dump(), **changes})
        if after == before:
            return
        place = sidecar_folder(recording) / _NAME
        make_folder(place.parent, RecordingError)
        write_json(place, after.model_dump(mode="json"), RecordingError, kind=_OURS)


def remembering(recording: Recording, **changes: Any) -> Recording:
    """Write down what has changed of a recording's state, if it is in a file, and return it.

    Why that was not possible is among its warnings.
    """
    if recording.path is None:
        return recording
    try:
        remember_state(recording.path, **changes)
    except RecordingError as error:
        return recording.replace(warnings=(*recording.warnings, str(error)))
    return recording
