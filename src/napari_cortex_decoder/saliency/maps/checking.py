"""Controls of one map, in one go: random weights, and whether the decoder needs what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import numpy as np

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.deletion import Deletion, deletion_insertion
from napari_cortex_decoder.saliency.maps.onsets import OnsetAverage
from napari_cortex_decoder.saliency.maps.randomization import Randomization, randomized_weights
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps
from napari_cortex_decoder.saliency.masking.frames import sample_frames, spread_frames
from napari_cortex_decoder.saliency.options import RunOptions
from napari_cortex_decoder.saliency.verdict import SIGNIFICANT, Verdict

LARGEST_LIKENESS = 0.5
"""Rank correlation, or SSIM, of a map and that of random weights, from which on they are alike."""

_MAPPED = 4
"""Frames whose maps are compared with those of random weights."""

_SCORED, _STRETCH = 150, 15
"""Frames that are scored while places go missing, and how many of them in a row."""

_FRACTIONS = (0.1, 0.3)
"""Shares of the places that go missing."""


@dataclass(frozen=True, eq=False)
class MapCheck:
    """What the controls of a map say."""

    randomization: Randomization  # maps of a few of its frames, against those of random weights
    # the score while places go missing in the map's order, against random orders
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
    **running: Unpack[RunOptions],
) -> MapCheck:
    """Hold maps against their controls; takes a few minutes on two cores.

    Parameters
    ----------
    decoder, recording
        Those that the maps are of.
    maps
        What `saliency_map` or `onset_average` gave.
    ethogram
        Labels: places go missing in some frames of many bouts, and the score is the AUC. None:
        the score is the log-odds of what the decoder says.
    layers, seed
        As for `randomized_weights`.
    orders
        As for `deletion_insertion`.
    **running
        See `RunOptions`: compute, any_rate, progress.

    Raises
    ------
    DecoderError, LabelError, RecordingError, FrameRateError, DeviceError
        As `saliency_map` and `area_importance`.
    """
    if isinstance(maps, SaliencyMaps):
        start, stop = maps.scored
    else:
        start, stop = int(maps.onsets[0]), int(maps.onsets[0]) + _MAPPED
    randomization = randomized_weights(
        decoder, recording, start, min(stop, start + _MAPPED), maps.behavior,
        method=maps.method, layers=layers, seed=seed, **running,
    )  # fmt: skip
    # what speaks against the behavior is needed as much as what speaks for it
    worth = np.abs(maps.maps).mean(axis=0)
    if ethogram is not None:
        frames = sample_frames(ethogram, _SCORED, stretch=_STRETCH, seed=seed)
    else:
        frames = spread_frames(recording.n_frames, _SCORED, stretch=_STRETCH)
    deletion = deletion_insertion(
        decoder, recording, worth, ethogram, maps.behavior,
        fractions=_FRACTIONS, orders=orders, frames=frames, seed=seed, **running,
    )  # fmt: skip
    return MapCheck(randomization, deletion)


def judge_maps(randomization: Randomization, deletion: Deletion | None = None) -> Verdict:
    """Judge saliency maps: whether they change with the weights, and tell what is needed.

    *Not supported*: a network of random weights gives much the same map, or places go missing in
    the map's order and the decoder loses no more than in random order. *Weak*: one of the two was
    not measured, or barely.
    """
    table = randomization.table
    last = table.iloc[-1]
    alike = float(np.nanmax([last["spearman_abs"], last["ssim"], abs(last["spearman"])]))
    figures = f"rank r {last['spearman']:.2f}, SSIM {last['ssim']:.2f}"
    if last["spearman_abs"] >= LARGEST_LIKENESS and last["ssim"] >= LARGEST_LIKENESS:
        return Verdict(
            "not supported",
            f"with random weights down to {last['layer']} the map stays as it is ({figures}): it "
            "shows the movie, not what the decoder learned.",
        )
    doubts = []
    if last["layer"] != "stem":
        doubts.append(f"weights were only randomized down to {last['layer']}")
    if alike >= LARGEST_LIKENESS:
        doubts.append(f"with random weights it stays partly alike ({figures})")
    if deletion is None:
        doubts.append("nobody has looked whether the decoder needs what it shows")
    elif deletion.p > SIGNIFICANT:
        reason = (
            "taking places away in its order costs the decoder no more than in random order "
            f"(p {deletion.p:.2f})"
        )
        if deletion.p > 0.5 or deletion.advantage <= 0:
            return Verdict("not supported", f"{reason}.")
        doubts.append(reason)
    said = f"random weights change the map ({figures})"
    if deletion is not None and deletion.p <= SIGNIFICANT:
        said += f" and the decoder needs what it shows (p {deletion.p:.2f} against random orders)"
    return (
        Verdict("weak", f"{said}; but {'; '.join(doubts)}.")
        if doubts
        else Verdict("holds", f"{said}.")
    )
