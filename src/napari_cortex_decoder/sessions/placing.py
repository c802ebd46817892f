"""An atlas that was placed on one session of a mouse, placed on another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.between import placed_like
from napari_cortex_decoder.errors import AtlasError
from napari_cortex_decoder.files import make_folder
from napari_cortex_decoder.recording import Recording, open_recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder, sidecar_folders
from napari_cortex_decoder.sessions.opening import REGISTRATION

_N_AVERAGED = 16


def mean_image(recording: Recording) -> NDArray[np.float32]:
    """Average frames spread over the movie, shape (y, x), so that no movie is read whole."""
    frames = np.unique(np.linspace(0, recording.n_frames - 1, _N_AVERAGED).astype(int))
    mean = recording.movie[frames].mean(axis=0)  # reads no chunk twice
    return np.asarray(mean.compute(), dtype=np.float32)


def place_like(files: Sequence[Path], placed: Registration, there: NDArray[np.float32]) -> bool:
    """Place the atlas on a session as it lies on another one of the mouse, and keep that.

    Raises CortexDecoderError if the movie cannot be read, or the two pictures are too unlike to be
    of one brain. `there` is the mean image, shape (y, x), of the session on which it is `placed`.
    Returns whether it was placed now: a placing that was there stays.
    """
    recording = open_recording(files)
    if recording.registration is not None or recording.path is None:
        return False
    if sidecar_folders(recording.path).newest(REGISTRATION).exists():
        return False
    here = mean_image(recording)
    try:
        found = placed_like(placed, there, here, pixel_size=recording.pixel_size)
    except AtlasError as error:
        raise AtlasError(f"{recording.path}: {error}") from error
    place = sidecar_folder(recording.path) / REGISTRATION
    make_folder(place.parent, AtlasError)
    found.save(place)
    return True
