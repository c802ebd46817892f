"""What recordings are read into once, to be learned from in any order: one file a recording."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder import DecoderConfig
from napari_cortex_decoder.decoder.config import ImageConfig, TraceConfig
from napari_cortex_decoder.decoder.engine.area_places import (
    areas_in_view,
    locate_areas,
    registration_of,
)
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces, read_traces
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.networks import N_FEATURES, Encoder
from napari_cortex_decoder.decoder.suitability import check_kind, rates_agree
from napari_cortex_decoder.errors import FrameRateError, TrainingError
from napari_cortex_decoder.files.workshop import sweep
from napari_cortex_decoder.labels.ethogram import class_indices
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.training.arrays import write_array
from napari_cortex_decoder.training.augmentation import vary_images
from napari_cortex_decoder.training.config import Augmentation
from napari_cortex_decoder.training.examples import CachedArray, RandomStretch
from napari_cortex_decoder.training.sessions import Session

_PIXELS_AT_ONCE = 2**18


def cache_session(
    session: Session, config: DecoderConfig, place: Callable[[str], Path]
) -> CachedArray:
    """Read a recording into images or area traces, unless that has been done.

    Raises TrainingError if labels and movie differ in length, an area decoder has no registration,
    or the disk is full; RecordingError if the movie cannot be read or does not vary; FrameRateError
    if its frame rate is not the decoder's. `place` gives the place of the file of a name; each
    session and settings have one of their own.
    """
    recording, ethogram, registration = session.load()
    where = recording.path or recording.name
    rate = recording.known_frame_rate()
    if not rates_agree(rate, config.frame_rate):
        raise FrameRateError(
            f"{where} has {rate:g} frames a second and the decoder is to learn from "
            f"{config.frame_rate:g}; set decoder.frame_rate, or resample the movie."
        )
    if ethogram.n_frames != recording.n_frames:
        raise TrainingError(
            f"{where} has {recording.n_frames} frames and its labels {ethogram.n_frames}; give "
            "labels of this recording."
        )
    settings = config.preprocessing.model_dump_json() + session.fingerprint
    digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
    file = place(f"{session.name}-{digest}.npy")
    sweep(file.parent)  # what other runs, killed there, have left
    if not file.exists():
        if isinstance(config, ImageConfig):
            check_kind(recording, config, "to be trained")
            shape = recording.n_frames, *config.preprocessing.image_size
            write_array(file, shape, np.float16, normalized_frames(recording, config.preprocessing))
        else:
            labels = locate_areas(config.preprocessing, recording, registration)
            n_areas = config.preprocessing.n_traces
            raw = np.concatenate([block for _, block in read_traces(recording, labels, n_areas)])
            traces = preprocess_traces(raw, config.preprocessing, rate, str(where))
            write_array(file, traces.shape, np.float32, [traces])
    first = config.preprocessing.warm_up_frames(rate)
    return CachedArray(file, class_indices(ethogram, config.behaviors), first, recording.n_frames)


def areas_shown_by_all(config: TraceConfig, sessions: Sequence[Session]) -> TraceConfig:
    """Let a decoder that names no areas take all that every recording shows.

    Raises TrainingError if a recording has no registration, or no area is seen in all.
    """
    if config.preprocessing.areas:
        return config
    common: Sequence[str] | None = None
    atlas = config.preprocessing.atlas
    for session in sessions:
        recording, _, registration = session.load()
        registration = registration_of(recording, registration)
        if registration is None:
            raise TrainingError(
                f"{recording.path or recording.name} has no registration, and an area decoder must "
                "know where the areas lie; name its file in the cohort's column 'registration'."
            )
        shown = areas_in_view(recording, registration)
        atlas = atlas or registration.atlas.name
        common = shown if common is None else [label for label in common if label in shown]
    if not common:
        raise TrainingError(
            "no area is on all movies of the cohort; check the registrations, or name areas that "
            "are (decoder.preprocessing.areas)."
        )
    preprocessing = config.preprocessing.model_copy(update={"areas": tuple(common), "atlas": atlas})
    return config.model_copy(update={"preprocessing": preprocessing})


def cache_features(
    encoder: Encoder,
    recordings: Mapping[str, CachedArray],
    place: Callable[[str], Path],
    config: ImageConfig,
    *,
    copies: int,
    augmentation: Augmentation,
    stretch: RandomStretch | None,
    seed: int,
    compute: Compute,
    report: Report,
) -> list[CachedArray]:
    """Encode normalized recordings, by name, each image once a copy, unless that has been done.

    `place` gives the place of the file of a name. The first copy of a recording is as it is, each
    further one has a pose, a gain and statistics of its own, as `augmentation`, `stretch` and
    `seed` say.
    """
    features = []
    device = select_device(compute)
    encoder = encoder.eval().to(device)
    for number, (name, recording) in enumerate(recordings.items()):
        for copy in range(copies):
            file = place(f"{name}-{copy}.npy")
            if not file.exists():
                own = (augmentation, stretch, (seed * 1_000_003 + number) * 101 + copy)
                images = _images(recording, config, number, copy, *own)
                encoded = _encoded(encoder, images, recording, config, device)
                write_array(file, (len(recording.labels), N_FEATURES), np.float16, encoded)
            first, stop = _range(recording, config)
            features.append(CachedArray(file, recording.labels, first, stop))
            report(Progress("encoding", number * copies + copy + 1, len(recordings) * copies))
    encoder.to("cpu")
    return features


def _range(recording: CachedArray, config: ImageConfig) -> tuple[int, int]:
    """Return the frames that make whole images."""
    offsets = config.preprocessing.channel_offsets
    return recording.first - offsets[0], recording.stop - offsets[-1]


def _images(
    recording: CachedArray,
    config: ImageConfig,
    number: int,
    copy: int,
    augmentation: Augmentation,
    stretch: RandomStretch | None,
    seed: int,
) -> Iterator[Tensor]:
    """Return the images of a recording in batches, all of one pose, gain and statistics."""
    offsets = np.asarray(config.preprocessing.channel_offsets)
    first, stop = _range(recording, config)
    size = max(1, _PIXELS_AT_ONCE // int(np.prod(recording.values.shape[1:])))
    still = augmentation.model_copy(update={"noise": 0.0})  # the head's stage adds its own
    mean, spread = np.zeros(1, np.float32), np.ones(1, np.float32)
    if copy and stretch is not None:
        mean, spread = stretch.measure(recording.values, number, copy)
    for start in range(first, stop, size):
        index = np.arange(start, min(start + size, stop))[:, None] + offsets
        images = torch.from_numpy((recording.values[index].astype(np.float32) - mean) / spread)
        if copy:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed % 2**63)  # every batch of this copy is turned alike
                images = vary_images(images[None], still)[0]
        yield images


def _encoded(
    encoder: Encoder,
    images: Iterable[Tensor],
    recording: CachedArray,
    config: ImageConfig,
    device: torch.device,
) -> Iterator[Singles]:
    """Return one row of features a frame; zeros where there is no whole image."""
    first, stop = _range(recording, config)
    yield np.zeros((first, N_FEATURES), np.float32)
    for batch in images:
        with torch.inference_mode():
            inputs = batch.to(device).to(memory_format=torch.channels_last)
            found = encoder.features(inputs).float().cpu().numpy()
        yield found
    yield np.zeros((len(recording.labels) - stop, N_FEATURES), np.float32)
