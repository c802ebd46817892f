"""The journal: every edit of a recording's labels, on disk as soon as it is made.

A file of JSON lines that only grows. Its first line says what recording it is for; every other one
is an edit, an undo or a redo, so that replaying them gives the labels and all that can be undone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.edits import Edit

NAME = "labels.jsonl"
MAX_BYTES = 256 * 2**20
"""A million edits; a file beyond that is no journal."""

_SYNC_WITHIN = 0.3
"""Seconds until what was written is also safe from a power failure."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Header(_Line):
    """What recording the labels are of."""

    kind: Literal["recording"] = "recording"
    version: Literal[1] = 1
    name: str
    n_frames: Annotated[int, Field(ge=1)]


class EditLine(_Line):
    """One edit; edits of one `run` are undone together."""

    kind: Literal["edit"] = "edit"
    time: str
    edit: Edit
    run: str | None = None


class StepLine(_Line):
    """Back to the state before the last edit, or forth again."""

    kind: Literal["undo", "redo"]
    time: str


_LINE: TypeAdapter[Header | EditLine | StepLine] = TypeAdapter(
    Annotated[Header | EditLine | StepLine, Field(discriminator="kind")]
)


def now() -> str:
    """Give the time of a line, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class JournalContent(BaseModel):
    """What a journal says.

    Attributes
    ----------
    header
        None for an empty journal.
    lines
        In the order in which they were made.
    whole_bytes
        Length of the file up to the end of its last whole line.
    torn
        What the last line holds, if a crash cut it off; else empty.
    """

    header: Header | None
    lines: tuple[EditLine | StepLine, ...]
    whole_bytes: int
    torn: bytes


def read_journal(path: Path) -> JournalContent:
    """Read a journal; a last line that was cut off is left out and told.

    Raises
    ------
    LabelError
        If any other line is damaged, or the file cannot be read.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from error
    if content is None:
        raise LabelError(f"{path} is larger than {MAX_BYTES >> 20} MiB, which no journal is.")
    whole, newline, torn = content.rpartition(b"\n")
    lines = list(_parsed(path, whole)) if newline else []
    header = lines.pop(0) if lines else None
    if header is not None and not isinstance(header, Header):
        raise LabelError(f"{path}: the first line does not say what recording it is for.")
    steps = tuple(line for line in lines if not isinstance(line, Header))
    if len(steps) != len(lines):
        raise LabelError(f"{path}: two lines say what recording it is for; it was put together.")
    return JournalContent(
        header=header, lines=steps, whole_bytes=len(whole) + len(newline), torn=torn
    )


def _parsed(path: Path, content: bytes) -> Iterator[Header | EditLine | StepLine]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            yield _LINE.validate_json(line)
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise LabelError(
                f"{path}: line {number} is damaged ({said}); lines before it are whole: repair it, "
                "or move the file away to start anew."
            ) from error


class JournalWriter:
    """Appends to a journal.

    A line is with the operating system when `append` returns, so that a killed program loses
    nothing; a thread of its own sees to it that it is on the disk a moment later, so that waiting
    for the disk holds up nobody.

    Parameters
    ----------
    path
        The journal; a last line that was cut off is taken away.
    content
        What `read_journal` found there.
    header
        Written first into a new journal.

    Raises
    ------
    LabelError
        If the file cannot be written.
    """

    def __init__(self, path: Path, content: JournalContent, header: Header) -> None:
        self._path = path
        try:
            self._file: BinaryIO = path.open("ab", buffering=0)
            self._file.truncate(content.whole_bytes)
        except OSError as error:
            raise self._refusal(error) from error
        self._failure: OSError | None = None
        self._due = threading.Event()
        self._ended = threading.Event()
        self._sync = threading.Thread(target=self._keep_synced, name="labels", daemon=True)
        self._sync.start()
        if content.header is None:
            self.append(header)

    def append(self, line: Header | EditLine | StepLine) -> None:
        """Write one line.

        Raises
        ------
        LabelError
            If it, or one before it, could not be written: the edit must not be made then.
        """
        data = line.model_dump_json().encode() + b"\n"
        start = os.fstat(self._file.fileno()).st_size
        try:
            if self._failure is not None:
                raise self._failure
            if self._file.write(data) != len(data):
                self._file.truncate(start)
                raise OSError("the disk is full")
        except OSError as error:
            raise self._refusal(error) from error
        self._due.set()

    def close(self) -> None:
        """Wait until all is on the disk, and close the file."""
        self._ended.set()
        self._due.set()
        self._sync.join()
        self._file.close()

    def _keep_synced(self) -> None:
        while True:
            self._due.wait()
            ended = self._ended.wait(_SYNC_WITHIN)
            self._due.clear()
            try:
                os.fsync(self._file.fileno())
            except OSError as error:  # told with the next edit
                self._failure = error
            if ended:
                return

    def _refusal(self, error: OSError) -> LabelError:
        return LabelError(
            f"{self._path} cannot be written ({error.strerror or error}), so labels would be lost; "
            "make room or get permission to write there."
        )
