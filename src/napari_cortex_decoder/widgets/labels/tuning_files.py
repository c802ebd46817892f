"""What a fine-tune finds on the disk: other labelled recordings, and what was begun before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_cortex_decoder.errors import LabelError, TrainingError
from napari_cortex_decoder.labels import Ethogram, journal_ethogram
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder, sidecar_folders
from napari_cortex_decoder.tuning.fine_tune import found_job
from napari_cortex_decoder.tuning.folder import FineTuneFolder
from napari_cortex_decoder.tuning.job import FineTuneJob
from napari_cortex_decoder.tuning.task import is_saved

_NAME = "fine-tune"


@dataclass(frozen=True, eq=False)
class Other:
    """One more labelled recording to learn from."""

    recording: Recording
    ethogram: Ethogram


def open_labelled(path: str | Path) -> Other:
    """Open a recording with the labels that are kept beside it.

    Raises
    ------
    CortexDecoderError
        If it cannot be read, or has no labels.
    """
    recording = open_recording(path)
    ethogram = None
    if recording.path is not None:
        kept = sidecar_folders(recording.path)
        ethogram = journal_ethogram(kept.folder, kept.other)
    if ethogram is None:
        raise LabelError(f"{path} has no labels beside it; open it here and label it first.")
    return Other(recording, ethogram)


def run_folder(path: Path) -> Path:
    """Return the run folder for what is begun with a recording."""
    return sidecar_folder(path) / _NAME


def find_run(path: Path) -> tuple[FineTuneJob | None, bool]:
    """Look for the last end-to-end run of a recording.

    Returns
    -------
    run
        One that is at work or has ended by itself; else None.
    cut_short
        Whether one was begun and was ended from outside.

    Raises
    ------
    CortexDecoderError
        If its folder is damaged.
    """
    folder = sidecar_folders(path).newest(_NAME)
    if not folder.is_dir():
        return None, False
    run = found_job(folder)
    return run, run is None and is_saved(FineTuneFolder(folder))


def go_on(path: Path) -> FineTuneJob:
    """Go on with a run of a recording that was ended from outside.

    Raises
    ------
    CortexDecoderError
        If there is none any more, or its folder is damaged.
    """
    folder = sidecar_folders(path).newest(_NAME)
    run = found_job(folder, go_on=True)
    if run is None:
        raise TrainingError(f"{folder} holds no fine-tune any more; fine-tune anew.")
    return run


def forget_run(path: Path) -> None:
    """Leave nothing of the runs of a recording behind."""
    for folder in sidecar_folders(path).kept(_NAME):
        FineTuneFolder(folder).forget()
