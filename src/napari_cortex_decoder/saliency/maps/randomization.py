"""Whether a map changes with the weights (Adebayo et al. 2018, Sanity checks for saliency maps)."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cortex_decoder.choices import MAP_METHODS, MapMethod, check_choice
from napari_cortex_decoder.compute import HERE, Compute
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.networks import (
    Cnn,
    CnnRnn,
    build_network,
    reestimate_batch_norm,
)
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.progress import Report, renamed, unheard
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.saliency_maps import SaliencyMaps, check_range, explain
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder, behavior_index
from napari_cortex_decoder.scoring.correlation import rank_correlation

_ESTIMATED_IMAGES = 64
"""Images, from all over the recording, that batch normalisation is estimated anew from."""


@dataclass(frozen=True, eq=False)
class Randomization:
    """How alike a map stays while weights become random, from the output down."""

    maps: SaliencyMaps  # of the decoder as it is
    # one row a step: ``layer`` (the last one randomised; the first row only has its batch
    # normalisation estimated anew, and should stay alike), ``spearman`` (rank correlation of the
    # signed maps over all frames), ``spearman_abs`` (of their amounts), ``ssim`` (structural
    # similarity of the amounts, each by its own scale, mean over frames)
    table: pd.DataFrame


def randomized_weights(
    decoder: Decoder,
    recording: Recording,
    start: int,
    stop: int | None = None,
    behavior: str = "run",
    *,
    method: MapMethod = "integrated-gradients",
    layers: int | None = None,
    grid: int = 8,
    points: int = 32,
    seed: int = 0,
    compute: Compute = HERE,
    any_rate: bool = False,
    progress: Report | None = None,
) -> Randomization:
    """Compare a map with those of a network whose layers become random, one after the other.

    A map that stays alike shows the movie, not what the decoder learned. Batch normalisation is
    estimated anew each time: without that a random EfficientNet gives nothing, and any map of
    it would pass for different.

    Parameters
    ----------
    decoder, recording, start, stop, behavior, method, grid, points
        As for `saliency_map`.
    layers
        How many steps from the output down; None for all, 1 for the head only.
    seed
        Of the random weights.
    compute, any_rate, progress
        As for `saliency_map`.

    Raises
    ------
    DecoderError, RecordingError, FrameRateError, DeviceError
        As `saliency_map`.
    """
    report = progress or unheard
    check_choice("method", method, MAP_METHODS, DecoderError)
    index = behavior_index(decoder, behavior)
    stop = start + 1 if stop is None else stop
    check_range(decoder, recording, start, stop)
    masked = MaskedDecoder(decoder, recording, compute=compute, any_rate=any_rate, report=report)
    images = images_from_all_over(masked)

    def maps_of(one: MaskedDecoder, name: str) -> SaliencyMaps:
        told = renamed(report, lambda stage: f"{stage}, {name}")
        return explain(
            one, start, stop, index, method=method, grid=grid, points=points, report=told
        )

    original = maps_of(masked, "as it is")
    with seeded(seed):
        fresh = build_network(masked.config)
    network = copy.deepcopy(masked.decoder.network).cpu().eval()
    rows = []
    for name, module, source in [("none", None, None), *_from_the_top(network, fresh)][
        : None if layers is None else layers + 1
    ]:
        if module is not None and source is not None:
            module.load_state_dict(source.state_dict())
        reestimate_batch_norm(network.cnn, images)
        found = maps_of(masked.with_network(network), f"random down to {name}")
        rows.append({"layer": name, **likeness(original.maps, found.maps)})
    return Randomization(original, pd.DataFrame(rows))


def images_from_all_over(masked: MaskedDecoder) -> Tensor:
    """Return images of stretches spread over the recording, shape (n, channels, y, x)."""
    config = masked.config
    first, _, last = config.preprocessing.channel_offsets
    places = np.linspace(-first, masked.recording.n_frames - 1 - last, _ESTIMATED_IMAGES)
    found = [
        masked.images(masked.frames(int(i) + first, int(i) + last + 1))
        for i in np.unique(places.astype(int))
    ]
    return torch.cat(found).cpu()


def _from_the_top(
    network: Cnn | CnnRnn, fresh: Cnn | CnnRnn
) -> list[tuple[str, nn.Module, nn.Module]]:
    """Pair the layers of a network with those of a random one, from the output down."""
    pairs: list[tuple[str, nn.Module, nn.Module]] = []
    if isinstance(network, CnnRnn) and isinstance(fresh, CnnRnn):
        pairs.append(("recurrent head", network.head, fresh.head))
    else:
        pairs.append(("classifier", network.cnn._fc, fresh.cnn._fc))
    pairs.append(("last convolution", network.cnn._conv_head, fresh.cnn._conv_head))
    stages = list(zip(network.cnn._blocks.children(), fresh.cnn._blocks.children(), strict=True))
    pairs += [(f"stage {number}", *stages[number - 1]) for number in range(len(stages), 0, -1)]
    return [*pairs, ("stem", network.cnn._conv_stem, fresh.cnn._conv_stem)]


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> dict[str, float]:
    """Compare maps of the same frames, shape (n, y, x) each; see `Randomization`."""
    from skimage.metrics import structural_similarity

    first, second = (np.abs(maps) / max(float(np.abs(maps).max()), 1e-30) for maps in (a, b))
    window = min(7, *(size - 1 + size % 2 for size in a.shape[1:]))
    ssim = [
        structural_similarity(x, y, data_range=1.0, win_size=window)
        for x, y in zip(first, second, strict=True)
    ]
    return {
        "spearman": rank_correlation(a.ravel(), b.ravel()),
        "spearman_abs": rank_correlation(first.ravel(), second.ravel()),
        "ssim": float(np.mean(ssim)),
    }
