"""Cohorts: which recordings belong to which mouse, listed in one CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.tables import columns_of, read_lines

if TYPE_CHECKING:
    import pandas as pd

PAPER_SESSION = "Data_ID"
PAPER_SUBJECTS = ("Mouse_#", "mouse_No.")
PAPER_MOVIES = "data_of_image"
PAPER_BEHAVIOR = "data_of_behavior"
REGISTRATIONS = "registrations"


@dataclass(frozen=True)
class CohortEntry:
    """One session of a cohort.

    Attributes
    ----------
    recording
        The movie's file or folder.
    behavior
        The file with its speed or labels; None if there is none.
    subject
        Which mouse, as the CSV says.
    session
        Name of the session, unique in the cohort.
    registration
        The file that says where the atlas lies on the movie; None if there is none.
    labels
        The file with labels that somebody gave or exported; None if there is none.
    """

    recording: Path
    behavior: Path | None
    subject: str
    session: str
    registration: Path | None = None
    labels: Path | None = None


@reads("a cohort", remedy="save it as CSV UTF-8")
def read_cohort(csv: str | Path) -> tuple[CohortEntry, ...]:
    """Read which recordings belong to which mouse.

    Parameters
    ----------
    csv
        Either the layout of Ajioka et al. 2024: columns ``Data_ID`` and ``Mouse_#`` (or
        ``mouse_No.``), with ``data_of_image_<cohort>/<Data_ID>.tif`` and
        ``data_of_behavior_<cohort>/<Data_ID>_behavior.mat`` beside a CSV called
        ``data_<cohort>.csv``, and the atlas on each movie as ``registrations/<Data_ID>.json``
        where there is one; or columns ``recording`` and ``subject``, and if wanted ``behavior``,
        ``labels`` and ``registration`` (may be empty) and ``session`` (else the recording's stem),
        with paths relative to the CSV.
        The mouse is what the CSV says, never what a file name suggests: two of the paper's mice
        share the name "non".

    Returns
    -------
    tuple of CohortEntry
        In the order of the CSV.

    Raises
    ------
    RecordingError
        If columns are missing, a path is absolute or leaves the CSV's folder, a file is not there,
        or a session is listed twice.
    """
    path = Path(csv)
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file; give the cohort's CSV.")
    table, _ = columns_of(read_lines(path, RecordingError), RecordingError)
    if PAPER_SESSION in table.columns:
        entries = _paper_entries(path, table)
    elif {"recording", "subject"} <= set(table.columns):
        entries = _plain_entries(path, table)
    else:
        raise RecordingError(
            f"{path}: the columns are {list(table.columns)}; a cohort needs 'recording' and "
            f"'subject', or the paper's {PAPER_SESSION!r} and {PAPER_SUBJECTS[0]!r}."
        )
    _check(path, entries)
    return tuple(entries)


def _paper_entries(path: Path, table: pd.DataFrame) -> list[CohortEntry]:
    subject_column = next((c for c in PAPER_SUBJECTS if c in table.columns), None)
    if subject_column is None:
        raise RecordingError(
            f"{path}: no column says which mouse; add {' or '.join(map(repr, PAPER_SUBJECTS))}."
        )
    movies = _paper_folder(path, PAPER_MOVIES)
    if movies is None:
        raise RecordingError(
            f"{path}: there is no folder {PAPER_MOVIES}_<cohort> beside it; put the movies there."
        )
    behavior = _paper_folder(path, PAPER_BEHAVIOR)
    entries = []
    for row, (session, subject) in enumerate(
        zip(table[PAPER_SESSION], table[subject_column], strict=True), start=1
    ):
        session = session.strip()
        file = _inside(path, f"{session}.tif", row, PAPER_SESSION)
        if not session or file.parent != path.parent:
            raise RecordingError(
                f"{path}: {PAPER_SESSION} {session!r} in row {row} is not a plain name; correct it."
            )
        registration = path.parent / REGISTRATIONS / f"{session}.json"
        entries.append(
            CohortEntry(
                movies / file.name,
                behavior / f"{session}_behavior.mat" if behavior else None,
                subject.strip(),
                session,
                registration if registration.is_file() else None,
            )
        )
    return entries


def _paper_folder(path: Path, start: str) -> Path | None:
    """Find ``<start>_<cohort>`` beside ``data_<cohort>.csv``, or the only one that starts so."""
    named = path.with_name(f"{start}_{path.stem.removeprefix('data_')}")
    if named.is_dir():
        return named
    folders = sorted(folder for folder in path.parent.glob(f"{start}_*") if folder.is_dir())
    if len(folders) > 1:
        raise RecordingError(
            f"{path}: {[f.name for f in folders]} lie beside it and none is called {named.name!r}; "
            "name the CSV after one of them."
        )
    return folders[0] if folders else None


def _plain_entries(path: Path, table: pd.DataFrame) -> list[CohortEntry]:
    entries = []
    for row, cells in enumerate(table.to_dict("records"), start=1):
        if not cells["recording"].strip():
            raise RecordingError(f"{path}: 'recording' is empty in row {row}; name the movie.")
        recording = _inside(path, cells["recording"], row, "recording")
        beside = {
            column: _inside(path, cells[column], row, column)
            if cells.get(column, "").strip()
            else None
            for column in ("behavior", "registration", "labels")
        }
        entries.append(
            CohortEntry(
                recording,
                beside["behavior"],
                cells["subject"].strip(),
                cells.get("session", "").strip() or recording.stem,
                beside["registration"],
                beside["labels"],
            )
        )
    return entries


def _inside(path: Path, cell: str, row: int, column: str) -> Path:
    """Resolve a cell against the CSV's folder, and refuse one that leaves it.

    The CSV is data that may come from anywhere. Links that lie inside the folder are followed:
    whoever keeps the movies on another disk has put them there.
    """
    posix, windows = PurePosixPath(cell.strip()), PureWindowsPath(cell.strip())
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise RecordingError(
            f"{path}: {column!r} in row {row} is {cell!r}; give a path inside the CSV's folder."
        )
    return path.parent / posix


def _check(path: Path, entries: list[CohortEntry]) -> None:
    for row, entry in enumerate(entries, start=1):
        if not entry.subject:
            raise RecordingError(f"{path}: row {row} does not say which mouse; fill it in.")
        for file in (entry.recording, entry.behavior, entry.registration, entry.labels):
            if file is not None and not file.exists():
                raise RecordingError(
                    f"{path}: row {row} names {file}, which is not there; "
                    "put it there or remove the row."
                )
    for what in ("recording", "session"):
        seen: dict[object, int] = {}
        for row, entry in enumerate(entries, start=1):
            value = getattr(entry, what)
            if value in seen:
                raise RecordingError(
                    f"{path}: rows {seen[value]} and {row} are the same {what}, {value}; "
                    "remove or rename one."
                )
            seen[value] = row
