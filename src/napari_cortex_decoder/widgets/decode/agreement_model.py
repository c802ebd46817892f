"""What a prediction is worth where somebody has labelled, or speed was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.decoder.prediction import Prediction
from napari_cortex_decoder.labels import Cleaning, Ethogram
from napari_cortex_decoder.labels.cleaning import proposed_cleaning
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.scoring.agreement import Agreement, agreement, judging_labels
from napari_cortex_decoder.widgets.decode.decode_model import DecodeModel
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.speed_model import SpeedModel

_LOOKED_AT = 1000  # frames whose mean is taken
_LEARNED = "Its decoder learned from all that is known here: nothing is left to judge it by."


class AgreementModel(SectionModel):
    """Holds the whole prediction of the open recording against its labels, or else its speed."""

    said: str = ""  # what came out, in a sentence; empty where there is nothing to hold it against
    cleaning: Cleaning | None = None  # how to clean bouts that fall apart; None where they do not

    _movie: MovieModel
    _decode: DecodeModel
    _labels: LabelsModel
    _speed: SpeedModel
    _mean: tuple[object, NDArray[np.float64]] | None = None

    def __init__(
        self, movie: MovieModel, decode: DecodeModel, labels: LabelsModel, speed: SpeedModel
    ) -> None:
        super().__init__()
        self._movie, self._decode, self._labels, self._speed = movie, decode, labels, speed
        self._ties.tie(
            self._hold, decode.events.complete, labels.events.ethogram, speed.events.settings
        )

    def _hold(self) -> None:
        recording, prediction = self._movie.recording, self._decode.prediction
        ethogram, of = self._labels.ethogram, "labels"
        if ethogram is None:
            ethogram, of = self._speed.measured, "speed"
        self._background.drop()
        if recording is None or prediction is None or ethogram is None or not self._decode.complete:
            self.said, self.cleaning = "", None
            return
        known = self._mean[1] if self._mean and self._mean[0] is recording.movie else None

        def take(found: tuple[Agreement | None, NDArray[np.float64]]) -> None:
            agrees, self._mean = found[0], (recording.movie, found[1])
            rate, apart = recording.known_frame_rate(), agrees is not None and agrees.falls_apart
            self.cleaning = proposed_cleaning(ethogram, rate) if apart else None
            if agrees is not None:
                counted = of if prediction.held_out is None else f"{of} that were held out"
                self.said = agrees.said(agrees.frames / rate, counted)
            else:
                self.said = "" if prediction.held_out is None else _LEARNED

        self._background.run(_held, recording, prediction, ethogram, known, then=take)


def _held(
    recording: Recording,
    prediction: Prediction,
    ethogram: Ethogram,
    frame_mean: NDArray[np.float64] | None,
) -> tuple[Agreement | None, NDArray[np.float64]]:
    """Return what comes out, and the mean of some frames, NaN for the others; runs in a thread."""
    if frame_mean is None:
        frame_mean = np.full(recording.n_frames, np.nan)
        looked = np.unique(np.linspace(0, recording.n_frames - 1, _LOOKED_AT).astype(int))
        frame_mean[looked] = recording.movie[looked].mean(axis=(1, 2)).compute()
    labels = judging_labels(prediction, ethogram)
    return agreement(prediction.probability, labels, frame_mean), frame_mean
