"""Saliency maps: which pixel of which frame speaks for a behaviour, in the windows that see it.

A map is an illustration; a region's number comes from `area_importance`. Maps are signed (positive:
for the behaviour) and share one scale, so that frames can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.choices import MAP_METHODS, MapMethod, check_choice
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn
from napari_cortex_decoder.decoder.suitability import check_length, first_predicted
from napari_cortex_decoder.errors import DecoderError, RecordingError
from napari_cortex_decoder.progress import Report, renamed, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.gradients import LARGEST_GAP, Gradients, Maps, occlusion
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder, behavior_index
from napari_cortex_decoder.saliency.masking.frames import Ints
from napari_cortex_decoder.saliency.options import MapOptions

_SCALE_PERCENTILE = 99.5


@dataclass(frozen=True, eq=False)
class SaliencyMaps:
    """Maps of frames in a row, for the log-odds of one behaviour in all scored frames together.

    A window sees frames before and after its own, so maps reach beyond the scored frames. Maps of
    windows add up: that of a bout is the sum of those of its frames.

    Attributes
    ----------
    maps
        Shape (n, y, x), float32, log-odds (for Grad-CAM without unit); positive speaks for the
        behaviour. As many rows and columns as the decoder's image has of the frame.
    frames
        Shape (n,): frame of the movie that each map belongs to.
    scored
        First scored frame, and the first one after.
    log_odds
        Shape (scored frames,), of the behaviour.
    scale
        Amount shown in full colour, in all frames and of either sign.
    grid
        Rows and columns that the method tells apart; the maps show no more than that.
    gap
        Largest share of the change of log-odds that is not accounted for (completeness); NaN
        for other methods than integrated gradients.
    method, behavior, decoder, recording, settings, warnings
        How, what, by whom, of whom.
    """

    maps: Maps
    frames: Ints
    scored: tuple[int, int]
    log_odds: NDArray[np.float32]
    scale: float
    grid: tuple[int, int]
    gap: float
    method: MapMethod
    behavior: str
    decoder: str
    recording: str
    settings: Mapping[str, object]
    warnings: tuple[str, ...]

    def mean(self) -> Maps:
        """Return the mean over the frames, shape (y, x)."""
        return np.asarray(self.maps.mean(axis=0), dtype=np.float32)


def saliency_map(
    decoder: Decoder,
    recording: Recording,
    start: int,
    stop: int | None = None,
    behavior: str = "run",
    **mapping: Unpack[MapOptions],
) -> SaliencyMaps:
    """Show which pixels of which frames speak for a behaviour.

    Parameters
    ----------
    decoder
        One that sees images.
    recording
        What it reads.
    start, stop
        Frames whose predictions are explained; one frame where there is no `stop`.
    behavior
        One of the decoder's.
    **mapping
        See `MapOptions`: method, grid, points, compute, any_rate, progress.

    Raises
    ------
    DecoderError
        If the decoder sees no images, knows no such behaviour, or the method is unknown.
    RecordingError
        If the windows of these frames leave the recording.
    FrameRateError, DeviceError
        As for `Decoder.decode`.
    """
    stop = start + 1 if stop is None else stop
    check_range(decoder, recording, start, stop)
    return MapMaker(decoder, recording, behavior, **mapping).maps(start, stop)


def check_range(decoder: Decoder, recording: Recording, start: int, stop: int) -> None:
    """Refuse frames whose windows do not fit into the recording."""
    first = first_predicted(decoder.config, recording.known_frame_rate())
    last = recording.n_frames - decoder.config.frames_after - 1
    if not first <= start < stop <= last + 1:
        raise RecordingError(
            f"{recording.path or recording.name}: frames {start} to {stop - 1} are asked for, and "
            f"windows of this decoder fit around frames {first} to {last}."
        )


def fitting_range(decoder: Decoder, recording: Recording, start: int, stop: int) -> tuple[int, int]:
    """Clip frames [start, stop) to those that a window fits around; one at least stays.

    Raises RecordingError if the recording is too short for a single window.
    """
    check_length(recording, decoder.config)
    first = first_predicted(decoder.config, recording.known_frame_rate())
    last = recording.n_frames - decoder.config.frames_after - 1
    start = min(max(start, first), last)
    return start, min(max(stop, start + 1), last + 1)


class MapMaker:
    """Makes the maps of one behavior, of a recording that is measured once.

    Parameters
    ----------
    decoder, recording, behavior
        As for `saliency_map`.
    method, grid, points, compute, any_rate, progress
        See `MapOptions`.

    Attributes
    ----------
    masked, method
        The decoder, on its recording, and how.
    """

    def __init__(
        self,
        decoder: Decoder,
        recording: Recording,
        behavior: str,
        *,
        method: MapMethod = "integrated-gradients",
        grid: int = 8,
        points: int = 32,
        compute: Compute = HERE,
        any_rate: bool = False,
        progress: Report | None = None,
    ) -> None:
        check_choice("method", method, MAP_METHODS, DecoderError)
        self.method, self._grid, self._points = method, grid, points
        self._index = behavior_index(decoder, behavior)
        self._report = progress or unheard
        self.masked = MaskedDecoder(
            decoder, recording, compute=compute, any_rate=any_rate, report=self._report
        )

    def maps(
        self, start: int, stop: int, place: str = "", network: Cnn | CnnRnn | None = None
    ) -> SaliencyMaps:
        """Return the maps of frames [start, stop), by another network of the same kind if any.

        `place` is added to what reports call this.
        """
        report = renamed(self._report, lambda stage: f"{stage}{place}")
        masked = self.masked if network is None else self.masked.with_network(network)
        scored, index, gap = np.arange(start, stop), self._index, math.nan
        if self.method == "occlusion":
            maps, frames, odds, true_grid = occlusion(masked, scored, index, report)
        else:
            gradients = Gradients(masked, index, report)
            if self.method == "grad-cam":
                maps, frames, odds, true_grid = gradients.grad_cam(scored, self._grid)
            else:
                maps, frames, odds, gap = gradients.integrated(scored, self._points)
                true_grid = masked.resampling.inner_shape
        maps.setflags(write=False)
        warnings = list(masked.warnings)
        if gap > LARGEST_GAP:
            warnings.append(f"integrated gradients leave {gap:.1%} unexplained; take more points.")
        return SaliencyMaps(
            maps=maps,
            frames=frames,
            scored=(start, stop),
            log_odds=odds,
            scale=scale_of(maps),
            grid=true_grid,
            gap=gap,
            method=self.method,
            behavior=masked.config.behaviors[index],
            decoder=masked.decoder.name,
            recording=masked.recording.name,
            settings={"points": self._points, "device": str(masked.device)},
            warnings=tuple(warnings),
        )


def scale_of(maps: Maps) -> float:
    """Return the amount that is shown in full colour, for maps that share a scale."""
    return float(np.percentile(np.abs(maps), _SCALE_PERCENTILE)) or 1.0
