"""Small labeled recordings whose brightness tells rest from run."""

from __future__ import annotations

from functools import partial

import dask.array as da
import numpy as np

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training import LabeledRecording, Session

N_FRAMES = 240


def labeled(
    mouse: int, n_frames: int = N_FRAMES, behaviors: tuple[str, ...] = ("rest", "run")
) -> LabeledRecording:
    """Bouts of 20 frames; each behavior makes all of the cortex brighter than the one before."""
    rng = np.random.default_rng(mouse)
    labels = (np.arange(n_frames) // 20 + mouse) % len(behaviors)
    movie = rng.normal(1000, 10, (n_frames, 32, 32)) + 15 * labels[:, None, None]
    recording = Recording(
        movie=da.from_array(movie.astype(np.uint16), chunks=(100, 32, 32)),
        name=f"mouse{mouse}",
        frame_rate=30.0,
    )
    registration = Registration.upright(
        load_atlas("dorsal-cortex"), pixel_size=10.24 / 32, bregma=(14, 15.5)
    )
    return LabeledRecording(recording, Ethogram.from_frames(labels, behaviors), registration)


def sessions_of(n: int, **options: object) -> list[Session]:
    """Return one session of each of some mice."""
    return [
        Session(f"s{i}", f"m{i}", f"{i}{options}", partial(labeled, i, **options)) for i in range(n)
    ]
