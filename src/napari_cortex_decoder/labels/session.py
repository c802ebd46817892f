"""Editing the labels of one recording: present state, undo, redo, and the journal behind them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.files import begins, write_whole
from napari_cortex_decoder.history import History
from napari_cortex_decoder.labels.behaviors import Labels
from napari_cortex_decoder.labels.editor_lock import EditorLock
from napari_cortex_decoder.labels.edits import Edit
from napari_cortex_decoder.labels.ethogram import Ethogram
from napari_cortex_decoder.labels.journal import (
    DEPTH,
    LONG,
    NAME,
    EditLine,
    Header,
    JournalContent,
    StepLine,
    applied,
    now,
    read_journal,
    written_anew,
)
from napari_cortex_decoder.labels.journal_writer import JournalWriter
from napari_cortex_decoder.labels.places import brought_together, labels_of, read_fitting


class LabelSession:
    """The labels of one recording while somebody edits them, in `labels`.

    `notice` is a sentence to show: somebody else is editing, a crash cut off the last edit, or the
    labels are not where they should be; empty if all is well. The journal is kept in `folder`, made
    with the first edit; None keeps nothing, for recordings that are in no file. Labels may lie in
    `other`, too, from when the journal was kept there: they are shown, and go into the journal with
    the first edit. `away`: `folder` is only where labels go while they cannot be kept in `other`;
    the user is told so. Raises LabelError if the journal is damaged, or of a recording of another
    length.
    """

    def __init__(
        self,
        n_frames: int,
        name: str,
        folder: Path | None = None,
        other: Path | None = None,
        *,
        away: bool = False,
    ) -> None:
        self.labels = Labels.empty(n_frames)
        self.notice = ""
        self._header = Header(name=name, n_frames=n_frames)
        self._folder, self._other, self._away = folder, other, away
        self._history: History[Labels] = History(DEPTH)
        self._lock: EditorLock | None = None
        self._writer: JournalWriter | None = None
        self._locked_out = False
        self._digest = ""
        self._long = LONG
        # what is to be written before the first edit, because it lies elsewhere until then
        self._brought: JournalContent | None = None
        self._taken: list[str] = []
        if folder is not None:
            if folder.is_dir():
                self._take_lock(folder)
            try:
                self._show(folder)
            except LabelError:
                self.close()
                raise

    @property
    def read_only(self) -> bool:
        """Whether somebody else is editing these labels."""
        return self._locked_out

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._history.can_undo and not self.read_only

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return self._history.can_redo and not self.read_only

    def edit(self, edit: Edit, run: str | None = None) -> None:
        """Make an edit; it is in the journal when this returns, unless it changes nothing.

        Edits that follow each other with the same `run` are undone together. Raises LabelError if
        the edit is impossible, the journal cannot be written, or somebody else is editing; the
        labels are as they were.
        """
        if self._locked_out:
            raise LabelError(self.notice)
        after = edit.apply(self.labels)
        if after == self.labels:
            return
        self._append(EditLine(time=now(), edit=edit, run=run))
        self._history.record(self.labels, run)
        self.labels = after
        self._shorten()

    def undo(self) -> None:
        """Take back the last edit, or the last run of edits, if there is one.

        Raises LabelError if the journal cannot be written.
        """
        if self.can_undo:
            self._append(StepLine(kind="undo", time=now()))
            self.labels = self._history.undo(self.labels)
            self._shorten()

    def redo(self) -> None:
        """Make the edit again that was taken back last, if there is one.

        Raises LabelError if the journal cannot be written.
        """
        if self.can_redo:
            self._append(StepLine(kind="redo", time=now()))
            self.labels = self._history.redo(self.labels)
            self._shorten()

    def reload(self) -> None:
        """Show what whoever edits these labels has made of them since; take over if he is gone.

        Raises LabelError if the journal is damaged.
        """
        if self._folder is None or not self.read_only:
            return
        self.close()
        self._take_lock(self._folder)
        self._show(self._folder)

    def close(self) -> None:
        """Put everything on the disk, and let others edit."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _take_lock(self, folder: Path) -> None:
        """Become the one who edits, or else only look."""
        try:
            self._lock = EditorLock(folder)
        except LabelError as error:
            self._lock_out(str(error))
        else:
            self._locked_out, self.notice = False, ""

    def _lock_out(self, reason: str) -> None:
        self._locked_out, self.notice = True, reason
        self.close()

    def _show(self, folder: Path) -> None:
        """Read what there is, and go to its present state."""
        n_frames = self._header.n_frames
        mine = read_fitting(folder, n_frames)
        self._digest = mine.digest
        content, taken, both = brought_together(mine, read_fitting(self._other, n_frames))
        self._brought, self._taken = (content if taken else None), taken
        if self._lock is not None and mine.torn:
            self.notice = (
                f"The last line of {NAME} was cut off by a crash or a full disk and is left out; "
                "all edits before it are here."
            )
        elif both and not self._locked_out:
            self.notice = (
                f"Labels were edited in {self._other} and in {folder}: the newer ones are shown, "
                "undo shows the others."
            )
        elif mine.header is not None and not self._locked_out:
            self._tell_place()
        try:
            self._replay(content)
        except LabelError as error:
            where = self._other if content is not mine else folder
            raise LabelError(f"{where}/{NAME}: {error}") from error

    def _tell_place(self) -> None:
        if self._away:
            self.notice = (
                f"{self._other} cannot be written: the labels are kept in {self._folder} until it "
                "can."
            )

    def _replay(self, content: JournalContent) -> None:
        """Go from nothing to the present state."""
        self._history.clear()
        if content.start is None:
            self.labels = Labels.empty(self._header.n_frames)
            return
        self.labels = content.start
        groups = [*content.past, *reversed(content.future)]
        for place, group in enumerate(groups, start=1):
            self._history.record(self.labels, content.run if place == len(groups) else None)
            self.labels = applied(self.labels, group)
        for _ in content.future:
            self.labels = self._history.undo(self.labels)

    def _append(self, line: EditLine | StepLine) -> None:
        if self._folder is not None:
            if self._lock is not None:
                try:
                    self._lock.keep()
                except LabelError as error:
                    self._lock_out(str(error))
                    raise
            if self._writer is None:
                self._writer = self._open(self._folder)
            self._writer.append(line)

    def _open(self, folder: Path) -> JournalWriter:
        """Begin to write; somebody else may have begun in the meantime."""
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabelError(
                f"{folder} cannot be made ({error.strerror or error}), so labels would be lost; "
                "make room or get permission to write there."
            ) from error
        if self._lock is None:
            self._take_lock(folder)
        content = read_journal(path)
        if self._lock is not None and content.digest != self._digest:
            self._lock_out("These labels were edited elsewhere meanwhile: open them again.")
        if self._locked_out:
            raise LabelError(self.notice)
        if self._brought is not None:
            self._write_anew(path, self._brought)
            self._brought, self._taken = None, []
            content = read_journal(path)
        self._tell_place()
        return JournalWriter(path, content, self._header)

    def _shorten(self) -> None:
        """Write a journal anew that has grown long."""
        if self._folder is None or self._writer is None or self._writer.size < self._long:
            return
        path, size = self._folder / NAME, self._writer.size
        self._writer.close()
        self._writer = None
        content = read_journal(path)
        self._digest = content.digest
        with suppress(LabelError):  # a full disk: the edit is safe in the long journal
            size = self._write_anew(path, content)
        self._long = max(LONG, 2 * size)

    def _write_anew(self, path: Path, content: JournalContent) -> int:
        text, steps_back = written_anew(content, self._taken)
        write_whole(path, text, LabelError, kind=begins("{"))
        self._digest = hashlib.sha256(text).hexdigest()
        self._history.forget(beyond=steps_back)
        return len(text)


def journal_ethogram(folder: Path, other: Path | None = None) -> Ethogram | None:
    """Return the labels that the journals in one or two folders hold, without editing them.

    None if nothing was ever labelled. Raises LabelError if a journal is damaged.
    """
    content, _, _ = brought_together(read_fitting(folder), read_fitting(other))
    labels = labels_of(content)
    return None if labels is None else labels.ethogram
