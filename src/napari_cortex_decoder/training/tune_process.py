"""A fine-tune in a process of its own: it outlives whoever began it, and goes on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.errors import CortexDecoderError, TrainingError
from napari_cortex_decoder.files import read_bytes, read_json, write_json
from napari_cortex_decoder.training.tune_progress import Epoch, TuneProgress
from napari_cortex_decoder.training.tune_result import FineTuneResult
from napari_cortex_decoder.training.tune_task import BASE, load_task

_LOCK, _LOG, _CANCEL = ".lock", "process.log", "cancel"
_BETWEEN_LINES = 0.2  # s between two lines that tell of steps alone
_LOOK_EVERY = 0.2  # s
_PATIENCE = 5.0  # s; whoever looks whether a trainer is at work holds its lock for a moment
_TIED = "--tied"
_OWN_WORDS = "cortex-decoder: "  # in front of a sentence for the user


class TuneFolder:
    """The run folder of one fine-tune.

    ``asked.json``, ``base.safetensors`` and arrays say what to do; ``progress.jsonl``,
    ``checkpoint.pt``, ``result.json`` and ``decoder.safetensors`` how far it is.

    Parameters
    ----------
    path
        The folder; need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.progress_file = self.path / "progress.jsonl"
        self.result_file = self.path / "result.json"
        self.decoder_file = self.path / "decoder.safetensors"
        self.checkpoint = self.path / "checkpoint.pt"

    def make(self) -> None:
        """Make the folder.

        Raises
        ------
        TrainingError
            If it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be made ({error.strerror}); choose another folder."
            ) from error

    @property
    def is_finished(self) -> bool:
        """Whether there is a result."""
        return self.result_file.is_file()

    @property
    def is_at_work(self) -> bool:
        """Whether a process is fitting there."""
        if not self.path.is_dir():
            return False
        try:
            with FileLock(self.path / _LOCK, timeout=0):
                return False
        except Timeout:
            return True

    def progress(self) -> tuple[TuneProgress, ...]:
        """Read all that was told, oldest first; a line in the making is left out."""
        if not self.progress_file.exists():
            return ()
        text = read_bytes(self.progress_file, TrainingError).decode(errors="replace")
        told = []
        for line in text.split("\n")[:-1]:
            try:
                said = json.loads(line)
                epoch = said.pop("epoch")
                told.append(TuneProgress(**said, epoch=None if epoch is None else Epoch(**epoch)))
            except (ValueError, TypeError, KeyError) as reason:
                raise TrainingError(
                    f"{self.progress_file} is damaged at {line[:40]!r}; delete its folder."
                ) from reason
        return tuple(told)

    def tell(self, event: TuneProgress) -> None:
        """Append to the progress.

        Raises
        ------
        TrainingError
            If the disk is full.
        """
        epoch = None if event.epoch is None else vars(event.epoch)
        try:
            with self.progress_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**vars(event), "epoch": epoch}) + "\n")
        except OSError as error:
            raise TrainingError(
                f"{self.progress_file} cannot be written ({error.strerror}); make room."
            ) from error

    def keep(self, result: FineTuneResult) -> None:
        """Leave decoder and result; the result last, as it says that all is there."""
        result.decoder.save(self.decoder_file)
        said = {"name": result.decoder.name, **result.as_dict()}
        write_json(self.result_file, said, TrainingError)

    def result(self) -> FineTuneResult:
        """Read the result.

        Raises
        ------
        TrainingError, DecoderError
            If there is none, or it is damaged.
        """
        said: Any = read_json(self.result_file, TrainingError)
        decoder = load_decoder(self.decoder_file)
        return FineTuneResult.from_dict(decoder, said, str(self.result_file))

    def forget_work(self) -> None:
        """Remove what only the fit needed."""
        for file in (*self.path.glob("*-*.npy"), self.path / BASE, self.checkpoint):
            file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Leave no trace."""
        shutil.rmtree(self.path, ignore_errors=True)


