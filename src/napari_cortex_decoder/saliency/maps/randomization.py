"""Whether a map changes with the weights (Adebayo et al. 2018, Sanity checks for saliency maps)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, build_network, reestimate_batch_norm
from napari_cortex_decoder.decoder.randomness import seeded
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.maps.saliency_maps import MapMaker, SaliencyMaps, check_range
from napari_cortex_decoder.saliency.masking.encoding import MaskedDecoder
from napari_cortex_decoder.saliency.options import MapOptions
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
    layers: int | None = None,
    seed: int = 0,
    **mapping: Unpack[MapOptions],
) -> Randomization:
    """Compare a map with those of a network whose layers become random, one after the other.

    A map that stays alike shows the movie, not what the decoder learned. Batch normalisation is
    estimated anew each time: without that a random EfficientNet gives nothing, and any map of
    it would pass for different.

    Parameters
    ----------
    decoder, recording, start, stop, behavior, **mapping
        As for `saliency_map`.
    layers
        How many steps from the output down; None for all, 1 for the head only.
    seed
        Of the random weights.

    Raises
    ------
    DecoderError, RecordingError, FrameRateError, DeviceError
        As `saliency_map`.
    """
    stop = start + 1 if stop is None else stop
    check_range(decoder, recording, start, stop)
    maker = MapMaker(decoder, recording, behavior, **mapping)
    masked = maker.masked
    images = images_from_all_over(masked)
    original = maker.maps(start, stop, ", as it is")
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
        found = maker.maps(start, stop, f", random down to {name}", network)
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
