"""Controls of one map, in one go: random weights, and whether the decoder needs what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.deletion import Deletion, deletion_insertion
from napari_cortex_decoder.saliency.frames import Report, sample_frames, spread_frames
from napari_cortex_decoder.saliency.maps import SaliencyMaps
from napari_cortex_decoder.saliency.onsets import OnsetAverage
from napari_cortex_decoder.saliency.randomization import Randomization, randomized_weights
from napari_cortex_decoder.saliency.verdict import Verdict, judge_maps

_MAPPED = 4
"""Frames whose maps are compared with those of random weights."""

_SCORED, _STRETCH = 150, 15
"""Frames that are scored while places go missing, and how many of them in a row."""

_FRACTIONS = (0.1, 0.3)
"""Shares of the places that go missing."""


@dataclass(frozen=True, eq=False)
class MapCheck:
    """What the controls of a map say.

    Attributes
    ----------
    randomization
        Maps of a few of its frames, against those of random weights.
    deletion
        The score while places go missing in the map's order, against random orders.
    """

    randomization: Randomization
    deletion: Deletion

    @property
    def verdict(self) -> Verdict:
        """Whether the map may be believed, and why."""
        return judge_maps(self.randomization, self.deletion)


def check_maps(
    decoder: Decoder,
    recording: Recording,
    maps: SaliencyMaps | OnsetAverage,
    ethogram: Ethogram | None = None,
    *,
    layers: int | None = None,
    orders: int = 19,
    seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    any_rate: bool = False,
    progress: Report | None = None,
) -> MapCheck:
    """Hold maps against their controls; takes a few minutes on two cores.

    Parameters
    ----------
    decoder, recording
        Those that the maps are of.
    maps
        What `saliency` or `onset_average` gave.
    ethogram
        Labels: places go missing in some frames of many bouts, and the score is the AUC. None:
        the score is the log-odds of what the decoder says.
    layers, seed
        As for `randomized_weights`.
    orders
        As for `deletion_insertion`.
    device, batch_size, any_rate, progress
        As for `saliency`.

    Raises
    ------
    DecoderError, LabelError, RecordingError, FrameRateError, DeviceError
        As `saliency` and `area_importance`.
    """
    if isinstance(maps, SaliencyMaps):
        start, stop = maps.scored
    else:
        start, stop = int(maps.onsets[0]), int(maps.onsets[0]) + _MAPPED
    randomization = randomized_weights(
        decoder,
        recording,
        start,
        min(stop, start + _MAPPED),
        maps.behavior,
        method=maps.method,
        layers=layers,
        seed=seed,
        device=device,
        batch_size=batch_size,
        any_rate=any_rate,
        progress=progress,
    )
    # what speaks against the behavior is needed as much as what speaks for it
    worth = np.abs(maps.maps).mean(axis=0)
    if ethogram is not None:
        frames = sample_frames(ethogram, _SCORED, stretch=_STRETCH, seed=seed)
    else:
        frames = spread_frames(recording.n_frames, _SCORED, stretch=_STRETCH)
    deletion = deletion_insertion(
        decoder,
        recording,
        worth,
        ethogram,
        maps.behavior,
        fractions=_FRACTIONS,
        orders=orders,
        frames=frames,
        seed=seed,
        device=device,
        batch_size=batch_size,
        any_rate=any_rate,
        progress=progress,
    )
    return MapCheck(randomization, deletion)
