"""What a fine-tune finds on the disk: other labelled recordings, and what was begun before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from napari_cortex_decoder.decoder import Decoder, make_decoder
from napari_cortex_decoder.decoder.library import library_folder
from napari_cortex_decoder.errors import DecoderError, LabelError, TrainingError
from napari_cortex_decoder.files import make_folder
from napari_cortex_decoder.labels import Cleaning, Ethogram
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder, sidecar_folders
from napari_cortex_decoder.sessions import kept_labels
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

    Raises CortexDecoderError if it cannot be read, or has no labels.
    """
    recording = open_recording(path)
    ethogram = None
    if recording.path is not None:
        ethogram = kept_labels(recording.path)
    if ethogram is None:
        raise LabelError(f"{path} has no labels beside it; open it here and label it first.")
    return Other(recording, ethogram)


def save_tuned(new: Decoder, cleaning: Cleaning, path: str | Path | None) -> Path:
    """Write a decoder with the cleaning that was set; return where.

    Without a path it goes among those that are kept, by a name that is free. Raises DecoderError if
    it cannot be written.
    """
    place = Path(path or "")
    if path is None:
        folder = make_folder(library_folder(), DecoderError)
        names = chain([new.name], (f"{new.name}-{n}" for n in count(2)))
        places = (folder / f"{one}.safetensors" for one in names)
        place = next(one for one in places if not one.exists())
    config = new.config.model_copy(update={"cleaning": cleaning})
    make_decoder(config, new.network, name=new.name).save(place, overwrite=path is not None)
    return place


def run_folder(path: Path) -> Path:
    """Return the run folder for what is begun with a recording."""
    return sidecar_folder(path) / _NAME


def find_run(path: Path) -> tuple[FineTuneJob | None, bool]:
    """Look for the last end-to-end run of a recording.

    Raises CortexDecoderError if its folder is damaged. The first is one that is at work or has
    ended by itself; the second whether one was begun and was ended from outside.
    """
    folder = sidecar_folders(path).newest(_NAME)
    if not folder.is_dir():
        return None, False
    run = found_job(folder)
    return run, run is None and is_saved(FineTuneFolder(folder))


def go_on(path: Path) -> FineTuneJob:
    """Go on with a run of a recording that was ended from outside.

    Raises CortexDecoderError if there is none any more, or its folder is damaged.
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
