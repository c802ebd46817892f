"""What the section *Decode* has done in threads."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.progress import Progress, Report
from napari_cortex_decoder.sessions import keep_prediction
from napari_cortex_decoder.widgets.parts.loading import loading

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder.decoder import Decoder
    from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction
    from napari_cortex_decoder.recording import Recording

Told: TypeAlias = "deque[Decoder | DecodeEvent]"
"""What a decode has told and nobody has taken yet: its decoder once that is loaded, its events."""


def list_devices() -> dict[str, str]:
    """Load torch and ask it what there is to compute on; not for the GUI thread."""
    with loading():
        from napari_cortex_decoder.decoder.engine.devices import available_devices

    return available_devices()


def decoded(
    decoder: Decoder | str | Path,
    recording: Recording,
    source: str | Path,
    registration: Registration | None,
    how: dict[str, Any],
    told: Told,
    report: Report,
) -> Prediction:
    """Return what a decoder reads from a recording, beside which it is kept; runs in a thread.

    `source` is what the result is kept with, `how` more for `Decoder.stream`, and `told` takes in
    what is shown meanwhile.
    """
    if isinstance(decoder, (str, Path)):
        with loading():
            decoder = load_decoder(decoder)
    told.append(decoder)
    report(Progress("loading the decoder"))  # which ends it if nobody waits any more
    prediction = None
    with closing(decoder.stream(recording, registration=registration, **how)) as events:
        for event in events:
            told.append(event)
            report(event)
            prediction = event.prediction or prediction
    assert prediction is not None  # it comes with the last event
    try:
        keep_prediction(recording, prediction, source, registration)
    except CortexDecoderError as error:
        return replace(prediction, warnings=(*prediction.warnings, str(error)))
    return prediction
