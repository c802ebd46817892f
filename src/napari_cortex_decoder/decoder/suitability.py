"""Whether a recording suits a decoder: its frame rate, its length, what its pixels are."""

from __future__ import annotations

import numpy as np

from napari_cortex_decoder.decoder.config import DecoderConfig, TemporalCnnConfig, TraceConfig
from napari_cortex_decoder.errors import FrameRateError, RecordingError
from napari_cortex_decoder.recording import Recording

RATE_TOLERANCE = 0.1
"""By how much, relative to the decoder's, a recording's frame rate may differ unasked."""

_NO_BASELINE = {"delta-f": "ΔF/F", "hemodynamics": "corrected", "detrend": "detrended"}
"""Steps after which a movie is not raw, and what it is then."""

_SAMPLED_FRAMES = 24
_LEAST_BASELINE = 2.0  # times a pixel's SD over time; of fluorescence it is 30 to 100


def rates_agree(frame_rate: float, learned: float) -> bool:
    """Return whether a recording's frame rate (Hz) is near enough to the decoder's."""
    return round(abs(frame_rate / learned - 1), 9) <= RATE_TOLERANCE


def reads_rate(frame_rate: float, config: DecoderConfig) -> bool:
    """Return whether a decoder reads recordings of a frame rate (Hz), some bring them to theirs."""
    at_own = isinstance(config, TemporalCnnConfig) and frame_rate >= config.frame_rate / 2
    return at_own or rates_agree(frame_rate, config.frame_rate)


def check_kind(recording: Recording, config: DecoderConfig, name: str) -> None:
    """Refuse traces of areas for a decoder of images.

    Raises RecordingError if the recording has no images.
    """
    if recording.traces is not None and not isinstance(config, TraceConfig):
        raise RecordingError(
            f"{recording.path or recording.name} holds traces of areas, and decoder {name!r} reads "
            "images; use a decoder of areas, such as 'run-rest-areas'."
        )


def raw_problem(recording: Recording, config: DecoderConfig, *, look: bool = False) -> str | None:
    """Return why a decoder that divides by the SD of raw frames cannot read a recording.

    That SD is one of brightness over space, which ΔF/F has not: its images would be fifty times too
    large. None if it can be read, as far as is known. `look`: at some frames too, not only at the
    steps that made the recording.
    """
    if isinstance(config, TraceConfig) or config.preprocessing.scale != "movie-sd":
        return None
    made = [_NO_BASELINE[name] for s in recording.steps if (name := s.get("name")) in _NO_BASELINE]
    if not made and not (look and _is_normalized(recording)):
        return None
    what = made[-1] if made else "ΔF/F or normalized otherwise (its pixels have no baseline)"
    return (
        f"the decoder divides by the SD of raw frames, and this movie is {what}; decode the raw "
        "movie, or take a decoder that centers its frames first (scale centered-sd)."
    )


def _is_normalized(recording: Recording) -> bool:
    """Return whether pixels vary around 0 or 1, as in ΔF/F, F/F₀ and z scores, by some frames."""
    if recording.movie.dtype.kind not in "fi":
        return False
    every = -(-recording.n_frames // _SAMPLED_FRAMES)
    frames = np.asarray(recording.movie[::every].compute(), np.float64)
    mean, spread = frames.mean(axis=0), frames.std(axis=0)
    seen = spread > 0
    if not seen.any():
        return False
    mean, spread = mean[seen], spread[seen]
    relative = [np.median(np.abs(mean - baseline) / spread) for baseline in (0, 1, 100)]
    return bool(relative[0] < _LEAST_BASELINE or min(relative) < 1)


def check_suits(
    recording: Recording,
    config: DecoderConfig,
    *,
    name: str,
    any_rate: bool,
    decodes: bool = False,
) -> list[str]:
    """Refuse pixels that the decoder cannot read and another frame rate, or warn of the rate.

    Raises FrameRateError if the recording's frame rate is unknown, or more than 10 % off without
    `any_rate`; RecordingError if the decoder divides by the SD of raw frames, and the movie is ΔF/F
    or the like. `decodes`: it is to be decoded, which some decoders do at a frame rate of their
    own.
    """
    if (problem := raw_problem(recording, config, look=True)) is not None:
        raise RecordingError(f"{recording.path or recording.name}: {problem}")
    rate = recording.known_frame_rate()
    if rates_agree(rate, config.frame_rate) or (decodes and reads_rate(rate, config)):
        return []
    where = recording.path or recording.name
    if not any_rate:
        raise FrameRateError(
            f"{where} has {rate:g} frames a second and decoder {name!r} learned from "
            f"{config.frame_rate:g}; resample the movie (step resample; command line: --resample), "
            "or decode it all the same with any_rate (--any-rate)."
        )
    return [
        f"{where} has {rate:g} frames a second, but decoder {name!r} learned from "
        f"{config.frame_rate:g}: its probabilities may mean nothing here; resample the movie "
        "(step resample; command line: --resample)."
    ]


def first_predicted(config: DecoderConfig, frame_rate: float) -> int:
    """Return the first frame that a decoder predicts: after the warm-up, where a window fits."""
    return config.preprocessing.warm_up_frames(frame_rate) + config.frames_before


def check_length(recording: Recording, config: DecoderConfig) -> None:
    """Refuse a recording that is too short for a single prediction.

    Raises RecordingError if it is.
    """
    needed = first_predicted(config, recording.known_frame_rate()) + 1 + config.frames_after
    if recording.n_frames < needed:
        raise RecordingError(
            f"{recording.path or recording.name} has {recording.n_frames} frames and one "
            f"prediction of this decoder needs {needed}; give a longer recording."
        )
