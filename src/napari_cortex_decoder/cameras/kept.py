"""The cameras of a recording, remembered beside it with their clocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from napari_cortex_decoder.cameras.camera import (
    Camera,
    CameraClock,
    camera_with_clock,
    open_camera,
)
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import make_folder, read_json, write_json
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.sidecar import relative_to, sidecar_folder, sidecar_folders

_FILE = "cameras.json"


class KeptCamera(BaseModel):
    """What must be known to open a camera again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # a video, several in their order, or a folder of images; relative to the recording's folder
    # where they lie in it
    files: tuple[str, ...]
    # pictures a second (Hz) that somebody said; None where the file says it
    frame_rate: FiniteFloat | None = None
    times_file: str | None = None  # file of the frame times; None where there is none
    # see `CameraClock`
    offset: FiniteFloat
    drift: FiniteFloat = 0.0
    said: str = ""


def remember_cameras(recording_path: Path, cameras: Sequence[Camera]) -> None:
    """Write down the cameras of a recording, in place of those written before.

    Raises RecordingError if no place can be written to.
    """
    target = sidecar_folder(recording_path) / _FILE
    kept = [
        KeptCamera(
            files=tuple(relative_to(recording_path, file) for file in camera.files),
            frame_rate=camera.frame_rate,
            times_file=None
            if camera.times_file is None
            else relative_to(recording_path, camera.times_file),
            offset=camera.clock.offset,
            drift=camera.clock.drift,
            said=camera.clock.said,
        ).model_dump()
        for camera in cameras
    ]
    make_folder(target.parent, RecordingError)
    write_json(target, {"cameras": kept}, RecordingError)


def remembered_cameras(recording: Recording) -> tuple[list[Camera], list[RecordingError]]:
    """Return the cameras of a recording, and why others of them cannot be opened.

    Raises RecordingError if the list itself cannot be read.
    """
    if recording.path is None:
        return [], []
    every = _listed(recording.path)
    opened, refused = [], []
    home = recording.path.absolute().parent
    for kept in every:
        try:
            camera = open_camera(
                [home / name for name in kept.files],
                recording,
                frame_rate=kept.frame_rate,
                frame_times=None if kept.times_file is None else home / kept.times_file,
            )
            clock = CameraClock(kept.offset, kept.drift, kept.said)
            opened.append(camera_with_clock(camera, clock, recording))
        except RecordingError as error:
            refused.append(error)
    return opened, refused


def n_remembered_cameras(recording_path: Path) -> int:
    """Return how many cameras a recording has; none of them is opened.

    Raises RecordingError if their list cannot be read.
    """
    return len(_listed(recording_path))


def _listed(recording_path: Path) -> list[KeptCamera]:
    file = sidecar_folders(recording_path).newest(_FILE)
    if not file.exists():
        return []
    content: Any = read_json(file, RecordingError)
    try:
        return [KeptCamera.model_validate(one) for one in content["cameras"]]
    except (ValidationError, KeyError, TypeError) as error:
        raise RecordingError(
            f"{file}: this is no list of cameras; delete it and add the cameras again."
        ) from error
