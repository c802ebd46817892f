"""State and intents of the section *Sessions*: every recording at hand, one of them open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from psygnal import Signal
from pydantic import PrivateAttr
from superqt.utils import QSignalDebouncer

from napari_cortex_decoder.cohort import CohortEntry, CohortRow, cohort_rows, write_cohort
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions import Facts, SessionState, look_at
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.layers import layer_of
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.sessions.session_files import (
    SessionRow,
    entries_of,
    movies_in,
    remember_cohort,
    row_for,
    row_of,
    say_of_all,
)

_PAUSE = 1_000  # ms without a change until a session is looked at again


class SessionsModel(SectionModel):
    """The recordings at hand.

    Attributes
    ----------
    rows
        One a recording.
    current
        Place of the open one; −1 if none is.
    asking
        Files that were opened together: are they recordings, or one in several files?
    csv
        The cohort's file, once it was opened or saved.
    message
        A sentence about what was done last.
    unfolded
        Titles of the sections that are unfolded; None before somebody folded one.
    """

    rows: tuple[SessionRow, ...] = ()
    current: int = -1
    asking: tuple[Path, ...] = ()
    csv: Path | None = None
    message: str = ""
    unfolded: tuple[str, ...] | None = None

    arrived: ClassVar[Signal] = Signal(object)
    """The recording of this entry is open."""

    _movie: MovieModel
    _in_window: Callable[[Recording], Facts]
    _pause: QSignalDebouncer
    _looking: bool = False
    _frames: dict[Path, int] = PrivateAttr(default_factory=dict)
    _open: Recording | None = None

    def __init__(self, movie: MovieModel, in_window: Callable[[Recording], Facts]) -> None:
        super().__init__()
        self._movie, self._in_window = movie, in_window
        self._pause = QSignalDebouncer()
        self._pause.setTimeout(_PAUSE)
        self._pause.triggered.connect(self._look_again)
        self._ties.tie(self._on_recording, movie.events.recording)
        self._ties.tie(self._bring_back, movie.remembered)
        self._ties.tie(self._on_frame, movie.events.frame)

    @property
    def checked(self) -> tuple[CohortEntry, ...]:
        """What is checked, in order."""
        return tuple(row.entry for row in self.rows if row.checked and row.entry is not None)

    @property
    def open_row(self) -> SessionRow | None:
        """The row of the open recording."""
        return self.rows[self.current] if 0 <= self.current < len(self.rows) else None

    @property
    def proposed_csv(self) -> Path:
        """Where to save the cohort: its file, else above all of its recordings."""
        folders = [file.parent for row in self.rows if row.entry for file in row.entry.files]
        if self.csv is not None or not folders:
            return self.csv or Path("cohort.csv")
        over = next(f for f in (folders[0], *folders[0].parents) if all(
            one.is_relative_to(f) for one in folders if one.anchor == f.anchor
        ))  # fmt: skip
        return over / "cohort.csv"

    def add(self, *paths: str | Path) -> None:
        """Take movies: one is opened, of several it is asked what they are."""
        files = tuple(map(Path, paths))
        if len(files) == 1:
            self._movie.open(files[0])
        elif files:
            self.asking = files

    def add_folder(self, folder: str | Path) -> None:
        """Take all movies of a folder."""
        self._background.run(movies_in, Path(folder), then=lambda found: self.add(*found))

    def answer(self, *, one: bool) -> None:
        """Say whether the files in question are one recording, or one each."""
        files, self.asking = self.asking, ()
        if one and files:
            self._movie.open(*files)
        elif files:
            known = {file for row in self.rows if row.entry is not None for file in row.entry.files}
            new = [file for file in files if file.absolute() not in known]
            entries = entries_of(new, (row.session for row in self.rows))
            self._set(*self.rows, *(SessionRow(entry) for entry in entries))
            if self.current < 0 and entries:
                self.choose(len(self.rows) - len(entries))

    def dismiss(self) -> None:
        """Leave the files in question alone."""
        self.asking = ()

    def open_cohort(self, csv: str | Path) -> None:
        """Put the recordings of a cohort into the table, in place of those before."""
        path = Path(csv)

        def take(found: tuple[CohortRow, ...]) -> None:
            self._set(*map(row_of, found), *(r for r in self.rows if r.memory is not None))
            self.csv = path
            problems = sum(bool(row.problem) for row in found)
            odd = f", {problems} of which cannot be used as they are" if problems else ""
            self.message = f"{path.name}: {len(found)} recordings{odd}."
            self._background.run(remember_cohort, path)
            self._follow()
            if self.current < 0:
                self.choose(next((i for i, row in enumerate(self.rows) if not row.said), 0))

        self._background.run(cohort_rows, path, then=take)

    def save_cohort(self, csv: str | Path) -> None:
        """Write the cohort; the dialog has asked whether to replace a file."""
        path = Path(csv)
        rows = [
            CohortRow(row.entry, "", row.cells)
            for row in self.rows
            if row.entry is not None or row.cells
        ]

        def say(_: object) -> None:
            self.csv, self.message = path, f"Saved {path.name}: {len(rows)} recordings."

        def write() -> None:
            write_cohort(path, rows, overwrite=True)
            remember_cohort(path)

        self._background.run(write, then=say)

    def choose(self, place: int) -> None:
        """Open the recording of a row, in place of the one before."""
        if not 0 <= place < len(self.rows) or place == self.current:
            return
        row = self.rows[place]
        if row.memory is not None:
            self._background.run(layer_of, row.memory, then=self._movie.opened.emit)
        elif row.entry is not None:
            self._movie.open(*row.entry.files)
        else:
            self.message = row.said

    def check(self, place: int, checked: bool) -> None:
        """Check a session, or no longer."""
        self._change(place, checked=checked)

    def check_all(self, checked: bool) -> None:
        """Check all sessions, or none."""
        self._set(*(replace(row, checked=checked) for row in self.rows))

    def set_subject(self, place: int, subject: str) -> None:
        """Say which mouse a session is of."""
        entry = self.rows[place].entry
        if entry is not None:
            self._change(place, entry=replace(entry, subject=subject.strip()))

    def rename(self, place: int, name: str) -> None:
        """Rename a session."""
        entry, name = self.rows[place].entry, name.strip()
        if entry is None:
            return
        others = [row.session for i, row in enumerate(self.rows) if i != place]
        if not name or name in others:
            self.message = f"A session is called {name!r} already." if name else "It needs a name."
            return
        self._change(place, entry=replace(entry, session=name))

    def remove_checked(self) -> None:
        """Take what is checked out of the table, but for the open one; its files stay."""
        self._set(*(r for i, r in enumerate(self.rows) if not r.checked or i == self.current))
        self._follow()

    def set_frame_rate(self, frame_rate: float) -> None:
        """Say the frame rate (Hz) of all that is checked."""
        self._say_of_all(frame_rate, None, self._movie.set_frame_rate)

    def set_pixel_size(self, pixel_size: float) -> None:
        """Say how wide (mm) a pixel of all that is checked is."""
        self._say_of_all(None, pixel_size, self._movie.set_pixel_size)

    def unfold(self, titles: Iterable[str]) -> None:
        """Remember which sections are unfolded."""
        now = tuple(titles)
        if now == self.unfolded:
            return
        self.unfolded = now
        self._movie.remember(unfolded=now)

    def tell(self, entry: CohortEntry, said: str) -> None:
        """Say in the row of a session what was done to it, and look at it again."""
        place = self.place_of(entry)
        if place >= 0:
            self._change(place, said=said, facts=None)

    def place_of(self, entry: CohortEntry) -> int:
        """Return the place of a session in the table; −1 if it is not in it."""
        files = [row.entry and row.entry.files for row in self.rows]
        return files.index(entry.files) if entry.files in files else -1

    def look_again(self) -> None:
        """Look anew, in a moment, what is there of the open session."""
        self._pause.throttle()

    def close(self) -> None:
        """End whatever runs; late results are dropped."""
        self._pause.cancel()
        super().close()

    def _say_of_all(
        self, frame_rate: float | None, pixel_size: float | None, say: Callable[[float], None]
    ) -> None:
        entries = self.checked
        value = frame_rate if frame_rate is not None else pixel_size
        assert value is not None  # every caller gives one

        def look(_: object) -> None:
            if self.open_row is not None and self.open_row.entry in entries:
                say(value)
            self._set(*(replace(r, facts=None) if r.entry in entries else r for r in self.rows))
            self.message = f"Remembered for {len(entries)} sessions whose files do not say it."

        self._background.run(say_of_all, entries, frame_rate, pixel_size, then=look)

    def _set(self, *rows: SessionRow) -> None:
        self.rows = rows
        self._look()

    def _change(self, place: int, **changes: Any) -> None:
        rows = list(self.rows)
        rows[place] = replace(rows[place], **changes)
        self._set(*rows)

    def _look(self) -> None:
        """Look what is there of the sessions, one after the other, in a thread."""
        waiting = (r.entry for r in self.rows if r.facts is None and r.entry is not None)
        entry = next(waiting, None)
        if entry is None or self._looking:
            return
        self._looking = True

        def take(facts: Facts) -> None:
            self._looking = False
            place = self.place_of(entry)
            found = self.rows[place].entry if place >= 0 else None
            if found is None:
                self._look()
            else:
                told = replace(found, subject=found.subject or facts.subject)
                self._change(place, facts=facts, entry=told)

        def fail(error: Exception) -> None:
            take(Facts(problems=(str(error),)))
            self.failed.emit(error)

        self._background.run(look_at, entry, then=take, failed=fail)

    def _look_again(self) -> None:
        row = self.open_row
        if row is not None:
            # of one that is in no file nothing is known but in the window
            facts = None if row.memory is None else self._in_window(row.memory)
            self._change(self.current, facts=facts)

    def _on_recording(self, recording: Recording | None) -> None:
        """See which row is open; a recording that has none yet gets one."""
        raw, before = self._movie.raw, self._open
        if raw is None or (before is not None and _same(before, raw)):
            if raw is None:
                self._open, self.current = None, -1
            return
        self._open = None
        if not any(row.is_of(raw) for row in self.rows):
            self._set(*self.rows, row_for(raw, self.rows))
        self._follow(raw)
        row = self.rows[self.current]
        if raw.path is not None:
            self._movie.seek(self._frames.get(raw.path, self._movie.frame))
        self._open = raw
        if row.entry is not None:
            self.arrived.emit(row.entry)

    def _on_frame(self, frame: int) -> None:
        """Remember where the open recording was left."""
        shown, raw = self._open, self._movie.raw  # which differ while another one comes
        if shown is not None and shown.path is not None and raw and _same(shown, raw):
            self._frames[shown.path] = frame

    def _follow(self, raw: Recording | None = None) -> None:
        raw = raw or self._movie.raw
        places = [i for i, row in enumerate(self.rows) if raw is not None and row.is_of(raw)]
        self.current = places[0] if places else -1

    def _bring_back(self, state: SessionState) -> None:
        if state.unfolded is not None:
            self.unfolded = state.unfolded


def _same(one: Recording, other: Recording) -> bool:
    if one.path is None:
        return one.movie is other.movie
    return one.path == other.path
