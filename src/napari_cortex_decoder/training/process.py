"""Training in a process of its own: start it, follow it, stop it; it outlives whoever began it."""

from __future__ import annotations

import sys
from pathlib import Path

from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.runs import RunProcess
from napari_cortex_decoder.training.config import TrainingConfig
from napari_cortex_decoder.training.run_folder import TrainingFolder


class TrainingProcess:
    """A training that another process works on."""

    def __init__(self, folder: TrainingFolder, process: RunProcess) -> None:
        self.folder, self._process = folder, process

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return not self._process.ended

    def progress(self) -> list[Progress]:
        """Return all it has told so far, oldest first.

        Stages are ``reading``, ``frames``, ``encoding``, ``features``, ``windows``, ``scoring``;
        the details of each entry are ``phase`` of ``phases``, ``seconds``, and where there is one
        ``loss``, ``validation_loss``, ``validation_auc``.
        """
        return self.folder.progress()

    def cancel(self) -> None:
        """Stop it; started again, it goes on from its last checkpoint."""
        if not self._process.stop():
            self._process.cancel()

    def wait(self) -> Path:
        """Wait for its end and give the decoder file.

        Raises TrainingError if it ended without one; with its own words.
        """
        self._process.wait()
        return self.folder.decoder_file


def start(
    config: TrainingConfig, cohort: str | Path, out: str | Path, *, compute: Compute = HERE
) -> TrainingProcess:
    """Begin a training, or go on with it, in a process of its own; or join one that is at work.

    Raises TrainingError if the run folder cannot be made, or holds another training.
    """
    folder = TrainingFolder(out)
    if folder.is_at_work:
        if folder.read_config() != config:
            raise TrainingError(
                f"another training is at work in {folder.path}; wait for its end, or choose "
                "another folder."
            )
    else:
        with folder.claim():
            folder.settle(config)
    command = [sys.executable, "-m", "napari_cortex_decoder.cli", "train", str(cohort)]
    command += ["--out", str(folder.path)]
    for name in ("device", "devices", "workers", "threads"):
        if (value := getattr(compute, name)) is not None:
            command += [f"--{name}", str(value)]
    return TrainingProcess(folder, RunProcess(folder, command, waits=False))
