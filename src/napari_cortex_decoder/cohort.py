"""Cohorts: which recordings belong to which mouse, listed in one CSV."""

from __future__ import annotations

import csv as csv_files
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import begins, write_whole
from napari_cortex_decoder.reading import reads
from napari_cortex_decoder.tables import columns_of, read_lines

PAPER_SESSION = "Data_ID"
PAPER_SUBJECTS = ("Mouse_#", "mouse_No.")
PAPER_MOVIES = "data_of_image"
PAPER_BEHAVIOR = "data_of_behavior"
REGISTRATIONS = "registrations"

COLUMNS = ("recording", "subject", "session", "behavior", "registration", "labels")
"""Columns of a cohort's CSV, in the order in which they are written."""

_OURS = begins(",".join(COLUMNS))
_ReadRow = Callable[[Mapping[str, str], int], "CohortEntry"]


@dataclass(frozen=True)
class CohortEntry:
    """One session of a cohort."""

    recording: Path  # the movie's file or folder
    behavior: Path | None  # the file with its speed or labels; None if there is none
    subject: str  # which mouse, as the CSV says
    session: str  # name of the session, unique in the cohort
    # the file that says where the atlas lies on the movie; None if there is none
    registration: Path | None = None
    # the file with labels that somebody gave or exported; None if there is none
    labels: Path | None = None
    more_files: tuple[Path, ...] = ()  # files of the same session that go on where `recording` ends
    # cells of other columns of the CSV, by name
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the session, as `open_recording` takes them."""
        return (self.recording, *self.more_files)


class CohortRow(NamedTuple):
    """A row of a cohort's CSV: what it lists, and what is wrong with it, in one sentence.

    `entry` is None where it names no recording that may be opened; `cells` are its own, by column.
    """

    entry: CohortEntry | None
    problem: str
    cells: Mapping[str, str]


@reads("a cohort", remedy="save it as CSV UTF-8")
def read_cohort(csv: str | Path) -> tuple[CohortEntry, ...]:
    """Read which recordings belong to which mouse.

    Raises RecordingError if columns are missing, a path is absolute or leaves the CSV's folder, a
    file is not there, or a session is listed twice.

    Parameters
    ----------
    csv
        Either the layout of Ajioka et al. 2024: columns ``Data_ID`` and ``Mouse_#`` (or
        ``mouse_No.``), with ``data_of_image_<cohort>/<Data_ID>.tif`` and
        ``data_of_behavior_<cohort>/<Data_ID>_behavior.mat`` beside a CSV called
        ``data_<cohort>.csv``, and the atlas on each movie as ``registrations/<Data_ID>.json``
        where there is one; or columns ``recording`` and ``subject``, and if wanted ``behavior``,
        ``labels`` and ``registration`` (may be empty) and ``session`` (else the recording's stem),
        with paths relative to the CSV; several files of one session stand in one cell, with ``;``.
        The mouse is what the CSV says, never what a file name suggests: two of the paper's mice
        share the name "non".
    """
    entries = []
    for row in cohort_rows(csv):
        if row.problem or row.entry is None:
            raise RecordingError(row.problem)
        entries.append(row.entry)
    return tuple(entries)


@reads("a cohort", remedy="save it as CSV UTF-8")
def cohort_rows(csv: str | Path) -> tuple[CohortRow, ...]:
    """Read a cohort as `read_cohort` does, and say of each row by itself what is wrong with it.

    Raises RecordingError if it is no cohort at all.
    """
    path = Path(csv)
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file; give the cohort's CSV.")
    table, _ = columns_of(read_lines(path, RecordingError), RecordingError)
    columns = list(table.columns)
    if PAPER_SESSION in columns:
        read = _paper_rows(path, columns)
    elif {"recording", "subject"} <= set(columns):
        read = partial(_plain_row, path)
    else:
        raise RecordingError(
            f"{path}: the columns are {columns}; a cohort needs 'recording' and "
            f"'subject', or the paper's {PAPER_SESSION!r} and {PAPER_SUBJECTS[0]!r}."
        )
    rows: list[CohortRow] = []
    seen: dict[tuple[str, object], int] = {}
    for number, cells in enumerate(table.to_dict("records"), start=1):
        entry, problem = None, ""
        try:
            entry = read(cells, number)
            _check(path, entry, number, seen)
        except RecordingError as error:
            problem = str(error)
        rows.append(CohortRow(entry, problem, cells))
    return tuple(rows)


def write_cohort(csv: str | Path, rows: Sequence[CohortRow], *, overwrite: bool = False) -> None:
    """Write a cohort that `read_cohort` reads; cells that it does not know are kept.

    Such a CSV is replaced; any other file only where `overwrite` allows it. Raises RecordingError
    if a file lies outside the CSV's folder, or the CSV cannot be written. The `cells` of a row
    count where it has no `entry`.
    """
    path = Path(csv).absolute()
    cells = [row.cells if row.entry is None else _cells(path, row.entry) for row in rows]
    known = list(dict.fromkeys([*COLUMNS, *(name for row in cells for name in row)]))
    text = io.StringIO(newline="")
    writer = csv_files.DictWriter(text, known, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    write_whole(path, text.getvalue(), RecordingError, kind=_OURS, overwrite=overwrite)


def _cells(path: Path, entry: CohortEntry) -> dict[str, str]:
    """Return the cells of an entry, with paths relative to the CSV."""

    def relative(file: Path) -> str:
        file = file.absolute()
        if not file.is_relative_to(path.parent):
            raise RecordingError(
                f"{path}: {file} does not lie in its folder or below; save the cohort in a folder "
                "above all of its files."
            )
        return file.relative_to(path.parent).as_posix()

    beside = {"behavior": entry.behavior, "registration": entry.registration,
              "labels": entry.labels}  # fmt: skip
    return {
        "recording": ";".join(map(relative, entry.files)),
        "subject": entry.subject,
        "session": entry.session,
        **{column: "" if file is None else relative(file) for column, file in beside.items()},
        **entry.others,
    }


def _paper_rows(path: Path, columns: Sequence[str]) -> _ReadRow:
    """Return what reads the rows of the paper's CSV."""
    subject = next((c for c in PAPER_SUBJECTS if c in columns), None)
    if subject is None:
        raise RecordingError(
            f"{path}: no column says which mouse; add {' or '.join(map(repr, PAPER_SUBJECTS))}."
        )
    movies, behavior = _paper_folder(path, PAPER_MOVIES), _paper_folder(path, PAPER_BEHAVIOR)
    if movies is None:
        raise RecordingError(
            f"{path}: there is no folder {PAPER_MOVIES}_<cohort> beside it; put the movies there."
        )

    def read(cells: Mapping[str, str], row: int) -> CohortEntry:
        session = cells[PAPER_SESSION].strip()
        file = _inside(path, f"{session}.tif", row, PAPER_SESSION)
        if not session or file.parent != path.parent:
            raise RecordingError(
                f"{path}: {PAPER_SESSION} {session!r} in row {row} is not a plain name; correct it."
            )
        registration = path.parent / REGISTRATIONS / f"{session}.json"
        return CohortEntry(
            movies / file.name,
            behavior / f"{session}_behavior.mat" if behavior else None,
            cells[subject].strip(),
            session,
            registration if registration.is_file() else None,
        )

    return read


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


def _plain_row(path: Path, cells: Mapping[str, str], row: int) -> CohortEntry:
    """Return what a row of a CSV with a column `recording` lists."""
    named = cells["recording"].strip()
    if not named:
        raise RecordingError(f"{path}: 'recording' is empty in row {row}; name the movie.")
    whole = _inside(path, named, row, "recording")
    several = [whole]
    if ";" in named and not whole.exists():
        parts = [part for part in named.split(";") if part.strip()]
        several = [_inside(path, part, row, "recording") for part in parts]
    beside = {
        column: _inside(path, cells[column], row, column)
        for column in ("behavior", "registration", "labels") if cells.get(column, "").strip()
    }  # fmt: skip
    return CohortEntry(
        several[0],
        subject=cells["subject"].strip(),
        session=cells.get("session", "").strip() or several[0].stem,
        more_files=tuple(several[1:]),
        others={name: cell for name, cell in cells.items() if name not in COLUMNS},
        **{"behavior": None, **beside},
    )


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


def _check(path: Path, entry: CohortEntry, row: int, seen: dict[tuple[str, object], int]) -> None:
    """Refuse a row that cannot be meant; `seen` are recordings and sessions of those before."""
    if not entry.subject:
        raise RecordingError(f"{path}: row {row} does not say which mouse; fill it in.")
    for file in (*entry.files, entry.behavior, entry.registration, entry.labels):
        if file is not None and not file.exists():
            raise RecordingError(
                f"{path}: row {row} names {file}, which is not there; put it there or remove the "
                "row."
            )
    for what in ("recording", "session"):
        value = getattr(entry, what)
        before = seen.setdefault((what, value), row)
        if before != row:
            raise RecordingError(
                f"{path}: rows {before} and {row} are the same {what}, {value}; remove or rename "
                "one."
            )
