"""The files of the section *Sessions*: movies in a folder, cohorts, those opened last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path

import platformdirs

from napari_cortex_decoder.cameras import VIDEO_SUFFIXES
from napari_cortex_decoder.cohort import CohortEntry, CohortRow
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import make_folder, read_json, write_json
from napari_cortex_decoder.recording import Recording, movie_patterns, remember_metadata
from napari_cortex_decoder.recording.behavior.reading import READERS
from napari_cortex_decoder.recording.formats.names import natural_key
from napari_cortex_decoder.sessions import Facts

MOST_RECENT = 8


@dataclass(frozen=True, eq=False)
class SessionRow:
    """A row of the table of sessions."""

    # what it is of; None where it is in no file, or its cohort names no file that may be opened
    entry: CohortEntry | None
    name: str = ""  # to show where there is no `entry`
    memory: Recording | None = None  # the recording itself, where it is in no file
    # of the cohort's CSV, for a row that cannot be opened
    cells: Mapping[str, str] = field(default_factory=dict)
    facts: Facts | None = None  # what is there of it; None until somebody has looked
    checked: bool = True  # whether what is done to all checked is done to it
    said: str = ""  # what became of it last

    @property
    def session(self) -> str:
        """Name of the session."""
        return self.name if self.entry is None else self.entry.session

    @property
    def subject(self) -> str:
        """Which mouse; empty where nobody has said it."""
        return "" if self.entry is None else self.entry.subject

    def is_of(self, recording: Recording) -> bool:
        """Whether this is the row of a recording."""
        if recording.path is None:
            return self.memory is not None and self.memory.movie is recording.movie
        return self.entry is not None and recording.path.absolute() in self.entry.files


def movies_in(folder: Path) -> tuple[Path, ...]:
    """Return what may be a movie in a folder: not tables, and not videos, which film the mouse.

    Raises RecordingError if there is none.
    """
    other = {*READERS, *VIDEO_SUFFIXES} - {".nwb"}
    patterns = [p for p in movie_patterns() if Path(p).suffix not in other]
    found = {file for pattern in patterns for file in folder.glob(pattern)}
    if not found:
        raise RecordingError(f"{folder}: there is no movie in it; choose the folder of the movies.")
    return tuple(sorted(found, key=natural_key))


def entries_of(movies: Iterable[Path], taken: Iterable[str]) -> tuple[CohortEntry, ...]:
    """Make an entry of each movie, with a name that no other session has."""
    names = set(taken)
    made = []
    for movie in movies:
        path = movie.absolute()
        beside = f"{path.parent.name}-{path.stem}"
        proposed = chain((path.stem, beside), (f"{beside}-{number}" for number in count(2)))
        name = next(one for one in proposed if one not in names)
        names.add(name)
        made.append(CohortEntry(path, None, "", name))
    return tuple(made)


def row_of(row: CohortRow) -> SessionRow:
    """Make the row of a cohort's row."""
    named = row.cells.get("recording", "") or row.cells.get("Data_ID", "")
    said = f"⚠ {row.problem}" if row.problem else ""
    return SessionRow(row.entry, named, None, row.cells, said=said)


def row_for(raw: Recording, rows: Iterable[SessionRow]) -> SessionRow:
    """Make the row of a recording that was opened by itself."""
    if raw.path is None:
        return SessionRow(None, raw.name, raw)
    (entry,) = entries_of([raw.path], (row.session for row in rows))
    names = raw.metadata.get("files")
    more = [raw.path.with_name(n) for n in names] if isinstance(names, list) else []
    others = tuple(file.absolute() for file in more if file != raw.path)
    return SessionRow(replace(entry, subject=raw.subject or "", more_files=others))


def recent_cohorts() -> tuple[Path, ...]:
    """Return the cohorts opened last that are still there, the latest first.

    Raises RecordingError if their list is damaged.
    """
    file = _recent_file()
    listed = read_json(file, RecordingError) if file.exists() else {"cohorts": []}
    cohorts = listed.get("cohorts") if isinstance(listed, dict) else None
    if not isinstance(cohorts, list) or not all(isinstance(one, str) for one in cohorts):
        raise RecordingError(f"{file}: this is no list of cohorts; delete it.")
    return tuple(path for path in map(Path, cohorts) if path.is_file())


def remember_cohort(csv: Path) -> None:
    """Put a cohort at the top of those opened last."""
    csv = csv.absolute()
    others = [str(one) for one in recent_cohorts() if one != csv]
    file = _recent_file()
    make_folder(file.parent, RecordingError)
    write_json(file, {"cohorts": [str(csv), *others][:MOST_RECENT]}, RecordingError)


def say_of_all(
    entries: Iterable[CohortEntry], frame_rate: float | None, pixel_size: float | None
) -> None:
    """Remember a rate (Hz) or a pixel size (mm) of several sessions."""
    for entry in entries:
        remember_metadata(entry.recording, frame_rate=frame_rate, pixel_size=pixel_size)


def _recent_file() -> Path:
    root = platformdirs.user_data_path("napari-cortex-decoder", appauthor=False)
    return root / "recent-cohorts.json"
