"""Decoding off the GUI thread: results stream back while they come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from superqt.utils import WorkerBase

from napari_cortex_decoder.compute import Compute
from napari_cortex_decoder.decoder.library import load_decoder
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.sessions import keep_prediction
from napari_cortex_decoder.widgets.parts.loading import loading

if TYPE_CHECKING:
    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder.decoder import Decoder
    from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction
    from napari_cortex_decoder.recording import Recording

_LOG = logging.getLogger(__name__)
_SHORTEST_PAUSE = 1 / 30
"""Seconds between two updates of the screen; more of them would only slow down scrubbing."""


def list_devices() -> dict[str, str]:
    """Load torch and ask it what there is to compute on; not for the GUI thread."""
    with loading():
        from napari_cortex_decoder.decoder.engine.devices import available_devices
    return available_devices()


@dataclass
class Update:
    """What happened since the last update: several events of the engine in one."""

    progress: Progress  # by the latest event
    # new results: first frame, probabilities of shape (n, k), and whether they are provisional
    chunks: list[tuple[int, NDArray[np.float32], bool]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)  # sentences to show
    prediction: Prediction | None = None  # the whole result, in the last update only

    def add(self, event: DecodeEvent) -> None:
        """Take in one event of the engine."""
        self.progress = Progress(event.stage, event.done, event.total)
        if event.probability is not None and event.start is not None:
            self.chunks.append((event.start, event.probability, event.provisional))
        if event.message:
            self.messages.append(event.message)
        self.prediction = event.prediction or self.prediction


class _Results(QObject):
    loaded = Signal(object)
    updated = Signal(object)


class DecodeJob(WorkerBase[None]):
    """One run of one decoder over one recording, in a thread of its own.

    Not a generator worker: those swallow a RuntimeError, and so CUDA's *out of memory*. Signals
    arrive on the GUI thread: `results.loaded` (the `Decoder`), `results.updated` (an `Update`, at
    most 30 a second), `errored` (the exception), and `finished`, always, at the very end.
    `looked_at` gives, from the thread, the frame whose answer is wanted first; `source` is what the
    whole result is kept with.
    """

    def __init__(
        self,
        decoder: Decoder | str | Path,
        recording: Recording,
        *,
        compute: Compute,
        any_rate: bool,
        registration: Registration | None,
        looked_at: Callable[[], int],
        source: str | Path,
    ) -> None:
        super().__init__()
        self.results = _Results()
        self._decoder = decoder
        self._recording = recording
        self._compute = compute
        self._any_rate = any_rate
        self._registration = registration
        self._looked_at, self._source = looked_at, source
        self.warned.connect(_log_warning)

    def work(self) -> None:
        """Decode until the end or until `quit` was called; runs in the thread."""
        decoder = self._decoder
        if isinstance(decoder, (str, Path)):
            with loading():
                decoder = load_decoder(decoder)
            self.results.loaded.emit(decoder)
        if self.abort_requested:
            return
        events = decoder.stream(
            self._recording,
            compute=self._compute,
            any_rate=self._any_rate,
            registration=self._registration,
            looked_at=self._looked_at,
        )
        with closing(events):
            pending: Update | None = None
            last = -np.inf
            for event in events:
                if self.abort_requested:
                    return
                if event.prediction is not None:
                    event = replace(event, prediction=self._kept(event.prediction))
                pending = pending or Update(event)
                pending.add(event)
                now = time.monotonic()
                if now - last >= _SHORTEST_PAUSE or event.prediction is not None:
                    self.results.updated.emit(pending)
                    pending, last = None, now
            if pending is not None:
                self.results.updated.emit(pending)

    def _kept(self, prediction: Prediction) -> Prediction:
        """Keep the whole result, before anybody is told that it is there."""
        try:
            keep_prediction(self._recording, prediction, self._source, self._registration)
        except CortexDecoderError as error:
            return replace(prediction, warnings=(*prediction.warnings, str(error)))
        return prediction


def _log_warning(shown: tuple[object, ...]) -> None:
    """Write a library's warning to the log; superqt would drop it."""
    message, category, filename, line = shown[:4]
    _LOG.warning("%s:%s: %s: %s", filename, line, getattr(category, "__name__", ""), message)
