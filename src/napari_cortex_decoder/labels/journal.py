"""The journal: every edit of a recording's labels, on disk as soon as it is made.

A file of JSON lines. Its first line says what recording it is for; every other one is an edit, an
undo or a redo, so that replaying them gives the labels and all that can be undone. It grows with
each, and is written anew, shorter, when it has grown long: then the first line holds the labels
before the oldest edit that can still be undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.behaviors import Behavior, Labels
from napari_cortex_decoder.labels.edits import Edit
from napari_cortex_decoder.labels.ethogram import Bout, Ethogram
from napari_cortex_decoder.settings import Frozen

NAME = "labels.jsonl"
MAX_LINE = 128 * 2**20
"""Bytes; two million bouts in one edit. A longer line is no edit."""
LONG = 8 * 2**20
"""Bytes from which on a journal is written anew, unless that was done at half of its length."""
DEPTH = 1000
"""How many edits can be undone at least; a journal that was not written anew yet has more."""

_FOLDED = 100_000
"""Edits of a long journal that are held in memory while it is read; earlier ones are applied."""
_TOGETHER = " together"
"""Ends the runs of a journal that was written anew; edits that are being made have other ones."""
_TAKEN = 32
"""How many journals a journal remembers to have taken in."""


class _Line(Frozen):
    def as_bytes(self) -> bytes:
        """Return the line as it stands in the file."""
        return self.model_dump_json().encode() + b"\n"


class Header(_Line):
    """What recording the labels are of, and what they were before the first edit that follows."""

    kind: Literal["recording"] = "recording"
    version: Literal[1, 2] = 1  # 1 has no more than name and length
    name: str
    n_frames: Annotated[int, Field(ge=1)]
    behaviors: tuple[Behavior, ...] = ()
    bouts: tuple[Bout, ...] = ()
    # SHA-256 of other journals of this recording whose labels are in this one
    taken: tuple[str, ...] = ()

    def as_bytes(self) -> bytes:
        """Return the line, without what version 1 does not have."""
        left_out = {"behaviors", "bouts", "taken"} if self.version == 1 else set()
        return self.model_dump_json(exclude=left_out).encode() + b"\n"


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
    """Return the time of a line, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Numbered(NamedTuple):
    """An edit, and the number of its line."""

    number: int
    line: EditLine

    def apply(self, labels: Labels) -> Labels:
        """Return the labels after it."""
        try:
            return self.line.edit.apply(labels)
        except LabelError as error:
            raise LabelError(f"line {self.number}: {error}") from error


@dataclass
class JournalContent:
    """What a journal says."""

    header: Header | None = None  # None for an empty journal
    start: Labels | None = None  # the labels before the first edit of `past`; None without a header
    # what can be undone, the latest last, and what can be redone, the next one last; edits that are
    # undone together stand together
    past: list[list[Numbered]] = field(default_factory=list)
    future: list[list[Numbered]] = field(default_factory=list)
    run: str | None = None  # run of the last edit, if another one of the same run would join it
    last: str = ""  # time of the last line; empty without one
    n_lines: int = 0  # without the header
    whole_bytes: int = 0  # length of the file up to the end of its last whole line
    torn: bool = False  # whether a crash cut off the last line
    digest: str = ""  # SHA-256 of the whole lines; empty without any

    def has(self, other: JournalContent) -> bool:
        """Whether all that another journal says is in this one."""
        return other.header is None or (
            self.header is not None
            and (other.digest == self.digest or other.digest in self.header.taken)
        )

    def take(self, line: EditLine | StepLine) -> None:
        """Go on by one line.

        Raises LabelError if there is nothing to undo or redo, or one of the oldest edits is
        impossible.
        """
        self.n_lines += 1
        self.last = line.time
        if isinstance(line, EditLine):
            numbered = Numbered(self.n_lines + 1, line)
            if line.run is not None and line.run == self.run:
                self.past[-1].append(numbered)
            else:
                self.past.append([numbered])
            self.run = line.run
            self.future.clear()
            if len(self.past) > 2 * _FOLDED:
                self.fold(_FOLDED)
            return
        self.run = None
        source, target = (
            (self.past, self.future) if line.kind == "undo" else (self.future, self.past)
        )
        if not source:
            raise LabelError(f"line {self.n_lines + 1}: there is nothing to {line.kind} here.")
        target.append(source.pop())

    def fold(self, kept: int) -> None:
        """Apply the oldest edits for good: no more than so many can be undone then."""
        done = self.past[: len(self.past) - kept]
        del self.past[: len(done)]
        for group in done:
            self.start = applied(self.start, group)


