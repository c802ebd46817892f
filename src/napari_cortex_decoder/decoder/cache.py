"""What decoding has found out about recordings, kept for the next time: statistics and features.

One HDF5 file an entry, with checksums, in the platform's cache folder (or the one that the variable
``CORTEX_DECODER_CACHE`` names). It can be deleted at any time. Trouble with it (a full disk, a
damaged entry) is logged and costs the time to compute again, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.normalization import Statistics
from napari_cortex_decoder.decoder.resampling import Resampling
from napari_cortex_decoder.errors import CacheError
from napari_cortex_decoder.recording import Recording

_LOG = logging.getLogger(__name__)

LIMIT_BYTES = 4 * 2**30
"""Entries that have not been used for longest go when all together are larger: 4 GiB are features
of seven hours at 30 Hz."""

_SPARED_BYTES = 2**30
"""Nothing is kept that would leave less free space on the disk."""

_VERSION = 1
_ROWS = 64
_HASHED_BYTES, _HASHED_PLACES, _HASHED_FRAMES, _HASHED_FILES = 4096, 64, 5, 10_000
_TROUBLE = (OSError, RuntimeError, KeyError, ValueError)
"""What h5py raises for files that are damaged, shut off, or do not fit on the disk."""


@dataclass(frozen=True)
class Entry:
    """One file of the cache.

    Attributes
    ----------
    path
        Where it is.
    kind
        ``"features"`` or ``"statistics"``.
    recording
        Name of the recording; empty if the file is damaged.
    n_bytes
        Its size.
    used
        When it was last read or written, seconds since 1970.
    """

    path: Path
    kind: str
    recording: str
    n_bytes: int
    used: float


def cache_folder() -> Path:
    """Give the folder of the cache, which need not exist."""
    named = os.environ.get("CORTEX_DECODER_CACHE")
    return Path(named or platformdirs.user_cache_path("napari-cortex-decoder") / "recordings")


def list_cache() -> list[Entry]:
    """Give all entries, the last used first."""
    import h5py

    entries = []
    for path, n_bytes, used in _files():
        try:
            with h5py.File(path, "r") as file:
                name = str(file.attrs["recording"])
        except _TROUBLE:
            name = ""  # shown as damaged; it goes when it is next wanted
        entries.append(Entry(path, path.suffixes[0][1:], name, n_bytes, used))
    return sorted(entries, key=lambda entry: -entry.used)


def clear_cache() -> int:
    """Delete all entries; give the bytes that this freed.

    Raises
    ------
    CacheError
        If one cannot be deleted.
    """
    freed = 0
    for path, n_bytes, _ in _files():
        try:
            path.unlink(missing_ok=True)
        except OSError as reason:
            raise CacheError(f"{path} cannot be deleted ({reason.strerror}).") from reason
        freed += n_bytes
    return freed


class RecordingCache:
    """What is kept of one recording as one kind of decoder sees it.

    Parameters
    ----------
    recording
        With a file: one made in memory has nothing to come back to.
    preprocessing
        How its frames become images.
    """

    def __init__(self, recording: Recording, preprocessing: Preprocessing) -> None:
        self._recording = recording
        self._n_images = recording.n_frames - int(np.ptp(preprocessing.channel_offsets))
        seen = preprocessing.model_dump(exclude={"channel_offsets"})
        if preprocessing.causal or preprocessing.detrend_seconds is not None:
            seen["frame_rate"] = recording.known_frame_rate()
        about = [_VERSION, fingerprint(recording), seen]
        self._statistics_file = self._file("statistics", about)
        # Images that differ only in which of their frames counts as theirs are the same.
        relative = [o - preprocessing.channel_offsets[0] for o in preprocessing.channel_offsets]
        self._about_images = [*about, relative]

    def statistics(self) -> Statistics | None:
        """Give the session's statistics, if they are known."""
        with _reading(self._statistics_file) as file:
            if file is not None:
                resampling = Resampling(self._recording.shape, self._image_size(file))
                return Statistics(file["mean"][:], float(file.attrs["sd"]), resampling)
        return None

    def keep_statistics(self, statistics: Statistics) -> None:
        """Keep the session's statistics."""
        with _writing(self._statistics_file, self._recording, statistics.mean.nbytes) as file:
            if file is not None:
                file.create_dataset("mean", data=statistics.mean, fletcher32=True)
                file.attrs["sd"] = statistics.sd
                file.attrs["image_size"] = statistics.resampling.image_size
