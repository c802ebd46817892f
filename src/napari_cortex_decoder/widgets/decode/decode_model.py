"""State and intents of a decode: how far it is, and what it has read from the recording."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import PrivateAttr

from napari_cortex_decoder.decoder.config import DecoderConfig, TraceConfig
from napari_cortex_decoder.decoder.decoder import Decoder
from napari_cortex_decoder.decoder.drift import advises_detrending
from napari_cortex_decoder.decoder.engine.area_places import missing_areas
from napari_cortex_decoder.decoder.prediction import DecodeEvent, Prediction
from napari_cortex_decoder.decoder.suitability import raw_problem
from napari_cortex_decoder.errors import CortexDecoderError
from napari_cortex_decoder.progress import Progress, as_duration
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.sessions.results import prediction_of
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.decode.choice_model import ChoiceModel, DecoderCard
from napari_cortex_decoder.widgets.decode.decode_job import Told, decoded
from napari_cortex_decoder.widgets.parts.section_model import TaskModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel

Advice = Literal["resample", "raw", "place", "detrend", "fine-tune"]
"""What can be done about a warning."""


class DecodeModel(TaskModel):
    """The prediction of the open recording by the chosen decoder, and the job that makes it."""

    # while a decode runs it grows in place: `predicted` tells where
    prediction: Prediction | None = None
    card: DecoderCard | None = None  # the decoder that `prediction` is by
    complete: bool = False  # whether the decode that made `prediction` came to its end

    stopped: ClassVar[str] = "Cancelled: frames that were not decoded yet are empty."
    predicted: ClassVar[Signal] = Signal(int, int)
    """New results stand in frames [start, stop) of `prediction`."""

    _movie: MovieModel
    _choice: ChoiceModel
    _placing: PlacingModel
    _recording: Recording | None = None
    _loaded: tuple[DecoderCard, Decoder] | None = None
    _told: Told = PrivateAttr(default_factory=deque)
    _provisional: NDArray[np.bool_] = np.zeros(0, dtype=bool)
    _began: float = 0.0

    def __init__(self, movie: MovieModel, choice: ChoiceModel, placing: PlacingModel) -> None:
        super().__init__()
        self._movie = movie
        self._choice = choice
        self._placing = placing
        self._ties.tie(self._on_recording, movie.events.recording)

    @property
    def obstacle(self) -> str | None:
        """Why decoding cannot start now; None if it can."""
        recording, card = self._movie.recording, self._choice.card
        if (missing := self._choice.obstacle) or recording is None or card is None:
            return missing
        if (problem := raw_problem(recording, card.config)) is not None:
            return problem[0].upper() + problem[1:]
        if (unplaced := self._areas_problem(card.config)) is not None:
            return unplaced
        if self.progress.running:
            return "A decode is running."
        return None

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What would make a decode possible, or its result better, most urgent first."""
        recording, card = self._movie.recording, self._choice.card
        if recording is None or recording.frame_rate is None or card is None:
            return ()
        given = {
            "resample": self._choice.rate_problem is not None
            and self._choice.wanted_rate is not None,
            "raw": raw_problem(recording, card.config) is not None
            and recording is not self._movie.raw,
            "place": self._areas_problem(card.config) is not None,
            "detrend": self.complete
            and self.prediction is not None
            and advises_detrending(self.prediction.warnings),
            "fine-tune": self.complete and card.config.provenance.simulated,
        }
        return tuple(name for name, wanted in given.items() if wanted)  # type: ignore[misc]

    def decode(self) -> None:
        """Decode the open recording; does nothing while there is an `obstacle`."""
        recording, card = self._movie.recording, self._choice.card
        if self.obstacle is not None or recording is None or card is None:
            return
        source = self._loaded[1] if self._loaded and self._loaded[0] is card else card.source
        how = {
            "compute": self._choice.compute,
            "any_rate": self._choice.any_rate,
            "looked_at": lambda: self._movie.frame,
        }
        placed, self._told = self._placing.registration, deque()
        work = partial(decoded, source, recording, card.source, placed, how, self._told)
        self._began = time.monotonic()
        self.complete = False
        self.card = card
        self.prediction = None
        self.message = ""
        self._task.start("loading the decoder", work, self._finish)

    def is_provisional(self, frame: int) -> bool:
        """Whether the answer of a frame will be replaced: by statistics of the whole movie."""
        return self.progress.running and bool(self._provisional[frame : frame + 1].any())

    def save(self, path: str | Path, *, overwrite: bool = True) -> None:
        """Write the prediction as CSV, and beside it how it was made, as JSON.

        The dialog has asked whether to replace the table; not so the JSON.
        """
        if self.prediction is None or not self.complete:
            return
        table = Path(path)
        record = table.with_suffix(".json")
        try:
            self.prediction.to_json(record)
            self.prediction.to_csv(table, overwrite=overwrite)
        except CortexDecoderError as error:
            self.failed.emit(error)
            return
        self.message = f"Saved {table.name} and {record.name}."

    def _areas_problem(self, config: DecoderConfig) -> str | None:
        """Why the areas that a decoder reads are not known; None if they are, or it reads none."""
        if not isinstance(config, TraceConfig) or not config.preprocessing.areas:
            return None
        how, placed = config.preprocessing, self._placing.registration
        recording = self._movie.recording
        if recording is not None and recording.registration is not None:
            measured = set(recording.areas)
            unmeasured = [label for label in how.areas if label not in measured]
            if unmeasured:
                more = f" and {len(unmeasured) - 1} more areas" if len(unmeasured) > 1 else ""
                return f"There is no trace of {unmeasured[0]}{more}, which this decoder reads."
        wanted = how.atlas or "that it learned from"
        if placed is None:
            return (
                f"This decoder reads {len(how.areas)} areas: place the atlas {wanted} first, in "
                "the section Atlas."
            )
        missing = missing_areas(how, placed.atlas)
        if missing:
            more = f" and {len(missing) - 1} more areas" if len(missing) > 1 else ""
            return (
                f"The atlas {placed.atlas.name} has no {missing[0]}{more}, which this decoder "
                f"reads: choose the atlas {wanted} in the section Atlas."
            )
        return None

    def _on_recording(self, recording: Recording | None) -> None:
        """Let go of a prediction that is not of this movie on this clock."""
        before, self._recording = self._recording, recording
        same_movie = (
            before is not None
            and recording is not None
            and before.movie is recording.movie
            and before.frame_rate == recording.frame_rate
            and before.frame_times is recording.frame_times
        )
        if same_movie:
            return
        self.cancel()
        self._choice.any_rate = False
        self.complete = False
        self.card = None
        self.prediction = None
        self.message = ""
        self.bring_back()

    def bring_back(self) -> None:
        """Show the prediction that is kept of what is shown, if there is one."""
        recording = self._recording
        if recording is not None and recording.path is not None and recording.frame_rate:

            def show(found: tuple[Prediction, str, str] | None) -> None:
                if found is not None and recording is self._recording:
                    self._show_kept(*found)

            self._background.run(prediction_of, recording, then=show)

    def _show_kept(self, prediction: Prediction, source: str, stale: str) -> None:
        if self.progress.running:
            return
        self.complete = False
        self.card = self._choice.card_of(source)
        self.prediction = prediction
        said = [f"Decoded before, with {prediction.decoder}.", *([stale] if stale else [])]
        self.message = "\n⚠ ".join([*said, *prediction.warnings])
        self.complete = True

    def _show_progress(self, progress: Progress) -> None:
        """Show what the running decode has done; once it is over, nothing that is provisional."""
        while self._told and progress.running:
            told = self._told.popleft()
            if not isinstance(told, DecodeEvent):
                assert self.card is not None  # that of the running decode
                self._loaded = self.card, told
                continue
            if told.probability is not None and told.start is not None:
                self._write(told.start, told.probability, told.provisional)
            self.message = told.message or self.message
        if not progress.running and self.prediction is not None and self._provisional.any():
            self.prediction.probability[self._provisional] = np.nan
            self._provisional[:] = False
            self.predicted.emit(0, len(self._provisional))
        self.progress = progress

    def _write(self, start: int, probability: NDArray[np.float32], provisional: bool) -> None:
        """Enter new results into the growing prediction."""
        if self.prediction is None:
            self.prediction = self._empty_prediction()
            self._provisional = np.zeros(len(self.prediction.probability), dtype=bool)
        stop = start + len(probability)
        self._provisional[start:stop] = provisional
        self.prediction.probability[start:stop] = probability
        self.predicted.emit(start, stop)

    def _empty_prediction(self) -> Prediction:
        recording = self._movie.recording
        assert recording is not None and self._loaded is not None  # a job has brought results
        decoder = self._loaded[1]
        shape = recording.n_frames, len(decoder.behaviors)
        return Prediction(
            probability=np.full(shape, np.nan, dtype=np.float32),
            behaviors=decoder.behaviors,
            times=recording.times,
            decoder=decoder.name,
            decoder_hash=decoder.hash,
            device=self._choice.device,
            warnings=(),
            settings={},
        )

    def _finish(self, prediction: Prediction) -> None:
        """Take over the whole result."""
        took = as_duration(time.monotonic() - self._began)
        where = self._choice.devices.get(prediction.device, prediction.device)
        self.prediction = prediction
        self.message = "\n⚠ ".join([f"Decoded in {took} on {where}.", *prediction.warnings])
        self.complete = True

    def _fail(self, error: Exception) -> None:
        self.message = ""
        super()._fail(error)
