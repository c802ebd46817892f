"""The labeled recordings that a run learns from, opened when they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_cortex_decoder.arrays import Ints
from napari_cortex_decoder.atlas import Registration, load_registration
from napari_cortex_decoder.cohort import CohortEntry, read_cohort
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.labels import UNKNOWN, Ethogram, Source, read_labels
from napari_cortex_decoder.labels.journal import NAME as JOURNAL
from napari_cortex_decoder.recording import (
    Recording,
    RunAndRest,
    add_behavior,
    run_and_rest,
    speed_in_cm,
    trace_at_frames,
)
from napari_cortex_decoder.recording.sidecar import sidecar_folders
from napari_cortex_decoder.sessions import kept_labels, kept_registration, open_session
from napari_cortex_decoder.sessions.behavior import BEHAVIOR_FILE
from napari_cortex_decoder.sessions.opening import REGISTRATION

REST_AND_RUN = ("rest", "run")
PAPER_LABELS = "runrest"


class LabeledRecording(NamedTuple):
    """A recording, what the animal did in it, and where the atlas lies on it (None: unknown)."""

    recording: Recording
    ethogram: Ethogram
    registration: Registration | None


@dataclass(frozen=True)
class Session:
    """One recording of a run."""

    name: str  # unique in the run; a plain file name
    subject: str  # which mouse
    fingerprint: str  # changes when what `load` gives changes
    load: Callable[[], LabeledRecording]  # opens it


def cohort_sessions(csv: str | Path, *, run_speed: float) -> tuple[Session, ...]:
    """Return the sessions of a cohort, a CSV as `read_cohort` takes it; no movie is opened yet.

    Where labels are made from speed the mouse runs above `run_speed` (cm/s). Raises RecordingError
    if the CSV is unusable; TrainingError if a session has no labels.
    """
    sessions = []
    for number, entry in enumerate(read_cohort(csv)):
        beside = _beside(entry)
        if entry.behavior is None and entry.labels is None and not beside:
            raise TrainingError(
                f"{csv}: session {entry.session!r} has no file to take labels from; name one in "
                "the column 'labels' or 'behavior', label it in the window, or remove the row."
            )
        files = [*entry.files, entry.behavior, entry.labels, entry.registration, *beside]
        stamps = repr([_stamp(file) for file in files if file is not None]) + repr(run_speed)
        sessions.append(
            Session(
                # a session's own name may hold anything
                name=f"{number:04d}-{hashlib.sha256(entry.session.encode()).hexdigest()[:8]}",
                subject=entry.subject,
                fingerprint=hashlib.sha256(stamps.encode()).hexdigest()[:16],
                load=partial(_load, entry, run_speed),
            )
        )
    return tuple(sessions)


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of a file, or of all files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _beside(entry: CohortEntry) -> list[Path]:
    """Return the files beside a recording in which the window keeps what is learned from."""
    kept = sidecar_folders(entry.recording)
    return [file for name in (JOURNAL, BEHAVIOR_FILE, REGISTRATION) for file in kept.kept(name)]


def _load(entry: CohortEntry, run_speed: float) -> LabeledRecording:
    recording = open_session(entry.files)
    if entry.behavior is not None:
        recording = add_behavior(recording, entry.behavior)
    registration = kept_registration(recording)
    if entry.registration is not None:
        registration = load_registration(entry.registration)
    if entry.labels is not None:
        ethogram: Ethogram | None = read_labels(entry.labels, recording)
    else:
        ethogram = None if entry.behavior else kept_labels(entry.recording)
    if ethogram is None:
        frames = _rest_and_run(recording, str(entry.behavior or entry.recording), run_speed)
        ethogram = Ethogram.from_frames(frames, REST_AND_RUN, source=Source.MEASURED)
    return LabeledRecording(recording, ethogram, registration)


def _rest_and_run(recording: Recording, where: str, run_speed: float) -> Ints:
    """Take the paper's labels, or make them from speed."""
    if PAPER_LABELS in recording.behavior:
        values = trace_at_frames(recording.behavior[PAPER_LABELS], recording)
        known = np.isfinite(values)
        if not np.isin(values[known], (0, 1)).all():
            raise TrainingError(
                f"{where}: {PAPER_LABELS!r} has values that are neither 0 (rest) nor 1 (run); "
                "correct it."
            )
        return np.where(known, values, UNKNOWN).astype(np.int64)
    if "speed" in recording.behavior:
        trace = recording.behavior["speed"]
        trace = replace(trace, values=speed_in_cm(trace), unit="cm/s")
        return run_and_rest(
            trace_at_frames(trace, recording),
            recording.known_frame_rate(),
            RunAndRest(threshold=run_speed),
        )
    raise TrainingError(
        f"{where}: neither {PAPER_LABELS!r} nor 'speed' is among its traces "
        f"{sorted(recording.behavior)}; rename the one that tells rest from run."
    )
