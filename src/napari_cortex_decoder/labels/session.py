"""Editing the labels of one recording: present state, undo, redo, and the journal behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.history import History
from napari_cortex_decoder.labels.behaviors import Labels
from napari_cortex_decoder.labels.edits import Edit
from napari_cortex_decoder.labels.ethogram import Ethogram
from napari_cortex_decoder.labels.journal import (
    NAME,
    EditLine,
    Header,
    JournalContent,
    JournalWriter,
    StepLine,
    now,
    read_journal,
)

_LOCK = "labels.lock"


class LabelSession:
    """The labels of one recording while somebody edits them.

    Parameters
    ----------
    n_frames
        Length of the recording.
    name
        Of the recording, for the journal.
    folder
        Where the journal is kept, made with the first edit; None keeps nothing, for recordings
        that are in no file.

    Raises
    ------
    LabelError
        If the journal is damaged, or of a recording of another length.

    Attributes
    ----------
    labels
        As they are now.
    notice
        A sentence to show: somebody else is editing, or a crash cut off the last edit. Empty if
        all is well.
    """

    def __init__(self, n_frames: int, name: str, folder: Path | None = None) -> None:
        self.labels = Labels.empty(n_frames)
        self.notice = ""
        self._header = Header(name=name, n_frames=n_frames)
        self._folder = folder
        self._history: History[Labels] = History()
        self._lock: FileLock | None = None
        self._writer: JournalWriter | None = None
        self._locked_out = False
        self._n_lines = 0
        if folder is not None and folder.is_dir():
            self._take_lock(folder)
            try:
                self._replay(self._read(folder))
            except LabelError:
                self.close()
                raise

    @property
    def read_only(self) -> bool:
        """Whether somebody else is editing these labels."""
        return self._locked_out

    @property
    def started(self) -> bool:
        """Whether anything was ever edited here."""
        return self._n_lines > 0

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._history.can_undo and not self.read_only

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return self._history.can_redo and not self.read_only

    def edit(self, edit: Edit, run: str | None = None) -> None:
        """Make an edit; it is in the journal when this returns.

        Parameters
        ----------
        edit
            What to do. One that changes nothing is not kept.
        run
            Edits that follow each other with the same run are undone together.

        Raises
        ------
        LabelError
            If the edit is impossible, the journal cannot be written, or somebody else is editing;
            the labels are as they were.
        """
        if self._locked_out:
            raise LabelError(self.notice)
        after = edit.apply(self.labels)
        if after == self.labels:
            return
        self._append(EditLine(time=now(), edit=edit, run=run))
        self._history.record(self.labels, run)
        self.labels = after

    def undo(self) -> None:
        """Take back the last edit, or the last run of edits, if there is one.

        Raises
        ------
        LabelError
            If the journal cannot be written.
        """
        if self.can_undo:
            self._append(StepLine(kind="undo", time=now()))
            self.labels = self._history.undo(self.labels)

    def redo(self) -> None:
        """Make the edit again that was taken back last, if there is one.

        Raises
        ------
        LabelError
            If the journal cannot be written.
        """
        if self.can_redo:
            self._append(StepLine(kind="redo", time=now()))
            self.labels = self._history.redo(self.labels)

    def reload(self) -> None:
        """Show what whoever edits these labels has made of them since; take over if he is gone.

        Raises
        ------
        LabelError
            If the journal is damaged.
        """
        if self._folder is None or not self.read_only:
            return
        self._take_lock(self._folder)
        self._replay(self._read(self._folder))

    def close(self) -> None:
        """Put everything on the disk, and let others edit."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _take_lock(self, folder: Path) -> None:
        """Become the one who edits; the operating system frees the lock of a process that died."""
        lock = FileLock(folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            self._locked_out = True
            self.notice = (
                "These labels are being edited in another window or program: here they can only "
                "be looked at."
            )
            return
        except OSError as error:
            self._locked_out = True
            self.notice = (
                f"{folder} cannot be written ({error.strerror or error}): the labels can only be "
                "looked at."
            )
            return
        self._lock, self._locked_out, self.notice = lock, False, ""

    def _read(self, folder: Path) -> JournalContent:
        path = folder / NAME
        content = read_journal(path)
        header = content.header
        if header is not None and header.n_frames != self._header.n_frames:
            raise LabelError(
                f"{path} labels a recording of {header.n_frames} frames and this one has "
                f"{self._header.n_frames}; open the recording that was labelled, or move the file "
                "away to start anew."
            )
        if content.torn and self._lock is not None:
            self.notice = (
                f"The last line of {NAME} was cut off by a crash or a full disk and is left out; "
                "all edits before it are here."
            )
        return content

    def _replay(self, content: JournalContent) -> None:
        """Go from nothing to the present state."""
        self._history.clear()
        self.labels = Labels.empty(self._header.n_frames)
        for number, line in enumerate(content.lines, start=2):
            try:
                self._step(line)
            except LabelError as error:
                raise LabelError(f"{self._folder}/{NAME}: line {number}: {error}") from error
        self._n_lines = len(content.lines)

    def _step(self, line: EditLine | StepLine) -> None:
        if isinstance(line, EditLine):
            after = line.edit.apply(self.labels)
            self._history.record(self.labels, line.run)
            self.labels = after
            return
        step: Callable[[Labels], Labels]
        if line.kind == "undo":
            possible, step = self._history.can_undo, self._history.undo
        else:
            possible, step = self._history.can_redo, self._history.redo
        if not possible:
            raise LabelError(f"there is nothing to {line.kind} here.")
        self.labels = step(self.labels)

    def _append(self, line: EditLine | StepLine) -> None:
        if self._folder is not None:
            if self._writer is None:
                self._writer = self._open(self._folder)
            self._writer.append(line)
        self._n_lines += 1

    def _open(self, folder: Path) -> JournalWriter:
        """Begin to write; somebody else may have begun in the meantime."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabelError(
                f"{folder} cannot be made ({error.strerror or error}), so labels would be lost; "
                "make room or get permission to write there."
            ) from error
        if self._lock is None:
            self._take_lock(folder)
            if self._lock is not None and read_journal(folder / NAME).lines:
                self._lock.release()  # what is shown here is not what is there now
                self._lock, self._locked_out = None, True
                self.notice = "These labels were edited elsewhere meanwhile: open them again."
        if self._locked_out:
            raise LabelError(self.notice)
        return JournalWriter(folder / NAME, read_journal(folder / NAME), self._header)


def journal_ethogram(folder: Path) -> Ethogram | None:
    """Give the labels that a recording's journal holds, without editing them.

    Parameters
    ----------
    folder
        The recording's sidecar folder.

    Returns
    -------
    Ethogram or None
        None if nothing was ever labelled.

    Raises
    ------
    LabelError
        If the journal is damaged.
    """
    content = read_journal(folder / NAME)
    if content.header is None:
        return None
    session = LabelSession(content.header.n_frames, content.header.name)
    session._replay(content)
    return session.labels.ethogram