def applied(labels: Labels | None, group: Iterable[Numbered]) -> Labels:
    """Return labels after edits that are undone together."""
    assert labels is not None  # a journal with edits has a header
    for edit in group:
        labels = edit.apply(labels)
    return labels


def read_journal(path: Path) -> JournalContent:
    """Read a journal of any length; a last line that was cut off is left out and told.

    Raises LabelError if any other line is damaged, or the file cannot be read.
    """
    content = JournalContent()
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                if not line.endswith(b"\n"):
                    if len(line) < MAX_LINE:
                        content.torn = True
                        break
                    raise _damaged(path, number, f"longer than {MAX_LINE >> 20} MiB")
                digest.update(line)
                content.whole_bytes += len(line)
                _take(path, content, number, line)
    except FileNotFoundError:
        return content
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from error
    content.digest = digest.hexdigest() if content.header is not None else ""
    return content


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(MAX_LINE), b"")


def _take(path: Path, content: JournalContent, number: int, text: bytes) -> None:
    try:
        line = _LINE.validate_json(text)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise _damaged(path, number, said) from error
    if isinstance(line, Header):
        if number > 1:
            raise LabelError(
                f"{path}: line {number} says again what recording it is for; it was put together."
            )
        names = tuple(behavior.name for behavior in line.behaviors)
        try:
            content.start = Labels(line.behaviors, Ethogram(names, line.bouts, line.n_frames))
        except LabelError as error:
            raise _damaged(path, number, str(error)) from error
        content.header = line
        return
    if number == 1:
        raise LabelError(f"{path}: the first line does not say what recording it is for.")
    try:
        content.take(line)
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error


def _damaged(path: Path, number: int, said: str) -> LabelError:
    return LabelError(
        f"{path}: line {number} is damaged ({said}); lines before it are whole: repair it, or move "
        "the file away to start anew."
    )


def written_anew(content: JournalContent, taken: Iterable[str]) -> tuple[bytes, int]:
    """Return a short journal that says the same, and how many steps back it still has.

    Of what can be undone the latest edits are kept, at most `DEPTH` and half of `LONG`; `taken` are
    SHA-256 of journals in it.
    """
    assert content.header is not None  # an empty journal is not written
    parts = [_lines_of(group, place) for place, group in enumerate(content.past)]
    if content.run is not None and not content.run.endswith(_TOGETHER):
        parts[-1] = b"".join(edit.line.as_bytes() for edit in content.past[-1])
    kept, size = 0, 0
    for part in reversed(parts[-DEPTH:]):
        size += len(part)
        if kept and size > LONG // 2:
            break
        kept += 1
    content.fold(kept)
    assert content.start is not None
    header = content.header.model_copy(
        update={
            "version": 2,
            "behaviors": content.start.behaviors,
            "bouts": content.start.ethogram.bouts,
            "taken": tuple(dict.fromkeys([*content.header.taken, *taken]))[-_TAKEN:],
        }
    )
    future = [_lines_of(group, -1 - n) for n, group in enumerate(reversed(content.future))]
    undone = StepLine(kind="undo", time=content.last or now()).as_bytes() * len(future)
    lines = [header.as_bytes(), *(parts[-kept:] if kept else []), *future, undone]
    return b"".join(lines), kept


def _lines_of(group: list[Numbered], place: int) -> bytes:
    """Write edits that are undone together, and with none before or after them."""
    run = f"{place}{_TOGETHER}" if len(group) > 1 else None
    lines = (edit.line.model_copy(update={"run": run}) for edit in group)
    return b"".join(line.as_bytes() for line in lines)
