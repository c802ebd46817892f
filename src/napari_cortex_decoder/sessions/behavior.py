"""Behavior that somebody added to a recording, kept beside it as it stands on its clock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_cortex_decoder.clock import rate_of
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.kept import Kept, keep, kept
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording import BehaviorTrace, Recording
from napari_cortex_decoder.recording.fingerprint import files_hash

_NAME = "behavior"
BEHAVIOR_FILE = f"{_NAME}.safetensors"
"""Name of the file beside a recording."""

_WRITING = threading.Lock()


def keep_behavior(
    recording: Recording,
    names: Iterable[str],
    *,
    file: Path | None = None,
    clock: Mapping[str, Any] | None = None,
    said: str = "",
    timed: bool = False,
) -> None:
    """Keep traces of a recording, by name, beside it, with those that were kept before.

    They come from a `file`, whose clock was said to run so (`ClockOptions`), or were made as is
    `said` in words; without either they are only at other times than before. `timed`: the movie has
    new frame times, too. A recording in no file keeps nothing. Raises RecordingError if they cannot
    be written, or those kept before cannot be read.
    """
    path = recording.path
    if path is None:
        return
    with _WRITING:
        before = _kept(path)
        content = before.content if before else {"traces": {}, "of": {}, "frame_times": None}
        origin = {"file": file and str(file.absolute()), "clock": dict(clock or {}), "said": said}
        added = {name: recording.behavior[name] for name in names}
        made_from = {} if file is None else {str(file.absolute()): files_hash([file])}
        content = {
            "traces": {**content["traces"], **added},
            "of": {
                **{name: of for name, of in content["of"].items() if name not in added},
                # what was added last stands last; what only moved is still of its file
                **{n: origin if file or said else content["of"].get(n, origin) for n in added},
            },
            "frame_times": recording.frame_times if timed else content["frame_times"],
        }
        files = {origin["file"] for origin in content["of"].values()}
        old = {n: was for n, was in (before.made_from if before else {}).items() if n in files}
        keep(path, _NAME, content, {**old, **made_from})


def file_added_last(recording: Path) -> tuple[Path, Mapping[str, Any]]:
    """Return the file from which kept behavior was read last, and what was said of its clock.

    Raises RecordingError if there is none, or what was kept is damaged.
    """
    found = _kept(recording)
    for of in reversed([*found.content["of"].values()] if found else []):
        if of["file"] is not None:
            return Path(of["file"]), of["clock"]
    raise RecordingError(
        f"{recording}: its behavior is of its own file, and on its clock; add that of another file."
    )


def with_kept_behavior(recording: Recording) -> Recording:
    """Return a recording with the behavior that was kept of it; it says what is stale.

    Raises RecordingError if what was kept is damaged.
    """
    found = None if recording.path is None else _kept(recording.path)
    if found is None:
        return recording
    with readable(recording.path, "behavior that was kept beside it", remedy="add it again"):
        return _restored(recording, found)


def _restored(recording: Recording, found: Kept) -> Recording:
    times, said = found.content["frame_times"], []
    for file in map(Path, found.made_from):
        if file.exists() and files_hash([file]) != found.made_from[str(file)]:
            said.append(f"{file.name} has changed since its behavior was added: add it again.")
    if times is not None and times.shape == (recording.n_frames,):
        recording = recording.replace(frame_times=times, frame_rate=rate_of(times))
    elif times is not None:
        said.append("its frame times were kept for another number of frames, and are left out.")
    return recording.replace(
        behavior={**recording.behavior, **found.content["traces"]},
        warnings=(*recording.warnings, *said),
    )


def _kept(recording: Path) -> Kept | None:
    return kept(recording, _NAME, (BehaviorTrace,))
