"""Decoders that see traces of areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cortex_decoder.arrays import Singles
from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.engine.area_places import guessed_registration, registration_of
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.recording import Recording

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine


class TraceDecoder(Decoder):
    """A decoder of the mean traces of areas, or of the whole frame."""

    config: TraceConfig

    def decode_traces(self, traces: ArrayLike) -> Singles:
        """Read behaviour from area traces that somebody else has measured.

        They have shape (t, areas), in the order of ``config.preprocessing.areas``, and are at the
        decoder's frame rate: fluorescence or ΔF/F. All NaN of an area that is not in view, where it
        makes do with fewer. Gives shape (t, k), float32, rows sum to 1; NaN where the window does
        not fit. Raises DecoderError if the traces are not of its areas; RecordingError if a trace
        does not vary.
        """
        from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine

        values, n = np.asarray(traces), self.config.preprocessing.n_traces
        if values.ndim != 2 or values.shape[1] != n or values.dtype.kind not in "iuf":
            raise DecoderError(
                f"the traces have shape {values.shape} and type {values.dtype}, and decoder "
                f"{self.name!r} reads numbers of shape (frames, {n})."
            )
        unseen = np.isnan(values).all(axis=0)
        most = n - (self.config.preprocessing.fewest or n)
        if not np.isfinite(values[:, ~unseen]).all() or unseen.sum() > most:
            raise DecoderError("the traces hold NaN or infinity; fill or cut the gaps first.")
        inputs = preprocess_traces(values, self.config.preprocessing, self.frame_rate)
        probability = np.full((len(values), len(self.behaviors)), np.nan, dtype=np.float32)
        for first, part in TraceEngine(self.network, self.config).decode(inputs):
            probability[first : first + len(part)] = part
        return probability

    def _placed(
        self, recording: Recording, registration: Registration | None
    ) -> Registration | None:
        how = self.config.preprocessing
        placed = registration_of(recording, registration, how.areas)
        if placed is None and how.areas and how.fewest is not None:
            return guessed_registration(recording)  # its warnings say so
        return placed

    def _engine(
        self, placed: Registration | None, compute: Compute, **of_images: Any
    ) -> TraceEngine:
        from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine

        return TraceEngine(self.network, self.config, placed, compute=compute)


def reads_traces(decoder: Decoder) -> TraceDecoder:
    """Return a decoder that must be one of area traces. Raises DecoderError if it reads images."""
    if not isinstance(decoder, TraceDecoder):
        raise DecoderError(
            f"decoder {decoder.name!r} reads images, and this is for decoders of area traces; "
            "choose one of these, such as 'run-rest-areas'."
        )
    return decoder
