"""What a fine-tune reads of a recording: its features for the base's head, and its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TracePreprocessing
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.engine.area_places import (
    areas_in_view,
    locate_areas,
    registration_of,
)
from napari_cortex_decoder.decoder.engine.image_engine import Engine
from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine
from napari_cortex_decoder.decoder.engine.traces import pixel_sums, preprocess_traces, read_traces
from napari_cortex_decoder.decoder.frames.normalization import normalized_frames
from napari_cortex_decoder.decoder.image_decoder import reads_images
from napari_cortex_decoder.decoder.networks import N_FEATURES
from napari_cortex_decoder.decoder.prediction import MEASURING
from napari_cortex_decoder.decoder.trace_decoder import TraceDecoder
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.training.arrays import write_array
from napari_cortex_decoder.tuning.task import AreaTraces


def recording_features(
    decoder: Decoder,
    recording: Recording,
    *,
    compute: Compute,
    report: Report,
    made_again: bool = False,
) -> NDArray[np.floating]:
    """Encode each frame of a recording, unless a decode or a fine-tune has done so.

    Gives shape (t, 1281), float16: the encoder's 1280 features, and the mean of the normalized
    image; of a decoder of areas their traces as it reads them, and the mean of these, float32. Rows
    without a whole image, or before the warm-up, are 0. Features of a recording from a file, or if
    it is `made_again` (see `Engine`), are taken from the cache folder and kept there. Raises
    RecordingError if the movie cannot be read or does not vary; DecoderError if an area that the
    decoder reads is not to be found.
    """
    if isinstance(decoder, TraceDecoder):
        return _traces(decoder, recording, report)
    decoder = reads_images(decoder)
    config = decoder.config
    features = np.zeros((recording.n_frames, N_FEATURES + 1), np.float16)
    warm_up = config.preprocessing.warm_up_frames(recording.known_frame_rate())
    first = warm_up - config.preprocessing.channel_offsets[0]

    def keep(image: int, rows: Singles, means: Singles) -> None:
        place = slice(first + image, first + image + len(rows))
        # NumPy takes ten times longer to make 16 bits of 32
        features[place, :-1], features[place, -1] = torch.from_numpy(rows).half().numpy(), means

    engine = Engine(decoder.network, config, compute=compute, made_again=made_again)
    with closing(engine.stream(recording, keep, answers=False)) as events:
        for event in events:
            # measuring the movie is about a tenth of the work
            share = 0.1 * event.done / event.total
            if event.stage != MEASURING:
                share = 0.1 + 0.9 * event.done / event.total
            report(Progress("encoding", round(share * recording.n_frames), recording.n_frames))
    return features


def _traces(decoder: TraceDecoder, recording: Recording, report: Report) -> Singles:
    config = decoder.config
    labels = locate_areas(config.preprocessing, recording, recording.registration)
    parts = []
    for start, block in read_traces(recording, labels, config.preprocessing.n_traces):
        parts.append(block)
        report(Progress("encoding", start + len(block), recording.n_frames))
    return trace_features(decoder, recording, np.concatenate(parts))


def trace_features(
    decoder: TraceDecoder, recording: Recording, traces: NDArray[np.floating]
) -> Singles:
    """Return what the head of a decoder of areas reads, and the mean of its traces.

    `traces`, shape (t, areas), are those of its areas as measured.
    """
    config, where = decoder.config, str(recording.path or recording.name)
    if isinstance(config, TemporalCnnConfig):
        read = TraceEngine(decoder.network, config).states(traces, recording.times, where)
        scale = config.preprocessing.model_copy(update={"beside_raw": False})
        of = preprocess_traces(traces, scale, recording.known_frame_rate(), where)
    else:
        read = of = preprocess_traces(
            traces, config.preprocessing, recording.known_frame_rate(), where
        )
    features: Singles = np.nan_to_num(np.column_stack([read, of.mean(axis=1)]))
    return features


def all_area_traces(recordings: Sequence[Recording], report: Callable[[int], Report]) -> AreaTraces:
    """Average recordings over the areas that all of them show, and over the whole frame.

    That mean is the last column. Areas that do not vary are left out, and all where one of the
    recordings does not say where they lie. Raises RecordingError if one has unusable pixels.
    """
    placed = [registration_of(recording, None) for recording in recordings]
    areas: tuple[str, ...] = ()
    if all(placed):
        shown = [
            areas_in_view(recording, place)
            for recording, place in zip(recordings, placed, strict=True)
            if place is not None
        ]
        areas = tuple(label for label in shown[0] if all(label in own for own in shown))
    values = []
    for number, recording in enumerate(recordings):
        labels = [locate_areas(TracePreprocessing(), recording, None)]
        if areas:
            labels.insert(0, locate_areas(TracePreprocessing(areas=areas), recording, None))
        counts, blocks = pixel_sums(recording, _groups(labels))
        parts = []
        for start, sums in blocks:
            parts.append(sums / counts)
            report(number)(Progress("encoding", start + len(sums), recording.n_frames))
        values.append(np.concatenate(parts))
    varies = np.all([v.std(axis=0) > 1e-12 * np.abs(v).max(axis=0) for v in values], axis=0)
    varies[-1] = True
    return AreaTraces(
        areas=tuple(label for label, kept in zip(areas, varies[:-1], strict=True) if kept),
        atlas=placed[0].atlas.name if areas and placed[0] is not None else "",
        values=[v[:, varies] for v in values],
        frame_rate=recordings[0].known_frame_rate(),
    )


def _groups(labels: Sequence[NDArray[np.int32]]) -> csr_array:
    """Return which pixels are of which area, shape (areas, pixels), of painted frames in a row."""
    rows, columns, n = [], [], 0
    for painted in labels:
        inside = np.flatnonzero(painted)
        rows.append(n + painted.ravel()[inside] - 1)
        columns.append(inside)
        n += int(painted.max())
    place = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.ones(len(place[0])), place), shape=(n, labels[0].size))


def write_frames(decoder: Decoder, recording: Recording, file: Path, report: Report) -> None:
    """Write the normalized frames of a recording, shape (t, y, x), float16, as a `.npy` file.

    Raises RecordingError if the movie cannot be read or does not vary; TrainingError if the disk is
    full.
    """
    preprocessing = reads_images(decoder).config.preprocessing

    def blocks() -> Iterator[Singles]:
        done = 0
        for block in normalized_frames(recording, preprocessing):
            done += len(block)
            report(Progress("encoding", done, recording.n_frames))
            yield block

    write_array(file, (recording.n_frames, *preprocessing.image_size), np.float16, blocks())
