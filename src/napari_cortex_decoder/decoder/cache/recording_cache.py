"""What the cache keeps of a recording: its statistics, and its features by an encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import dask
import numpy as np

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.decoder.cache.feature_cache import EntryWriter, entry_path, read_entry
from napari_cortex_decoder.decoder.config import Preprocessing
from napari_cortex_decoder.decoder.frames.normalization import Statistics
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.decoder.networks import N_FEATURES
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.fingerprint import about_content, files_of

_VERSION = 4
_FEATURES = np.dtype([("features", "<f4", (N_FEATURES,)), ("mean", "<f4")])
_FRAMES = 5

_digests: WeakKeyDictionary[Recording, str] = WeakKeyDictionary()


class RecordingCache:
    """Finds and keeps what is known of one recording, by how its images are made and encoded."""

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
        self._files, self._fingerprint = files_of(recording), fingerprint(recording)
        about = [_VERSION, self._fingerprint, frames]
        # Images are the same whichever of their frames is called theirs.
        images = [encoder_hash, [offset - offsets[0] for offset in offsets]]
        self._statistics = _path("statistics", about)
        self._features = _path("features", [*about, *images])

    def statistics(self) -> Statistics | None:
        """Return the session's statistics, if they are known."""
        resampling = Resampling.of(self._recording, self._image_size)
        found = read_entry(self._statistics, _statistics_kind(resampling.inner_shape), 1, 0, 1)
        if found is None:
            return None
        return Statistics(found["mean"][0], float(found["sd"][0]), resampling)

    def keep_statistics(self, statistics: Statistics) -> None:
        """Keep the session's statistics.

        Raises RecordingError if the recording has changed while they were measured.
        """
        kind = _statistics_kind(statistics.mean.shape)
        entry = self._writer(self._statistics, kind, 1)
        entry.write(0, mean=statistics.mean[None], sd=np.array([statistics.sd]))
        entry.finish()

    def features(self, start: int, stop: int) -> tuple[Singles, Singles] | None:
        """Return the features of some images, shape (n, 1280), and their means, if they are known.

        Image k begins with frame k of the recording, counted from the end of a warm-up.
        """
        found = read_entry(self._features, _FEATURES, self._n_images, start, stop)
        if found is None:
            return None
        return np.ascontiguousarray(found["features"]), np.ascontiguousarray(found["mean"])

    def write_features(self) -> EntryWriter:
        """Begin to keep the columns `features`, (n, 1280), and `mean`, (n,), of all images."""
        return self._writer(self._features, _FEATURES, self._n_images)

    def _writer(self, path: Path, kind: np.dtype[Any], n: int) -> EntryWriter:
        return EntryWriter(path, self._recording.name, kind, n, self.is_unchanged)

    def is_unchanged(self) -> bool:
        """Return whether the recording is what it was when this was made.

        It is not, and yet may be decoded, where a file was added to its folder. Raises
        RecordingError if a file of it was written to, was replaced, or is gone.
        """
        now = files_of(self._recording)
        for file, state in self._files.items():
            if now.get(file) != state:
                what = "changed" if file in now else "is gone"
                raise RecordingError(
                    f"{file}: it {what} since its movie was opened, so what was read cannot be "
                    "relied on; open the movie again once no other program writes to it."
                )
        return fingerprint(self._recording) == self._fingerprint


def fingerprint(recording: Recording) -> str:
    """Return what differs between any two recordings, and after a change, at a glance.

    Looks at size, time and a few thousand bytes of its file or files, which say whether it has
    changed, and at five of its frames, which say what was made of it: cropped, one of two colors,
    preprocessed. Raises RecordingError if a file is gone, or cannot be read any more.
    """
    digest = hashlib.sha256(about_content(recording))
    for file, (_, changed) in files_of(recording).items():
        digest.update(f"{file} {changed}\n".encode(errors="surrogateescape"))
    digest.update(bytes.fromhex(frames_digest(recording)))
    return digest.hexdigest()


def frames_digest(recording: Recording) -> str:
    """Digest some frames of a recording: only once, for a file that changes says so itself."""
    if recording not in _digests:
        digest = hashlib.sha256()
        movie = recording.movie
        places = np.linspace(0, len(movie) - 1, _FRAMES, dtype=int).tolist()
        for frame in dask.compute(*(movie[place] for place in places), scheduler="threads"):
            digest.update(np.asarray(frame).tobytes())
        _digests[recording] = digest.hexdigest()
    return _digests[recording]


def _path(kind: str, about: object) -> Path:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return entry_path(kind, digest[:32])


def _statistics_kind(shape: tuple[int, ...]) -> np.dtype[Any]:
    return np.dtype([("mean", "<f4", shape), ("sd", "<f8")])
