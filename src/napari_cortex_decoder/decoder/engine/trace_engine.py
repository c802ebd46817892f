"""Decoding area traces: a small network over a table that fits in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_cortex_decoder.arrays import Floats, Singles
from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TraceConfig
from napari_cortex_decoder.decoder.engine.area_places import locate_areas
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.engine.own_rate import OwnRate
from napari_cortex_decoder.decoder.engine.traces import padded, preprocess_traces, read_traces
from napari_cortex_decoder.decoder.networks import TemporalCnn, probabilities
from napari_cortex_decoder.decoder.prediction import MEASURING, DecodeEvent
from napari_cortex_decoder.decoder.suitability import check_length
from napari_cortex_decoder.recording import Recording

_BATCH = 1024
"""Windows classified at once: a cancel is heeded between two batches."""

_STRETCH = 4096  # frames that a temporal network reads at once, each input once


class TraceEngine:
    """One network of area traces on one device; ``"auto"`` is the CPU.

    The network is smaller than the way to any other device is long. There is no registration where
    the decoder reads the whole frame.
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
        """Refuse a recording as `check_length` and `locate_areas` do."""
        check_length(recording, self._config)
        locate_areas(self._config.preprocessing, recording, self._registration)

    def stream(self, recording: Recording) -> Generator[DecodeEvent, None, None]:
        """Average a recording over the areas in one pass, then decode their traces.

        Raises RecordingError if it has unusable pixels, or the trace of an area does not vary.
        """
        preprocessing = self._config.preprocessing
        labels = locate_areas(preprocessing, recording, self._registration)
        yield DecodeEvent(MEASURING, 0, recording.n_frames)
        traces = np.empty((recording.n_frames, preprocessing.n_traces))
        for start, block in read_traces(recording, labels, preprocessing.n_traces):
            traces[start : start + len(block)] = block
            yield DecodeEvent(MEASURING, start + len(block), recording.n_frames)
        where = str(recording.path or recording.name)
        if isinstance(self._config, TemporalCnnConfig):
            yield from self._at_own_rate(traces, recording, where)
            return
        rate = recording.known_frame_rate()
        inputs = preprocess_traces(traces, preprocessing, rate, where)
        done, total = 0, len(inputs) - preprocessing.warm_up_frames(rate)
        total -= self._config.frames_before + self._config.frames_after
        for first, probability in self.decode(inputs):
            done += len(probability)
            yield DecodeEvent("decoding", done, total, start=first, probability=probability)

    def _at_own_rate(
        self, traces: Floats, recording: Recording, where: str
    ) -> Iterator[DecodeEvent]:
        """Decode traces at the rate of the decoder, and bring what it says to their frames."""
        preprocessing, rate = self._config.preprocessing, self._config.frame_rate
        own = OwnRate.of(recording.times, rate, causal=preprocessing.causal)
        inputs = preprocess_traces(own.gather(traces), preprocessing, rate, where)
        said = np.full((len(inputs), len(self._config.behaviors)), np.nan, np.float32)
        total = recording.n_frames
        for first, probability in self.decode(inputs):
            said[first : first + len(probability)] = probability
            done = round(total * (first + len(probability)) / len(inputs))
            yield DecodeEvent("decoding", min(done, total - 1), total)
        yield DecodeEvent("decoding", total, total, start=0, probability=own.spread(said))

    def decode(self, inputs: Singles) -> Iterator[tuple[int, Singles]]:
        """Yield first frame and probabilities, (n, k) float32, of preprocessed traces, (t, areas).

        Windows in which anything is NaN are left out.
        """
        known = np.flatnonzero(np.isfinite(inputs).all(axis=1))
        network = self._network.to(self.device).eval()
        try:
            for stretch in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
                values = self._padded(network, inputs[stretch[0] : stretch[-1] + 1])
                if len(values) < self._config.window.length:
                    continue
                first = int(stretch[0]) + self._config.frames_before
                for logits in self._logits(network, values):
                    probability = probabilities(logits, self._config.temperature)
                    yield first, probability.cpu().numpy()
                    first += len(probability)
        finally:
            network.to("cpu")

    def logits(self, inputs: Singles) -> torch.Tensor:
        """Return the logits of each frame, shape (t, n_logits), of preprocessed traces, (t, areas).

        Of a decoder whose window fits everywhere, and inputs without NaN.
        """
        network = self._network.to(self.device).eval()
        try:
            return torch.cat([*self._logits(network, self._padded(network, inputs))]).cpu()
        finally:
            network.to("cpu")

    def states(self, traces: NDArray[np.floating], times: Floats, where: str) -> Singles:
        """Return what the logits of a temporal network are read from, at the frames' own times.

        Of traces as measured, shape (t, areas), at times (s), shape (t,): shape (t, channels), NaN
        before the warm-up. `where` names them in a refusal.
        """
        config = self._config
        assert isinstance(config, TemporalCnnConfig) and isinstance(self._network, TemporalCnn)
        own = OwnRate.of(times, config.frame_rate, causal=config.preprocessing.causal)
        inputs = preprocess_traces(
            own.gather(traces), config.preprocessing, config.frame_rate, where
        )
        n_states = self._network.linear_out.in_features
        found = np.full((len(inputs), n_states), np.nan, np.float32)
        first = config.preprocessing.warm_up_frames(config.frame_rate)
        values = self._padded(self._network.eval(), inputs[first:])
        read = torch.cat([part.cpu() for part in self._states(self._network, values)])
        found[first:] = read.numpy()
        return own.spread(found)

    @torch.inference_mode()
    def _padded(self, network: nn.Module, inputs: Singles) -> torch.Tensor:
        """Return what windows are cut from, of a stretch of inputs (t, n)."""
        values = torch.from_numpy(inputs)
        if isinstance(network, TemporalCnn):
            values = network.mixed(values.to(self.device)).cpu()
        return torch.from_numpy(padded(values.numpy(), self._config))

    @torch.inference_mode()
    def _states(self, network: TemporalCnn, values: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the states of all windows of a stretch, shape (frames, channels), in parts."""
        reach = self._config.window.length - 1
        for start in range(0, len(values) - reach, _STRETCH):
            yield network.states(values[None, start : start + _STRETCH + reach].to(self.device))[0]

    @torch.inference_mode()
    def _logits(self, network: nn.Module, values: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the logits of all windows of a stretch, shape (frames, n_logits), in batches."""
        if isinstance(network, TemporalCnn):
            yield from map(network.linear_out, self._states(network, values))
            return
        windows = values.unfold(0, self._config.window.length, 1).transpose(1, 2)
        for batch in windows.split(self.batch_size):
            yield network(batch.to(self.device))
