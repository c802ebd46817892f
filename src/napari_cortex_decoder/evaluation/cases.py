"""Sessions of a cohort as an evaluation sees them: who is who, what was done, how slow it is."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.cohort import read_cohort
from napari_cortex_decoder.decoder.cache.recording_cache import frames_digest
from napari_cortex_decoder.decoder.config import TracePreprocessing
from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.files import read_bytes, write_whole
from napari_cortex_decoder.training.sessions import Session, cohort_sessions

_ALIKE = np.exp(-1)


@dataclass(frozen=True)
class Case:
    """One session of a cohort."""

    name: str  # as the cohort calls it
    subject: str  # which mouse
    session: Session  # opens it
    others: Mapping[str, str]  # cells of other columns: ``date``, ``group`` …

    @property
    def date(self) -> date | None:
        """The day on which it was filmed; None where the cohort does not say.

        Raises EvaluationError if its cell is no date.
        """
        said = self.others.get("date", "").strip()
        try:
            return date.fromisoformat(said[:10]) if said else None
        except ValueError as reason:
            raise EvaluationError(
                f"session {self.name!r}: 'date' is {said!r}; write it as 2024-05-31."
            ) from reason


@dataclass(frozen=True, eq=False)
class Looked:
    """What is known of a session before anything is decoded.

    Attributes
    ----------
    labels
        Shape (t,): index into `behaviors`, −1 unknown.
    behaviors
        Names.
    mean
        Shape (t,): mean of the frame.
    frame_rate
        Hz.
    digest
        Of its frames: two files with the same are the same recording.
    memory
        Seconds after which labels, and the mean of the frame, are like themselves by less than
        1/e: neighbors closer than that are near-copies. The longer of both.
    atlas, areas
        Whose areas are in view, and their labels; none where nobody says where they lie.
    """

    labels: NDArray[np.int64]
    behaviors: tuple[str, ...]
    mean: NDArray[np.float64]
    frame_rate: float
    digest: str
    memory: float
    atlas: str
    areas: tuple[str, ...]

    @property
    def n_frames(self) -> int:
        """Length in frames."""
        return len(self.labels)


def read_cases(csv: str | Path, *, run_speed: float) -> tuple[Case, ...]:
    """Read the sessions of a cohort's CSV; no movie is opened yet.

    Raises RecordingError or TrainingError as `cohort_sessions` does.
    """
    sessions = cohort_sessions(csv, run_speed=run_speed)
    return tuple(
        Case(entry.session, entry.subject, session, entry.others)
        for entry, session in zip(read_cohort(csv), sessions, strict=True)
    )


def look(case: Case, place: Path) -> None:
    """Read a session through once, and leave what `Looked` says in an ``.npz`` file.

    Raises what opening it raises, and EvaluationError if labels and movie differ in length.
    """
    from napari_cortex_decoder.decoder.engine.area_places import (
        areas_in_view,
        locate_areas,
        registration_of,
    )
    from napari_cortex_decoder.decoder.engine.traces import read_traces

    recording, ethogram, registration = case.session.load()
    if ethogram.n_frames != recording.n_frames:
        raise EvaluationError(
            f"session {case.name!r} has {recording.n_frames} frames and its labels "
            f"{ethogram.n_frames}; give labels of this recording."
        )
    placed = registration_of(recording, registration)
    everywhere = locate_areas(TracePreprocessing(), recording, None)
    mean = np.concatenate([block for _, block in read_traces(recording, everywhere, 1)])[:, 0]
    labels, rate = ethogram.frames(), recording.known_frame_rate()
    memory = max(_memory(mean), *(_memory(labels == i) for i in range(len(ethogram.behaviors))))
    content = io.BytesIO()
    np.savez(
        content,
        labels=labels,
        behaviors=np.array(ethogram.behaviors),
        mean=mean.astype(np.float64),
        frame_rate=rate,
        digest=frames_digest(recording),
        memory=memory / rate,
        atlas=placed.atlas.name if placed else "",
        areas=np.array(areas_in_view(recording, placed) if placed else (), np.str_),
    )
    write_whole(place, content.getvalue(), EvaluationError, overwrite=True)


def read_arrays(file: Path) -> dict[str, NDArray[np.generic]]:
    """Read arrays that an earlier task has left.

    Raises EvaluationError if they are damaged.
    """
    try:
        with np.load(io.BytesIO(read_bytes(file, EvaluationError)), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, BadZipFile) as reason:
        raise EvaluationError(f"{file} is damaged; remove it, and it is made again.") from reason


def looked_at(file: Path) -> Looked:
    """Read what `look` has left. Raises EvaluationError if it is damaged."""
    found = read_arrays(file)
    return Looked(
        labels=found["labels"].astype(np.int64),
        behaviors=tuple(map(str, found["behaviors"])),
        mean=found["mean"].astype(np.float64),
        frame_rate=float(found["frame_rate"].item()),
        digest=str(found["digest"]),
        memory=float(found["memory"].item()),
        atlas=str(found["atlas"]),
        areas=tuple(map(str, found["areas"])),
    )


def behaviors_of(looked: Mapping[str, Looked]) -> tuple[str, ...]:
    """Return what is labelled in any session, in the order of the first that names it."""
    names = itertools.chain.from_iterable(one.behaviors for one in looked.values())
    return tuple(dict.fromkeys(names))


def _memory(values: NDArray[np.generic]) -> float:
    """Return after how many frames the autocorrelation falls below 1/e."""
    from scipy.signal import correlate

    deviations = values.astype(np.float64) - values.mean()
    if not deviations.any():
        return 0.0
    along = correlate(deviations, deviations)[len(values) - 1 :]
    below = np.flatnonzero(along < _ALIKE * along[0])
    return float(below[0]) if len(below) else float(len(values))


def areas_in_all(looked: Mapping[str, Looked]) -> tuple[str, tuple[str, ...]]:
    """Return the atlas of the first session, and which of its areas all sessions show."""
    first, *others = looked.values()
    shown = (a for a in first.areas if all(a in other.areas for other in others))
    return first.atlas, tuple(shown)
