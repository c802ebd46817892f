"""The files of the section *Atlas*: read and written in threads."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Atlas, Registration
from napari_cortex_decoder.atlas.guess import guess_registration
from napari_cortex_decoder.atlas.importers.transforms import read_mesonet, read_wfield
from napari_cortex_decoder.atlas.registration_file import load_registration
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.recording import Recording, sidecar_folder
from napari_cortex_decoder.sessions.opening import REGISTRATION
from napari_cortex_decoder.sessions.placing import mean_image

_SET_ASIDE = "registration.unreadable.json"
_MESONET = (".txt", ".h5", ".mat")
_WFIELD = "landmarks.json"

_WRITING = threading.Lock()
_newest: dict[Path, int] = {}
"""Number of the newest registration that was written to a file: threads may overtake."""


def guess(
    recording: Recording, mean: NDArray[np.float32] | None, atlas: Atlas
) -> tuple[NDArray[np.float32], Registration]:
    """Return a recording's mean image, made if need be, and where the brain lies on it."""
    if mean is None:
        mean = mean_image(recording)
    return mean, guess_registration(mean, pixel_size=recording.pixel_size, atlas=atlas)


def read_placing(path: str | Path, recording: Recording, atlas: Atlas) -> Registration:
    """Read a registration of this program, of wfield, or of MesoNet, told by its name.

    A file ``…landmarks.json`` is wfield's; ``.txt``, ``.h5`` and ``.mat`` are MesoNet's and
    mesoscaler's, which do not say how large the movie is; any other is this program's.
    """
    path = Path(path)
    if path.suffix.lower() in _MESONET:
        return read_mesonet(path, recording.shape, atlas)
    if path.name.lower().endswith(_WFIELD):
        return read_wfield(path, atlas)
    return load_registration(path)


def keep_registration(
    registration: Registration, recording_path: Path, number: int, set_aside: bool
) -> None:
    """Keep a registration beside its recording.

    `number` counts up: one that a newer registration has overtaken is not written. `set_aside`: the
    file that is there could not be read, and is kept under another name.
    """
    kept = sidecar_folder(recording_path) / REGISTRATION
    with _WRITING:
        if number < _newest.get(kept, 0):
            return
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            if set_aside and kept.exists():
                kept.replace(kept.with_name(_SET_ASIDE))
        except OSError as error:
            raise AtlasError(
                f"{kept}: the registration cannot be kept ({error.strerror}); make room or get "
                "permission to write there."
            ) from error
        registration.save(kept)
        _newest[kept] = number
