"""A decoder of area traces on a movie of which parts are missing.

What is missing is a part of the *movie*, as for decoders of images, so that areas and control
patches mean the same for both. An area's trace is a mean of pixels, and what stands in for a pixel
is linear in the movie: one pass gives the traces of all pieces in which parts and areas overlap,
and from them the traces without each part.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.choices import FillName
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import TraceDecoder
from napari_cortex_decoder.decoder.config import TemporalCnnConfig
from napari_cortex_decoder.decoder.engine.area_places import locate_areas
from napari_cortex_decoder.decoder.engine.devices import select_device
from napari_cortex_decoder.decoder.engine.own_rate import OwnRate
from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine
from napari_cortex_decoder.decoder.engine.traces import measure_traces, padded, pixel_sums
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.decoder.suitability import check_suits
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.masking.encoding import log_odds
from napari_cortex_decoder.saliency.masking.fills import bank_starts, donor_frames
from napari_cortex_decoder.saliency.masking.frames import Ints

Floats = NDArray[np.float64]

_BATCH = 1024
"""Windows at once."""


class MaskedTraces:
    """A decoder of area traces on one recording, that can be kept from seeing parts of it.

    Parameters
    ----------
    decoder
        One that reads area traces (``roi-rnn``, ``linear``).
    recording
        What it reads.
    registration
        Where the areas lie.
    compute
        Where and how; ``"auto"`` is the CPU.
    any_rate
        Go on although the frame rate is not the decoder's.

    Attributes
    ----------
    resampling
        From frames to what is masked: none.
    encodings
        0: nothing is encoded.
    decoder, config, recording, device, warnings
        As of `MaskedDecoder`.

    Raises
    ------
    DecoderError, AtlasError
        If an area of the decoder is not to be found on the movie.
    FrameRateError
        If the recording has another frame rate and `any_rate` is False.
    """

    def __init__(
        self,
        decoder: TraceDecoder,
        recording: Recording,
        registration: Registration,
        *,
        compute: Compute = HERE,
        any_rate: bool = False,
    ) -> None:
        self.warnings = tuple(
            check_suits(
                recording, decoder.config, name=decoder.name, any_rate=any_rate, decodes=True
            )
        )
        self.config = decoder.config
        self.decoder = decoder
        self.recording = recording
        self.device, self._compute = select_device(compute, auto="cpu"), compute
        self.resampling = Resampling(recording.shape, recording.shape)
        self.encodings = 0
        self._network = decoder.network.eval()
        self._own: OwnRate | None = None
        if isinstance(self.config, TemporalCnnConfig):
            causal, rate = self.config.preprocessing.causal, self.config.frame_rate
            self._own = OwnRate.of(recording.times, rate, causal=causal)
        self._labels = locate_areas(self.config.preprocessing, recording, registration).ravel()

    def log_odds(
        self,
        scored: Ints,
        masks: NDArray[np.bool_],
        behavior: int,
        report: Report,
        *,
        fill: FillName = "mean",
        whole: bool = True,
        stage: str = "encoding",
        seed: int = 0,
    ) -> NDArray[np.float32]:
        """Return the log-odds of a behavior in scored frames, with each part missing in turn.

        Parameters and results are those of `MaskedDecoder.log_odds`; masks have the shape of a
        frame.

        Raises
        ------
        DecoderError
            If the fill is ``"blurred"``, which needs images.
        RecordingError
            If a pixel is NaN or infinite, or a trace does not vary.
        """
        if fill == "blurred":
            raise DecoderError(
                f"decoder {self.decoder.name!r} reads area traces, which have no surroundings to "
                "blur in; choose the fills mean or shuffled."
            )
        n_areas, n_frames = self.config.preprocessing.n_traces, self.recording.n_frames
        pieces, which, area = self._pieces(masks)
        sums = np.empty((n_frames, n_areas + len(area)))
        counts, blocks = pixel_sums(self.recording, pieces)
        for start, block in blocks:
            sums[start : start + len(block)] = block
            report(Progress("averaging areas", start + len(block), n_frames))
        counts[counts == 0] = np.nan  # areas that are not in view
        traces = sums[:, :n_areas] / counts[:n_areas]
        missing = sums[:, n_areas:] / counts[area]
        rate = self.recording.known_frame_rate()
        where = str(self.recording.path or self.recording.name)
        missing -= self._stand_in(missing, fill, seed)
        if self._own is not None:
            traces, missing = self._own.gather(traces), self._own.gather(missing)
            rate = self.config.frame_rate
        scaling = measure_traces(traces, self.config.preprocessing, rate, where)
        scaled = scaling.apply(traces)
        pieces_scaled = scaling.of(area).apply(traces[:, area] - missing)
        pieces_scaled *= n_areas / max(1, int(np.isfinite(counts[:n_areas]).sum()))
        result = np.empty((len(masks) + whole, len(scored)), np.float32)
        for row in range(len(result)):
            own = np.flatnonzero(which == row - whole)
            inputs = scaled.copy()
            for kind in range(scaled.shape[1] // n_areas):
                columns = kind * n_areas + area[own]
                inputs[:, columns] = pieces_scaled[:, kind * len(area) + own]
            result[row] = self._read(inputs, scored, behavior)
            report(Progress(stage, row + 1, len(result)))
        return result

    def _pieces(self, masks: NDArray[np.bool_]) -> tuple[csr_array, Ints, Ints]:
        """Return a row of pixels to be summed for each area, then for each overlap with a part.

        Returns
        -------
        pieces : csr_array
            Shape (areas + overlaps, pixels).
        which, area : numpy.ndarray
            Shape (overlaps,): number of the part and of the area.
        """
        n_areas = self.config.preprocessing.n_traces
        inside = np.flatnonzero(self._labels)
        rows, columns = [self._labels[inside] - 1], [inside]
        which: list[int] = []
        area: list[int] = []
        for number, mask in enumerate(masks.reshape(len(masks), self._labels.size)):
            taken = np.flatnonzero(mask & (self._labels > 0))
            found, place = np.unique(self._labels[taken], return_inverse=True)
            rows.append(np.asarray(n_areas + len(area) + place, self._labels.dtype))
            columns.append(taken)
            which += [number] * len(found)
            area += (found - 1).tolist()
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = n_areas + len(area), self._labels.size
        pieces = csr_array((np.ones(len(row)), (row, column)), shape=shape)
        return pieces, np.array(which, np.int64), np.array(area, np.int64)

    def _stand_in(self, missing: Floats, fill: FillName, seed: int) -> Floats:
        """Return what stands where pieces were, shape (t, overlaps) or (1, overlaps)."""
        if fill == "mean":
            return np.asarray(missing.mean(axis=0, keepdims=True))
        starts, length = bank_starts(len(missing), self.recording.known_frame_rate())
        piece, offset = donor_frames(np.arange(len(missing)), len(starts), length, seed)
        return np.asarray(missing[starts[piece] + offset])

    @torch.inference_mode()
    def _read(
        self, inputs: NDArray[np.float32], scored: Ints, behavior: int
    ) -> NDArray[np.float32]:
        """Return the log-odds of the windows of some frames, shape (n,)."""
        if self._own is not None:
            first = int(np.isnan(inputs[:, 0]).sum())  # samples of the warm-up
            engine = TraceEngine(self._network, self.config, compute=self._compute)
            said = log_odds(engine.logits(inputs[first:]), behavior, self.config.temperature)
            every = np.concatenate([np.full(first, np.nan, np.float32), said.numpy()])
            return np.asarray(self._own.spread(every[:, None])[scored, 0])
        values = torch.from_numpy(padded(inputs, self.config))
        windows = values.unfold(0, self.config.window.length, 1).transpose(1, 2)
        network = self._network.to(self.device)
        try:
            found = [
                log_odds(network(windows[part].to(self.device)), behavior, self.config.temperature)
                for part in torch.from_numpy(scored - self.config.frames_before).split(_BATCH)
            ]
        finally:
            network.to("cpu")
        return torch.cat(found).cpu().numpy()
