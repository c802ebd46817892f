"""What a fine-tune fits, apart from the recordings it was read from: in memory, or in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError, model_validator

from napari_cortex_decoder.arrays import Bools, Floats
from napari_cortex_decoder.choices import Depth
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import Decoder, Preprocessing, load_decoder, make_decoder
from napari_cortex_decoder.decoder.image_decoder import reads_images
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_json, write_json
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.training.arrays import read_array, write_array
from napari_cortex_decoder.tuning.held_out import HeldOut, Labels, held_out_masks, training_mask

BASE, PREPROCESSING = "work/base.safetensors", "work/preprocessing.json"


class Asked(BaseModel):
    """What a fine-tune is asked to do, but for arrays and the base; see `fine_tune`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_version(cls, said: Any) -> Any:
        """Earlier versions said the device alone."""
        if isinstance(said, dict) and "device" in said:
            said = dict(said)
            said["compute"] = {"device": said.pop("device")}
        return said

    name: str
    depth: Depth
    seed: NonNegativeInt
    compute: Compute
    base: str  # its name
    base_sha256: str
    behaviors: tuple[str, ...]  # of the new decoder
    gap: NonNegativeInt  # frames beside what is held out that are not used at all
    held_out: tuple[tuple[int, int, int], ...]  # recording, start and stop
    recordings: tuple[str, ...]  # their names
    # tell labels, recordings, and the frames of each, apart
    labels_sha256: str
    recordings_sha256: str
    frames_sha256: tuple[str, ...] = ()  # of earlier versions nobody knows what they learned from
    simulated: bool  # whether all recordings are


@dataclass(frozen=True, eq=False)
class AreaTraces:
    """What area decoders can learn from."""

    areas: tuple[str, ...]  # labels; none: the one trace is the mean of the frame
    atlas: str  # whose areas they are
    values: Sequence[Floats]  # by recording, shape (t, areas): as measured
    frame_rate: float  # Hz


@dataclass(frozen=True, eq=False)
class TuneTask:
    """All that a fit needs."""

    asked: Asked
    base: Decoder  # the decoder that is tuned
    start: Decoder  # what is fitted: the base, or the base detrending; see `detrended_base`
    labels: Labels
    # by recording, shape (t, features + 1): see `recording_features`; as `start` reads it
    features: Sequence[NDArray[np.floating]]
    before: Sequence[Floats]  # logits of the base, by held-out block: (frames, n)
    # by recording, shape (t, y, x), normalized; empty but for ``"end-to-end"``
    frames: Sequence[NDArray[np.float16]] = ()
    # of the areas that all recordings show, and of the frame's mean, which is the last column;
    # only for ``"linear"`` and ``"best"``
    traces: AreaTraces | None = None
    # the bundled decoder of areas, where it can read all recordings, and what it reads of each;
    # only for ``"best"``
    area_base: Decoder | None = None
    area_features: Sequence[NDArray[np.floating]] = ()

    @property
    def held_out(self) -> tuple[HeldOut, ...]:
        """What it is measured on."""
        return tuple(HeldOut(*block) for block in self.asked.held_out)

    @property
    def learns(self) -> list[Bools]:
        """Which frames are learned from."""
        return training_mask(self.labels, self.held_out, self.asked.gap)

    @property
    def measured(self) -> list[Bools]:
        """Which frames are measured on."""
        return held_out_masks(self.labels, self.held_out)


def labels_hash(labels: Labels) -> str:
    """Return what differs between any two sets of labels."""
    return hashlib.sha256(b"|".join(values.tobytes() for values in labels)).hexdigest()


def recordings_hash(recordings: Sequence[Recording]) -> str:
    """Return what differs between any two recordings."""
    from napari_cortex_decoder.decoder.cache.recording_cache import fingerprint  # loads torch

    return hashlib.sha256("|".join(map(fingerprint, recordings)).encode()).hexdigest()


def array_name(kind: str, number: int) -> str:
    """Name the array of one recording."""
    return f"work/{kind}-{number}.npy"


def is_saved(folder: RunFolder) -> bool:
    """Return whether a folder holds a whole task."""
    return (folder.path / PREPROCESSING).is_file()


def save_task(folder: RunFolder, task: TuneTask) -> None:
    """Leave a task in a folder in which its frames are already; what says that it is whole last.

    Raises TrainingError or DecoderError if the disk is full.
    """
    arrays: tuple[tuple[str, type, Sequence[NDArray[Any]]], ...] = (
        ("labels", np.int64, task.labels),
        ("features", np.float16, task.features),
        ("before", np.float64, task.before),
    )
    for kind, dtype, values in arrays:
        for number, array in enumerate(values):
            write_array(folder.place(array_name(kind, number)), array.shape, dtype, [array])
    task.base.save(folder.place(BASE))
    read = reads_images(task.start).config.preprocessing.model_dump()
    write_json(folder.place(PREPROCESSING), read, TrainingError)


def read_asked(folder: RunFolder) -> Asked | None:
    """Read what a folder was begun for; None if nothing was. Raises TrainingError if damaged."""
    said = folder.asked()
    if said is None:
        return None
    try:
        return Asked.model_validate(said)
    except ValidationError as reason:
        why = reason.errors(include_url=False, include_input=False)[0]["msg"]
        raise TrainingError(
            f"{folder.config_file} is damaged ({why}); fine-tune in another folder."
        ) from reason


def load_task(folder: RunFolder) -> TuneTask:
    """Read the task that `save_task` left.

    Raises TrainingError or DecoderError if a file is missing or damaged.
    """
    asked = read_asked(folder)
    if asked is None or not is_saved(folder):
        raise TrainingError(f"{folder.path} holds no fine-tune to go on with; begin one anew.")
    saved = load_decoder(folder.path / BASE)
    base = make_decoder(saved.config, saved.network, name=asked.base, hash=asked.base_sha256)
    file = folder.path / PREPROCESSING
    try:
        read = Preprocessing.model_validate(read_json(file, TrainingError))
    except ValidationError as reason:
        raise TrainingError(
            f"{file} is missing or damaged; fine-tune in another folder."
        ) from reason
    config = saved.config.model_copy(update={"preprocessing": read})
    start = base
    if config != saved.config:
        start = make_decoder(config, saved.network, name=base.name, hash=base.hash)
    numbers = range(len(asked.recordings))
    remedy = "fine-tune in another folder"

    def arrays(name: str, of: range, kind: str, dimensions: int) -> list[NDArray[Any]]:
        files = (folder.path / array_name(name, number) for number in of)
        return [read_array(file, kind, dimensions, remedy=remedy) for file in files]

    labels = arrays("labels", numbers, "i", 1)
    features, frames = arrays("features", numbers, "f", 2), arrays("frames", numbers, "f", 3)
    before = arrays("before", range(len(asked.held_out)), "f", 2)
    known = [np.array(values) for values in labels]
    return TuneTask(asked, base, start, known, features, before, frames)
