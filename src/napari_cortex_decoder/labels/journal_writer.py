"""Appending to a journal of labels: each line is safe when its edit is shown."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO

from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels.journal import (
    MAX_LINE,
    EditLine,
    Header,
    JournalContent,
    StepLine,
)

_SYNC_WITHIN = 0.3
"""Seconds until what was written is also safe from a power failure."""


class JournalWriter:
    """Appends to a journal.

    A line is with the operating system when `append` returns, so that a killed program loses
    nothing; a thread of its own sees to it that it is on the disk a moment later, so that waiting
    for the disk holds up nobody. Raises LabelError if the file cannot be written; no file and no
    thread is left open then.
    """

    def __init__(self, path: Path, content: JournalContent, header: Header) -> None:
        self._path = path
        self._failure: OSError | None = None
        self._due = threading.Event()
        self._ended = threading.Event()
        try:
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            self._file.truncate(content.whole_bytes)
            self.size = content.whole_bytes
            if content.header is None:
                self.append(header)
        except OSError as error:
            self._file.close()
            raise self._refusal(error) from error
        except LabelError:
            self._file.close()
            raise
        self._sync = threading.Thread(target=self._keep_synced, name="labels", daemon=True)
        self._sync.start()

    def append(self, line: Header | EditLine | StepLine) -> None:
        """Write one line.

        Raises LabelError if it, or one before it, could not be written, or somebody else has
        changed the journal: the edit must not be made then.
        """
        data = line.as_bytes()
        if len(data) > MAX_LINE:
            raise LabelError(f"{self._path}: the edit has too many bouts; make it in parts.")
        try:
            if self._failure is not None:
                raise self._failure
            self._check_place()
            if self._file.write(data) != len(data):
                raise OSError("the disk is full")
        except OSError as error:
            self._take_back()
            raise self._refusal(error) from error
        self.size += len(data)
        self._due.set()

    def close(self) -> None:
        """Wait until all is on the disk, and close the file."""
        self._ended.set()
        self._due.set()
        self._sync.join()
        self._file.close()

    def _check_place(self) -> None:
        """Refuse to write where nobody would find it, or after somebody else."""
        own = os.fstat(self._file.fileno())
        try:
            moved = not os.path.samestat(own, self._path.stat())
        except FileNotFoundError:
            moved = True
        if moved:
            raise LabelError(
                f"{self._path} was moved, deleted or replaced while its labels were edited; save "
                "the labels to a file, then open the recording again."
            )
        if own.st_size != self.size:
            raise LabelError(
                f"{self._path} was changed by another program while its labels were edited; save "
                "the labels to a file, then open the recording again."
            )

    def _take_back(self) -> None:
        """Leave no half line behind, or else write nothing after it."""
        try:
            if os.fstat(self._file.fileno()).st_size > self.size:
                self._file.truncate(self.size)
        except OSError as error:
            self._failure = error

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
