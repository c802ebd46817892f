"""Features of one recording by one decoder's encoder: computed once, kept beside the recording."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.config import CnnRnnConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.engine import select_device
from napari_cortex_decoder.decoder.inference import InferenceNetwork
from napari_cortex_decoder.decoder.networks import N_FEATURES
from napari_cortex_decoder.decoder.normalization import normalized_frames
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.sidecar import sidecar_folder

_IMAGES_AT_ONCE = 16
_MANY = 256  # frames between two reports


def recording_features(
    decoder: Decoder,
    recording: Recording,
    *,
    device: str = "auto",
    tell: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Encode each frame of a recording, unless that was done before.

    Parameters
    ----------
    decoder
        A CNN-RNN; only its encoder and preprocessing matter.
    recording
        The movie. Of one from a file, the features are kept in its sidecar folder.
    device
        As for `Decoder.decode`.
    tell
        Called with frames done and in all; may raise to end the work.

    Returns
    -------
    numpy.ndarray
        Shape (t, 1281), float16: the encoder's 1280 features, and the mean of the normalized
        frame. Rows without a whole image are 0.

    Raises
    ------
    RecordingError
        If the movie cannot be read or does not vary.
    TrainingError
        If the disk is full.
    """
    config = decoder.config
    assert isinstance(config, CnnRnnConfig)  # `fine_tune` has looked
    network = InferenceNetwork(decoder.network)  # type: ignore[arg-type]
    file = _file(network.encoder_hash, config, recording)
    if file is not None and file.exists():
        kept: NDArray[np.float16] = np.load(file, allow_pickle=False)
        if kept.shape == (recording.n_frames, N_FEATURES + 1):
            return kept
    features = _encode(network, config, recording, device, tell)
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{file.parent} cannot be made ({error.strerror}); make room or get permission."
            ) from error
        with written_whole(file, TrainingError, overwrite=True) as part, part.open("xb") as out:
            np.save(out, features, allow_pickle=False)
    return features


def _file(encoder: str, config: CnnRnnConfig, recording: Recording) -> Path | None:
    """Give the place of the features of this movie, as it is now, by this encoder."""
    path = recording.path
    if path is None:
        return None
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stamps = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    steps = [dict(step) for step in recording.steps]
    said = (
        encoder, config.preprocessing.model_dump_json(), repr(stamps), repr(steps),
        recording.n_frames, recording.frame_rate,
    )  # fmt: skip
    digest = hashlib.sha256(repr(said).encode()).hexdigest()[:24]
    return sidecar_folder(path) / "features" / f"{digest}.npy"


@torch.inference_mode()
def _encode(
    network: InferenceNetwork,
    config: CnnRnnConfig,
    recording: Recording,
    device: str,
    tell: Callable[[int, int], None] | None,
) -> NDArray[np.float16]:
    """Encode every image once."""
    place = select_device(device)
    if place.type == "cpu":
        network.accelerate(config.preprocessing.image_size)
    network.to(place)
    offsets = config.preprocessing.channel_offsets
    overlap = offsets[-1] - offsets[0]
    features = np.zeros((recording.n_frames, N_FEATURES + 1), np.float16)
    batch = _IMAGES_AT_ONCE if place.type == "cpu" else 16 * _IMAGES_AT_ONCE
    frames, done, read = torch.empty(0, *config.preprocessing.image_size), 0, 0
    for block in normalized_frames(recording, config.preprocessing):
        features[read : read + len(block), -1] = block.mean(axis=(1, 2))
        read += len(block)
        frames = torch.cat([frames, torch.from_numpy(block)])
        while len(frames) > overlap:
            n = min(batch, len(frames) - overlap)
            images = torch.stack([frames[o - offsets[0] :][:n] for o in offsets], dim=1)
            encoded = network.features(images.to(place)).float().cpu().numpy()
            first = done - offsets[0]
            features[first : first + n, :-1] = encoded
            frames, done = frames[n:], done + n
            if tell is not None and (done % _MANY < n or done + overlap == recording.n_frames):
                tell(done, recording.n_frames)
    network.to("cpu")
    if place.type == "cuda":
        torch.cuda.empty_cache()
    return features
