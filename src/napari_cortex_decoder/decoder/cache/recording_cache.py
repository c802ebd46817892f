"""What the cache keeps of a recording: its statistics, and its features by an encoder."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import dask
import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.cache.feature_cache import EntryWriter, cache_folder, read_entry
from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.frames.normalization import Statistics
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.decoder.networks import N_FEATURES
from napari_cortex_decoder.recording import Recording

if TYPE_CHECKING:
    import h5py

_VERSION = 2
_CHUNK_ROWS = 64
_PLACES, _BYTES, _FILES, _FRAMES = 64, 4096, 10_000, 5

_digests: WeakKeyDictionary[Recording, bytes] = WeakKeyDictionary()


class RecordingCache:
    """Finds and keeps what is known of one recording.

    Parameters
    ----------
    recording
        One that came from a file: only to such a one can anybody come back.
    preprocessing
        How its frames become images.
    encoder_hash
        Tells encoders apart.
    """

    def __init__(
        self, recording: Recording, preprocessing: Preprocessing, encoder_hash: str
    ) -> None:
        self._recording = recording
        self._image_size = preprocessing.image_size
        offsets = preprocessing.channel_offsets
        self._n_images = recording.n_frames - (offsets[-1] - offsets[0])
        if preprocessing.causal:
            self._n_images -= preprocessing.warm_up_frames(recording.known_frame_rate())
        frames = preprocessing.model_dump(mode="json", exclude={"channel_offsets"})
        if preprocessing.causal or preprocessing.detrend_seconds is not None:
            frames["frame_rate"] = recording.known_frame_rate()
        about = [_VERSION, fingerprint(recording), frames]
        # Images are the same whichever of their frames is called theirs.
        images = [encoder_hash, [offset - offsets[0] for offset in offsets]]
        self._statistics = _file("statistics", about)
        self._features = _file("features", [*about, *images])

    def statistics(self) -> Statistics | None:
        """Give the session's statistics, if they are known."""
        found = read_entry(self._statistics, lambda file: (file["mean"][:], float(file["sd"][()])))
        if found is None:
            return None
        return Statistics(*found, Resampling(self._recording.shape, self._image_size))

    def keep_statistics(self, statistics: Statistics) -> None:
        """Keep the session's statistics."""

        def fill(file: h5py.File) -> None:
            file.create_dataset("mean", data=statistics.mean, fletcher32=True)
            file.create_dataset("sd", data=statistics.sd)

        entry = EntryWriter(self._statistics, self._recording.name, statistics.mean.nbytes)
        entry.write(fill)
        entry.finish()

    def features(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Give the features of some images, shape (n, 1280), and their means, if they are known.

        Image k begins with frame k of the recording, counted from the end of a warm-up.
        """

        def take(file: h5py.File) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            dataset = file["features"]
            if dataset.shape != (self._n_images, N_FEATURES):
                raise ValueError(f"it has shape {dataset.shape}")
            return dataset[start:stop], file["means"][start:stop]

        return read_entry(self._features, take)

    def write_features(self) -> FeatureWriter:
        """Begin to keep the features of all images."""
        return FeatureWriter(self._features, self._recording.name, self._n_images)


class FeatureWriter:
    """Keeps features as they come, in any order; they count once `finish` was called.

    Parameters
    ----------
    path
        Where to.
    recording
        Name of the recording.
    n_images
        How many there will be.
    """

    def __init__(self, path: Path, recording: str, n_images: int) -> None:
        self._entry = EntryWriter(path, recording, n_images * N_FEATURES * 4)

        def prepare(file: h5py.File) -> None:
            file.create_dataset(
                "features",
                (n_images, N_FEATURES),
                np.float32,
                chunks=(min(_CHUNK_ROWS, n_images), N_FEATURES),
                fletcher32=True,
            )
            file.create_dataset("means", (n_images,), np.float32)

        self._entry.write(prepare)

    def write(self, start: int, features: NDArray[np.float32], means: NDArray[np.float32]) -> None:
        """Keep features, shape (n, 1280), and means, of the images from `start` on."""

        def fill(file: h5py.File) -> None:
            file["features"][start : start + len(features)] = features
            file["means"][start : start + len(means)] = means

        self._entry.write(fill)

    def finish(self) -> None:
        """Say that all images are there."""
        self._entry.finish()

    def abandon(self) -> None:
        """Leave nothing behind; of no effect after `finish`."""
        self._entry.abandon()


def fingerprint(recording: Recording) -> str:
    """Tell a recording from every other, and from itself after a change, at a glance.

    Looks at size, time and a few thousand bytes of its file or files, which say whether it has
    changed, and at five of its frames, which say what was made of it: cropped, one of two colors,
    preprocessed.
    """
    digest = hashlib.sha256()
    path = recording.path
    if path is not None:
        files = [path]
        if path.is_dir():
            files = sorted(islice((p for p in path.rglob("*") if p.is_file()), _FILES))
        every = -(-len(files) // _PLACES)
        for number, file in enumerate(files):
            status = file.stat()
            digest.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
            if number % every == 0:
                places = np.linspace(0, status.st_size, max(1, _PLACES // len(files)), dtype=int)
                with file.open("rb") as content:
                    for place in places.tolist():
                        content.seek(max(0, place - _BYTES))
                        digest.update(content.read(_BYTES))
    steps = [dict(step) for step in recording.steps]
    movie = recording.movie
    digest.update(json.dumps([steps, movie.shape, movie.dtype.str], default=str).encode())
    digest.update(_frames_digest(recording))
    return digest.hexdigest()


def _frames_digest(recording: Recording) -> bytes:
    """Digest some frames of a recording: only once, for a file that changes says so itself."""
    if recording not in _digests:
        digest = hashlib.sha256()
        movie = recording.movie
        places = np.linspace(0, len(movie) - 1, _FRAMES, dtype=int).tolist()
        for frame in dask.compute(*(movie[place] for place in places), scheduler="threads"):
            digest.update(np.asarray(frame).tobytes())
        _digests[recording] = digest.digest()
    return _digests[recording]


def _file(kind: str, about: object) -> Path:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return cache_folder() / f"{kind}-{digest[:32]}.h5"
