"""Questions answered: one service for the window and the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.choices import LAGS, MAP_METHODS, WITHIN_ONE
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.learned_frames import held_out_frames
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.saliency.importance.areas import area_importance
from napari_cortex_decoder.saliency.importance.cutout import cutout_importance
from napari_cortex_decoder.saliency.maps.checking import check_maps
from napari_cortex_decoder.saliency.maps.onsets import onset_average, onset_frames
from napari_cortex_decoder.saliency.maps.saliency_maps import (
    check_range,
    fitting_range,
    saliency_map,
)
from napari_cortex_decoder.saliency.maps.trace_maps import area_saliency
from napari_cortex_decoder.saliency.masking.frames import SAMPLED, sample_frames, spread_frames
from napari_cortex_decoder.saliency.question import Answer, Question


def answer(question: Question, decoder: Decoder, progress: Report | None = None) -> Answer:
    """Return what a decoder reads a behavior from.

    Parameters
    ----------
    question
        What is asked.
    decoder
        The question's, loaded.
    progress
        Is told how far it is.

    Raises
    ------
    LabelError
        If the span needs labels, and there are none.
    DecoderError, RecordingError, FrameRateError, AtlasError
        As `area_importance` and its kin.
    """
    asked, method = question, question.method
    of: tuple[Decoder, Any] = (decoder, asked.recording)
    common: dict[str, Any] = {"any_rate": asked.any_rate, "progress": progress}
    known = held_out_frames(decoder.provenance, asked.recording)
    if method in LAGS:
        how: Any = method.removeprefix("lags-")
        lags = area_saliency(
            *of, asked.registration, asked.behavior, method=how, frames=scored_frames(asked, known),
            seed=asked.seed, **common,
        )  # fmt: skip
        return Answer(asked, lags=lags)
    common["compute"] = asked.compute
    if asked.kind == "onsets":
        labels = _labels(asked)
        onsets = onset_average(*of, labels, asked.behavior, method=method, **common)  # type: ignore[arg-type]
        return Answer(asked, onsets=onsets)
    if asked.kind == "maps":
        start, stop = fitting_range(*of, asked.start, _stop(asked))
        maps = saliency_map(*of, start, stop, asked.behavior, method=method, **common)  # type: ignore[arg-type]
        return Answer(asked, maps=maps)
    ethogram = None if asked.span in WITHIN_ONE else asked.ethogram
    common |= {
        "behavior": asked.behavior,
        "frames": scored_frames(asked, known),
        "seed": asked.seed,
    }
    if method == "cutouts":
        return Answer(asked, cutouts=cutout_importance(*of, ethogram, **common))
    areas = area_importance(
        *of, asked.registration, ethogram, targets=method, score=asked.score,  # type: ignore[arg-type]
        fills=asked.fills, patches=asked.patches, **common,
    )  # fmt: skip
    return Answer(asked, areas=areas)


def check_answer(given: Answer, decoder: Decoder, progress: Report | None = None) -> Answer:
    """Return maps held against their controls; takes minutes."""
    asked, maps = given.question, given.maps or given.onsets
    if maps is None:
        raise LabelError("there is no map to check; importance brings its controls along.")
    found = check_maps(
        decoder, asked.recording, maps, asked.ethogram, seed=asked.seed, compute=asked.compute,
        any_rate=asked.any_rate, progress=progress,
    )  # fmt: skip
    return Answer(asked, maps=given.maps, onsets=given.onsets, check=found)


def check_question(question: Question, decoder: Decoder) -> None:
    """Refuse maps that cannot be made, before minutes are spent on what else is asked.

    Raises LabelError or RecordingError if there is no onset, or no window fits.
    """
    if question.kind == "onsets":
        scored_frames(question)
    elif question.method in MAP_METHODS:
        check_range(decoder, question.recording, question.start, _stop(question))


def scored_frames(
    question: Question, held_out: NDArray[np.bool_] | None = None
) -> NDArray[np.int64] | None:
    """Choose the frames that a question is about, bouts among those held out; None: all."""
    span, behavior, n = question.span, question.behavior, question.recording.n_frames
    if span == "onsets":
        rate = question.recording.known_frame_rate()
        return onset_frames(_labels(question), behavior, frame_rate=rate)
    if span in ("bouts", "behavior"):
        ethogram = _labels(question)
        if span == "behavior":
            only = tuple(bout for bout in ethogram.bouts if bout.behavior == behavior)
            ethogram = Ethogram(ethogram.behaviors, only, ethogram.n_frames)
        return sample_frames(
            ethogram, question.frames or SAMPLED, seed=question.seed, among=held_out
        )
    if span == "session":
        return None if question.frames is None else spread_frames(n, question.frames)
    return np.arange(question.start, _stop(question))


def _stop(question: Question) -> int:
    return question.recording.n_frames if question.stop is None else question.stop


def _labels(question: Question) -> Ethogram:
    if question.ethogram is None:
        raise LabelError(f"{question.span} need labels; label some bouts, or choose other frames.")
    return question.ethogram
