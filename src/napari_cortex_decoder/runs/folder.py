"""The run folder: all that one job leaves on disk, and needs to go on after a kill.

``run-folder.json`` is the marker: it says that the folder is ours, for which kind of job, and which
files were made for it. A name is noted there before its file is made, so that nothing else is ever
written to or removed. ``config.json`` holds what was asked, ``progress.jsonl``, which only grows,
how far it is; every other file is written whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import (
    make_folder,
    read_bytes,
    read_json,
    remove_empty,
    remove_file,
    write_json,
    write_whole,
)
from napari_cortex_decoder.files.workshop import sweep
from napari_cortex_decoder.progress import Cancelled, Progress
from napari_cortex_decoder.runs.marker import (
    CANCEL,
    COMMON,
    LOCK,
    MARKER,
    OWN,
    WAITING,
    Kind,
    Marker,
    foreign,
    read_marker,
)

_LAST: dict[Kind, str] = {
    "training": "decoder.safetensors",
    "fine-tune": "result.json",
    "evaluation": "report.json",
}
_EARLIER_FINE_TUNE = "asked.json"  # versions without a marker left this
_PATIENCE = 2.0  # s; whoever looks whether a job is at work holds its lock for a moment
_PROGRESS_LIMIT = 2**30


class RunFolder:
    """One job on disk; `claim` makes its folder. One of another `kind` of job is never touched."""

    def __init__(self, path: str | Path, kind: Kind) -> None:
        self.path = Path(path)
        self.kind = kind
        self.config_file = self.path / "config.json"
        self.progress_file = self.path / "progress.jsonl"
        self.decoder_file = self.path / "decoder.safetensors"

    @property
    def is_finished(self) -> bool:
        """Whether the job has left all that it was to leave."""
        return (self.path / _LAST[self.kind]).is_file()

    @property
    def is_at_work(self) -> bool:
        """Whether a process works here."""
        try:
            if self._look() is None or not (self.path / LOCK).is_file():
                return False
            with FileLock(self.path / LOCK, timeout=0):
                return False
        except Timeout:
            return True
        except (OSError, TrainingError):  # it is not ours, or nobody's whom we could follow
            return False

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Make the folder ours, keep other processes out, and sweep up after a killed one.

        Raises TrainingError if another process works here, the folder holds something else than
        such a job, or it cannot be made.
        """
        self._look()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # held by the operating system, so that a killed job leaves no lock behind
            lock = FileLock(self.path / LOCK)
            lock.acquire(timeout=_PATIENCE)
        except Timeout as reason:
            raise TrainingError(
                f"{self.path}: another process is at work in this run folder; wait for it, stop "
                "it or choose another folder."
            ) from reason
        except OSError as reason:
            raise TrainingError(
                f"{self.path} cannot be made or written to ({reason.strerror}); choose another "
                "folder."
            ) from reason
        try:
            if self._look() is None:
                self._mark([*COMMON, *OWN[self.kind], *self._adopted()])
            else:
                self.note(*COMMON, *OWN[self.kind])
            self._sweep()
            yield
        finally:
            lock.release()

    def note(self, *names: str) -> None:
        """Note files, relative to the folder, before they are made: from then on they are ours.

        Raises TrainingError if somebody else has put one of them there, or the disk is full.
        """
        made = self._made()
        new = [name for name in dict.fromkeys(names) if name not in made]
        for name in new:
            if os.path.lexists(self.path / name):
                raise foreign(self.path / name, self.kind)
        if new:
            self._mark([*made, *new])

    def _mark(self, made: list[str]) -> None:
        said = Marker(kind=self.kind, made=made).model_dump()
        write_json(self.path / MARKER, said, TrainingError)

    def _look(self) -> Marker | None:
        """Read the marker; refuse a folder that something else is in the way of.

        Raises TrainingError if the folder is of another kind of job, or holds a file by a name of
        ours.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TrainingError(f"{self.path} cannot be made: it is a file; choose another folder.")
        file = self.path / MARKER
        if os.path.lexists(file):
            marker = read_marker(file)
            if marker.kind != self.kind:
                raise TrainingError(
                    f"{self.path} is the run folder of a {marker.kind}, not of a {self.kind}; "
                    "choose another folder."
                )
            return marker
        if self._adopted():
            return None
        if (self.path / _EARLIER_FINE_TUNE).is_file():
            raise TrainingError(
                f"{self.path} holds what an earlier version of this program has begun; take its "
                "decoder.safetensors if there is one, and choose another folder."
            )
        for name in (*COMMON, *OWN[self.kind]):
            place = self.path / name
            if os.path.lexists(place) and not (
                name == LOCK and place.is_file() and not place.stat().st_size
            ):
                raise foreign(self.path / name, self.kind)
        return None

    def _adopted(self) -> list[str]:
        """Name what a version without a marker has left here, if it is such a job."""
        return []

    def _sweep(self) -> None:
        """Remove what a killed process had not finished writing."""
        for folder in {(self.path / name).parent for name in (MARKER, *self._made())}:
            if folder.is_dir() and not folder.is_symlink():
                sweep(folder, age=0)
        if not self.progress_file.exists():
            return
        said = read_bytes(self.progress_file, TrainingError, limit=_PROGRESS_LIMIT)
        if not said.endswith(b"\n"):  # the next line would be added to half a line
            write_whole(
                self.progress_file, said[: said.rfind(b"\n") + 1], TrainingError, overwrite=True
            )

    def _made(self) -> list[str]:
        return [] if (marker := self._look()) is None else marker.made

    def asked(self) -> dict[str, Any] | None:
        """Read what the job was asked to do; None if nothing was begun here.

        Raises TrainingError if this is the folder of something else, or the file is damaged.
        """
        self._look()
        if not self.config_file.is_file():
            return None
        said = read_json(self.config_file, TrainingError)
        if not isinstance(said, dict):
            raise TrainingError(f"{self.config_file} is damaged; begin in a new folder.")
        return said

    def ask(self, asked: Mapping[str, Any]) -> None:
        """Keep what the job is asked to do; within `claim`.

        Raises TrainingError if a job has left something here, but not what it was asked.
        """
        if any((self.path / name).is_file() for name in ("progress.jsonl", "decoder.safetensors")):
            raise TrainingError(
                f"{self.path} holds what a {self.kind} left behind, but not its config.json; begin "
                "it in a new folder."
            )
        write_json(self.config_file, dict(asked), TrainingError)

    def place(self, name: str) -> Path:
        """Return the place of a file that is noted, in a folder that is there.

        Raises TrainingError if somebody else's file is there, or the disk is full.
        """
        self.note(name)
        place = self.path / name
        make_folder(place.parent, TrainingError)
        return place

    def tell(self, event: Progress) -> None:
        """Append one line to the progress; raise `Cancelled` then if somebody wants the job to end.

        Raises TrainingError if the disk is full.
        """
        try:
            with self.progress_file.open("a", encoding="utf-8") as file:
                file.write(_line_of(event))
        except OSError as reason:
            raise TrainingError(
                f"{self.progress_file} cannot be written ({reason.strerror}); make room and start "
                "again, it goes on from its last checkpoint."
            ) from reason
        if (self.path / CANCEL).exists():
            raise Cancelled

    def progress(self) -> list[Progress]:
        """Read the progress, oldest first; a line in the making is left out.

        Raises TrainingError if a line is damaged.
        """
        if not self.progress_file.exists():
            return []
        said = read_bytes(self.progress_file, TrainingError, limit=_PROGRESS_LIMIT)
        lines = []
        for line in said.decode(errors="replace").split("\n")[:-1]:
            try:
                lines.append(self.read_line(json.loads(line)))
            except (ValueError, TypeError, KeyError, RecursionError) as reason:
                raise TrainingError(
                    f"{self.progress_file} is damaged at {line[:40]!r}; remove that line."
                ) from reason
        return lines

    def write_progress(self, events: Iterable[Progress]) -> None:
        """Write all of the progress anew, if there is any."""
        if self.progress_file.exists():
            text = "".join(map(_line_of, events))
            write_whole(self.progress_file, text, TrainingError, overwrite=True)

    def read_line(self, line: Any) -> Progress:
        """Return what a decoded line tells; ValueError, TypeError or KeyError if it is none."""
        if not isinstance(line, dict):
            raise ValueError(line)
        stage, done, total = (line.pop(name) for name in ("stage", "done", "total"))
        if not (isinstance(stage, str) and isinstance(done, int) and isinstance(total, int)):
            raise ValueError(stage)
        return Progress(stage, done, total, str(line.pop("message", "")), line)

    def remove(self, *names: str) -> None:
        """Remove files if they were made here, and then their folders, where nothing is left."""
        self._remove(sorted(set(names) & set(self._made()), key=names.index))

    def remove_within(self, folder: str) -> None:
        """Remove what was made in a folder within, and the folder, where nothing is left."""
        self._remove([name for name in self._made() if name.startswith(f"{folder}/")])

    def begin_anew(self) -> None:
        """Remove all that the job has made, but for its claim; within `claim`."""
        self._remove([name for name in self._made() if name not in (LOCK, WAITING)])
        self._mark([*COMMON, *OWN[self.kind]])

    def forget(self) -> None:
        """Remove all that the job has made, and the folder, where nothing else is in it.

        Raises TrainingError if the folder is another's, or a process is at work in it.
        """
        if not self.path.is_dir():
            return
        with self.claim():
            self._remove([name for name in self._made() if name != LOCK])
            remove_file(self.path / MARKER)
        remove_file(self.path / LOCK)
        remove_empty(self.path)

    def _remove(self, made: list[str]) -> None:
        folders = set()
        try:
            for name in reversed(made):  # what was asked last: until then it can be gone on with
                place = self.path / name
                if place.parent.is_symlink():  # whatever it leads to is not ours
                    continue
                if place.is_dir() and not place.is_symlink():
                    folders.add(place)
                else:
                    remove_file(place)
                    folders.add(place.parent)
            for folder in folders - {self.path}:
                remove_empty(folder)
        except OSError as reason:
            raise TrainingError(
                f"{reason.filename} cannot be removed ({reason.strerror}); allow it, or choose "
                "another folder."
            ) from reason


def _line_of(event: Progress) -> str:
    """Return some progress as a line of JSON, its details among the rest."""
    message = {"message": event.message} if event.message else {}
    place = {"stage": event.stage, "done": event.done, "total": event.total}
    return json.dumps({**place, **message, **event.details}) + "\n"
