"""Averages around the onsets of a behavior: when, and where, a decoder begins to see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.choices import MapMethod
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.suitability import first_predicted
from napari_cortex_decoder.errors import LabelError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.gradients import Maps
from napari_cortex_decoder.saliency.maps.saliency_maps import MapMaker, scale_of
from napari_cortex_decoder.saliency.masking.frames import Ints
from napari_cortex_decoder.saliency.options import MapOptions
from napari_cortex_decoder.scoring.events import find_onsets

BEFORE, AFTER = 1.0, 2.0
"""Seconds around an onset that are shown."""

MOST_ONSETS = 12
"""Onsets that are averaged unless more are asked for."""


@dataclass(frozen=True, eq=False)
class OnsetAverage:
    """Maps averaged over onsets, one for each lag."""

    # shape (lags, y, x), float32: as in `SaliencyMaps`, averaged. Each map has what all windows
    # that see its frame give to it, those outside the lags too
    maps: Maps
    # shape (lags,): frames and s from the onset
    lags: Ints
    seconds: NDArray[np.float64]
    onsets: Ints  # shape (n,): first frames of the bouts that were averaged
    log_odds: NDArray[np.float64]  # shape (lags,): mean log-odds of the behavior
    # as in `SaliencyMaps`
    scale: float
    grid: tuple[int, int]
    method: MapMethod
    behavior: str
    decoder: str
    recording: str
    settings: Mapping[str, object]
    warnings: tuple[str, ...]


def onset_frames(
    ethogram: Ethogram,
    behavior: str = "run",
    *,
    frame_rate: float,
    before: float = BEFORE,
    after: float = AFTER,
) -> Ints:
    """Choose the frames around all onsets of a behavior: for `frames` of `area_importance`.

    There a decoder must tell the behavior from what comes before it; what is as high before an
    onset as after it says nothing. Raises LabelError if there is no onset.
    """
    quiet, later = max(1, round(before * frame_rate)), round(after * frame_rate)
    onsets = _some(find_onsets(ethogram, behavior, quiet), behavior, before)
    chosen = np.unique(onsets[:, None] + np.arange(-quiet, later + 1))
    return chosen[chosen < ethogram.n_frames]


def onset_average(
    decoder: Decoder,
    recording: Recording,
    ethogram: Ethogram,
    behavior: str = "run",
    *,
    before: float = BEFORE,
    after: float = AFTER,
    most: int = MOST_ONSETS,
    **mapping: Unpack[MapOptions],
) -> OnsetAverage:
    """Average the maps around the onsets of a behavior.

    Parameters
    ----------
    decoder, recording, behavior, **mapping
        As for `saliency_map`, but that Grad-CAM is the method if none is named.
    ethogram
        Labels. An onset is the first frame of a bout before which there is another behavior for
        `before` seconds.
    before, after
        Seconds around the onset.
    most
        Onsets at most, evenly chosen of all: integrated gradients and occlusion take about a
        minute each on two cores.

    Raises
    ------
    LabelError
        If the labels do not fit the recording, or hold no such onset.
    DecoderError, FrameRateError, DeviceError
        As `saliency_map`.
    """
    rate, n_frames = recording.known_frame_rate(), recording.n_frames
    if ethogram.n_frames != n_frames:
        raise LabelError(
            f"the labels have {ethogram.n_frames} frames and the recording has {n_frames}; give "
            "the labels of this recording."
        )
    quiet, later = max(1, round(before * rate)), round(after * rate)
    config = decoder.config
    # a frame is seen by windows around it, so those around the outermost lags are scored as well
    reach = (quiet + config.frames_after, later + config.frames_before)
    found = find_onsets(ethogram, behavior, quiet)
    first = first_predicted(config, rate) + reach[0]
    found = found[(found >= first) & (found + reach[1] + config.frames_after < n_frames)]
    onsets = _some(found, behavior, before)
    if len(onsets) > most:
        onsets = onsets[np.unique(np.linspace(0, len(onsets) - 1, most).round().astype(int))]
    mapping.setdefault("method", "grad-cam")
    maker = MapMaker(decoder, recording, behavior, **mapping)
    lags = np.arange(-quiet, later + 1)
    maps: NDArray[np.float64] = np.zeros((len(lags), *maker.masked.resampling.inner_shape))
    odds = np.zeros(len(lags))
    warnings: dict[str, None] = {}
    for number, onset in enumerate(onsets.tolist(), 1):
        start, stop = onset - reach[0], onset + reach[1] + 1
        one = maker.maps(start, stop, f", onset {number} of {len(onsets)}")
        place = onset - quiet - int(one.frames[0])
        maps += one.maps[place : place + len(lags)]
        odds += one.log_odds[onset - quiet - start :][: len(lags)]
        warnings |= dict.fromkeys(one.warnings)
    mean = (maps / len(onsets)).astype(np.float32)
    return OnsetAverage(
        maps=mean,
        lags=lags,
        seconds=lags / rate,
        onsets=onsets,
        log_odds=odds / len(onsets),
        scale=scale_of(mean),
        grid=one.grid,
        method=maker.method,
        behavior=behavior,
        decoder=decoder.name,
        recording=recording.name,
        settings={**one.settings, "before_s": before, "after_s": after, "onsets": onsets.tolist()},
        warnings=tuple(warnings),
    )


def _some(onsets: Ints, behavior: str, before: float) -> Ints:
    if not len(onsets):
        raise LabelError(
            f"no bout of {behavior!r} begins after {before:g} s of other labelled behavior, with "
            "room for the decoder's windows around it; label more bouts, or take less time before."
        )
    return onsets
