"""Training in a process of its own: start it, follow it, stop it; it outlives a crash of ours."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import write_json
from napari_cortex_decoder.training.config import TrainingConfig
from napari_cortex_decoder.training.run_folder import RunFolder

_LOG = "process.log"


@dataclass(frozen=True)
class TrainingProcess:
    """A run that another process works on.

    Attributes
    ----------
    folder
        Its run folder.
    process
        The process.
    """

    folder: RunFolder
    process: subprocess.Popen[bytes]

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.process.poll() is None

    def progress(self) -> list[dict[str, Any]]:
        """Give all it has told so far, oldest first.

        Each entry has ``stage`` of ``stages``, ``kind`` (``reading``, ``frames``, ``encoding``,
        ``features``, ``windows``, ``scoring``), ``step`` of ``steps``, ``seconds``, and where
        there is one ``loss``, ``validation_loss``, ``validation_auc``.
        """
        return self.folder.progress()

    def cancel(self) -> None:
        """Stop it at once; started again, it goes on from its last checkpoint."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> Path:
        """Wait for its end and give the decoder file.

        Raises
        ------
        TrainingError
            If it ended without one; with its own words.
        """
        code = self.process.wait()
        if code or not self.folder.is_finished:
            said = (self.folder.path / _LOG).read_text(errors="replace").strip().splitlines()
            last = said[-1].removeprefix("cortex-decoder: ") if said else f"exit code {code}"
            raise TrainingError(f"{self.folder.path}: the training ended early: {last}")
        return self.folder.decoder_file


def start(
    config: TrainingConfig, cohort: str | Path, out: str | Path, *, device: str = "auto"
) -> TrainingProcess:
    """Begin a training run, or go on with it, in a process of its own.

    Parameters
    ----------
    config, cohort, out
        As for `run.train`; the cohort is a CSV.
    device
        As for ``cortex-decoder train``.

    Raises
    ------
    TrainingError
        If the run folder cannot be made.
    """
    folder = RunFolder(out)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        log = (folder.path / _LOG).open("wb")
    except OSError as reason:
        raise TrainingError(
            f"{folder.path} cannot be made or written to ({reason.strerror}); choose another "
            "folder."
        ) from reason
    asked = folder.path / "asked.json"
    write_json(asked, config.model_dump(mode="json"), TrainingError)
    command = [sys.executable, "-m", "napari_cortex_decoder.cli", "train", str(cohort)]
    command += ["--config", str(asked), "--out", str(folder.path), "--device", device]
    with log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    return TrainingProcess(folder, process)