class TuneProcess:
    """A fine-tune that another process works on, begun here or found.

    Parameters
    ----------
    folder
        Its run folder, with a task in it.
    tied
        Whether the process ends with the one that began it, however that ends, and takes the
        folder along: for results that nobody else could find.
    """

    def __init__(self, folder: TuneFolder, *, tied: bool = False) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        if not folder.is_finished and not folder.is_at_work:
            (folder.path / _CANCEL).unlink(missing_ok=True)
            with (folder.path / _LOG).open("wb") as log:
                command = [sys.executable, "-m", __name__, str(folder.path)]
                self._process = subprocess.Popen(
                    [*command, _TIED] if tied else command,
                    stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    @property
    def ended(self) -> bool:
        """Whether nobody works on it any more."""
        if self._process is not None:
            return self._process.poll() is not None
        return not self.folder.is_at_work

    def progress(self) -> tuple[TuneProgress, ...]:
        """Give all that was told so far, oldest first."""
        return self.folder.progress()

    def cancel(self) -> None:
        """End it after its present step; the best so far is the result."""
        (self.folder.path / _CANCEL).touch()

    def kill(self) -> None:
        """End it at once; it can be gone on with."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def result(self) -> FineTuneResult:
        """Give the result, once it has `ended`.

        Raises
        ------
        CutShort
            If it was ended from outside.
        TrainingError
            If it ended without one otherwise; with its own words.
        """
        if self.folder.is_finished:
            return self.folder.result()
        log = self.folder.path / _LOG
        said = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        if said and said[-1].startswith(_OWN_WORDS):
            raise TrainingError(said[-1].removeprefix(_OWN_WORDS))
        code = None if self._process is None else self._process.returncode
        if code is not None and code > 0:  # a signal's is negative
            why = said[-1] if said else f"exit code {code}"
            raise TrainingError(f"the fine-tune in {self.folder.path} failed ({why}); see {log}.")
        raise CutShort(
            f"the fine-tune in {self.folder.path} was ended from outside; fine-tune again, and it "
            "goes on from its last epoch."
        )


class CutShort(TrainingError):
    """A fine-tune was ended from outside, and can be gone on with."""


class Left(Exception):
    """Raised where nobody waits for the end of a fine-tune any more."""


def follow(
    run: TuneProcess,
    tell: Callable[[TuneProgress], None],
    cancelled: Callable[[], bool],
    left: Callable[[], bool],
) -> FineTuneResult:
    """Wait for the end of a fine-tune.

    Raises
    ------
    TrainingError
        If it ended without a result.
    Left
        If `left` says that nobody waits any more; the process goes on.
    """
    told = 0
    try:
        while True:
            ended = run.ended
            events = run.progress()
            for event in events[told:]:
                tell(event)
            told = len(events)
            if ended:
                return run.result()
            if left():
                raise Left
            if cancelled():
                run.cancel()
            time.sleep(_LOOK_EVERY)
    except (KeyboardInterrupt, SystemExit):
        run.kill()
        raise


def main(folder: TuneFolder) -> None:
    """Fit what a folder asks for; the work of the process."""
    with FileLock(folder.path / _LOCK, timeout=_PATIENCE):
        if folder.is_finished:
            return
        from napari_cortex_decoder.training.tune_fit import fit_task  # takes seconds

        last = -1.0

        def tell(event: TuneProgress) -> None:
            nonlocal last
            if event.epoch is not None or time.monotonic() - last >= _BETWEEN_LINES:
                last = time.monotonic()
                folder.tell(event)

        cancel = folder.path / _CANCEL
        result = fit_task(load_task(folder.path), tell, cancel.exists, folder.checkpoint)
        folder.keep(result)
        folder.forget_work()


def _end_with_parent(folder: TuneFolder) -> None:
    """Wait for the end of whoever began this, which closes the pipe between the two."""
    sys.stdin.buffer.read()
    folder.forget()
    os._exit(1)


if __name__ == "__main__":
    place = TuneFolder(sys.argv[1])
    if _TIED in sys.argv:
        threading.Thread(target=_end_with_parent, args=(place,), daemon=True).start()
    try:
        main(place)
    except (CortexDecoderError, Timeout) as error:
        sys.exit(f"{_OWN_WORDS}{error}")
