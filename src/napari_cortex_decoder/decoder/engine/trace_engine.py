"""Decoding area traces: a small network over a table that fits in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.engine.traces import locate_areas, preprocess_traces, read_traces
from napari_cortex_decoder.decoder.networks import probabilities
from napari_cortex_decoder.decoder.prediction import MEASURING, DecodeEvent
from napari_cortex_decoder.decoder.suitability import check_length
from napari_cortex_decoder.recording import Recording

_BATCH = 1024
"""Windows classified at once: a cancel is heeded between two batches."""


class TraceEngine:
    """One network of area traces on one device.

    Parameters
    ----------
    network, config
        The decoder's.
    registration
        Where the areas lie on the recording; None if the decoder reads the whole frame.
    compute
        Where and how; ``"auto"`` is the CPU: the network is smaller than the way to any other
        device is long.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TraceConfig,
        registration: Registration | None = None,
        *,
        compute: Compute = HERE,
    ) -> None:
        self.device = select_device(compute, auto="cpu")
        self.batch_size = compute.batch_size or _BATCH
        self._network = network
        self._config = config
        self._registration = registration

    def check(self, recording: Recording) -> None:
        """Refuse a recording that is too short, or on which an area is not to be found.

        Raises
        ------
        RecordingError, DecoderError, AtlasError
            As `check_length` and `locate_areas` do.
        """
        check_length(recording, self._config)
        locate_areas(self._config.preprocessing, recording, self._registration)

    def stream(self, recording: Recording) -> Generator[DecodeEvent, None, None]:
        """Average a recording over the areas in one pass, then decode their traces.

        Raises
        ------
        RecordingError
            If it has unusable pixels, or the trace of an area does not vary.
        """
        preprocessing = self._config.preprocessing
        labels = locate_areas(preprocessing, recording, self._registration)
        yield DecodeEvent(MEASURING, 0, recording.n_frames)
        traces = np.empty((recording.n_frames, preprocessing.n_traces))
        for start, block in read_traces(recording, labels):
            traces[start : start + len(block)] = block
            yield DecodeEvent(MEASURING, start + len(block), recording.n_frames)
        where = str(recording.path or recording.name)
        rate = recording.known_frame_rate()
        inputs = preprocess_traces(traces, preprocessing, rate, where)
        done, total = 0, len(inputs) - preprocessing.warm_up_frames(rate)
        total -= self._config.frames_before + self._config.frames_after
        for first, probability in self.decode(inputs):
            done += len(probability)
            yield DecodeEvent("decoding", done, total, start=first, probability=probability)

    def decode(self, inputs: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Decode preprocessed traces.

        Parameters
        ----------
        inputs
            Shape (t, areas); windows in which anything is NaN are left out.

        Yields
        ------
        first : int
            Frame of the first row.
        probability : numpy.ndarray
            Shape (n, k), float32.
        """
        known = np.flatnonzero(np.isfinite(inputs).all(axis=1))
        network = self._network.to(self.device).eval()
        try:
            for stretch in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
                if len(stretch) < self._config.window.length:
                    continue
                first = int(stretch[0]) + self._config.window.past
                values = torch.from_numpy(inputs[stretch[0] : stretch[-1] + 1])
                windows = values.unfold(0, self._config.window.length, 1).transpose(1, 2)
                for batch in windows.split(self.batch_size):
                    with torch.inference_mode():
                        logits = network(batch.to(self.device))
                        probability = probabilities(logits, self._config.temperature)
                    yield first, probability.cpu().numpy()
                    first += len(batch)
        finally:
            network.to("cpu")
