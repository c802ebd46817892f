"""A job in a process of its own: it goes on after a kill, and anybody may wait for its end."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence

from filelock import FileLock, Timeout

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import remove_file, remove_whole
from napari_cortex_decoder.runs.folder import RunFolder
from napari_cortex_decoder.runs.marker import CANCEL, LOG, WAITING

OWN_WORDS = "cortex-decoder: "
"""In front of the sentence with which a process ends that cannot do what it was asked."""

LOOK_EVERY = 0.2  # s
_ALONE = 10  # looks in a row that find nobody waiting; between two who wait there is a moment


class CutShort(TrainingError):
    """A job was ended from outside, and can be gone on with."""


class RunProcess:
    """A job that a process of its own works on, begun here or found at work.

    `command` begins it, or goes on with it; it is not used where a process is at work already, or
    the job is finished. Who `waits` for the end is waited with: a process that is told so (see
    `end_when_nobody_waits`) ends when nobody does any more, however they ended.
    """

    def __init__(self, folder: RunFolder, command: Sequence[str], *, waits: bool) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        waits = waits and not folder.is_finished  # that may lie where nothing can be written now
        self._waiting = FileLock(folder.path / WAITING, thread_local=False) if waits else None
        try:
            self._wait_here()
            if folder.is_finished or folder.is_at_work:
                return
            remove_file(folder.path / CANCEL)
            with (folder.path / LOG).open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for whoever waits
                )
        except OSError as reason:
            self.leave()
            raise TrainingError(
                f"{folder.path} cannot be worked in ({reason.strerror}); make room or choose "
                "another folder."
            ) from reason

    @property
    def ended(self) -> bool:
        """Whether nobody works on it any more."""
        self._wait_here()
        if self._process is not None:
            return self._process.poll() is not None
        return not self.folder.is_at_work

    def cancel(self) -> None:
        """End it after its present step; what it keeps then is its own affair."""
        (self.folder.path / CANCEL).touch()

    def stop(self) -> bool:
        """End it at once if it was begun here, which is told; it can be gone on with."""
        self.leave()
        if self._process is None:
            return False
        self._process.kill()
        self._process.wait()
        return True

    def leave(self) -> None:
        """Wait for it no more."""
        if self._waiting is not None:
            self._waiting.release()
            self._waiting = None

    def wait(self) -> None:
        """Wait for its end.

        Raises CutShort if it was ended from outside; TrainingError if it ended without a result
        otherwise; with its own words.
        """
        while not self.ended:
            time.sleep(LOOK_EVERY)
        self.check()

    def check(self) -> None:
        """Refuse a job that has `ended` without a result, as `wait` does."""
        self.leave()
        if self.folder.is_finished:
            return
        log = self.folder.path / LOG
        said = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        if said and said[-1].startswith(OWN_WORDS):
            raise TrainingError(said[-1].removeprefix(OWN_WORDS))
        kind, where = self.folder.kind, self.folder.path
        code = None if self._process is None else self._process.returncode
        if code is not None and 0 < code < 128:  # a signal's is negative, or above
            why = said[-1] if said else f"exit code {code}"
            raise TrainingError(f"the {kind} in {where} failed ({why}); see {log}.")
        raise CutShort(
            f"the {kind} in {where} was ended from outside; ask for the same again, and it goes on "
            "from where it was."
        )

    def _wait_here(self) -> None:
        """Say that somebody waits, unless somebody else says so already."""
        if self._waiting is not None and not self._waiting.is_locked and self.folder.path.is_dir():
            try:
                self._waiting.acquire(timeout=0)
            except Timeout:
                return


def end_when_nobody_waits(folder: RunFolder, *, forget: bool) -> None:
    """End this process when nobody waits for its job any more.

    `forget`: remove its folder then, for nobody else could find it.
    """

    def watch() -> None:
        alone = 0
        while alone < _ALONE and folder.path.is_dir():
            time.sleep(LOOK_EVERY)
            try:
                with FileLock(folder.path / WAITING, timeout=0):
                    alone += 1
            except Timeout:
                alone = 0
        if forget:  # made for this job alone, by a name that nobody else has
            remove_whole(folder.path)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
