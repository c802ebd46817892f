"""Decoding one session after another, each as it was left, with what comes of it kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.config import TraceConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.sessions.opening import applied, kept_registration, open_session
from napari_cortex_decoder.sessions.results import keep_prediction


def decode_session(
    files: Sequence[Path],
    decoder: Decoder,
    source: str | Path,
    *,
    compute: Compute,
    any_rate: bool = False,
    placed: Path | None = None,
    report: Report,
) -> Prediction:
    """Decode a session after the steps that were applied to it, and keep its prediction.

    Raises CortexDecoderError if it cannot be read, or does not suit the decoder. `source` is the
    decoder's name in the library or its file; `placed` a file that says where the atlas lies, where
    nothing is kept beside the recording.
    """
    raw = open_session(files)
    shown = applied(raw, report)
    areas = isinstance(decoder.config, TraceConfig) and bool(decoder.config.preprocessing.areas)
    registration = kept_registration(raw, shown, placed) if areas else None
    prediction = decoder.decode(
        shown, compute=compute, any_rate=any_rate, registration=registration, progress=report
    )
    keep_prediction(shown, prediction, source, registration)
    return prediction
