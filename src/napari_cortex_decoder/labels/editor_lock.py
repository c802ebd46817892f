"""One program at a time edits the labels in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from napari_cortex_decoder.errors import LabelError

_NAME = "labels.lock"


class EditorLock:
    """Held by whoever edits; the operating system frees that of a process that died.

    Raises LabelError if somebody else holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._lock, self._file = _taken(self._path)

    def keep(self) -> None:
        """Take it anew if its file was deleted, for nobody else would see it then.

        Raises LabelError if somebody else was quicker.
        """
        try:
            if os.path.samestat(self._path.stat(), self._file):
                return
        except FileNotFoundError:
            pass  # it is made again
        lost = self._lock
        self._lock, self._file = _taken(self._path)
        lost.release()

    def release(self) -> None:
        """Let others edit."""
        self._lock.release()


def _taken(path: Path) -> tuple[FileLock, os.stat_result]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
        return lock, path.stat()
    except Timeout as error:
        raise LabelError(
            "These labels are being edited in another window or program: here they can only be "
            "looked at."
        ) from error
    except OSError as error:
        raise LabelError(
            f"{path.parent} cannot be written ({error.strerror or error}): the labels can only be "
            "looked at."
        ) from error
