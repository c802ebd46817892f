"""Whether a decoder needs what a map shows: deletion and insertion (Petsiuk et al. 2018, RISE)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.choices import FillName
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.decoder.frames.resampling import Resampling
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.importance.experiment import Experiment, Whole
from napari_cortex_decoder.saliency.masking.fills import check_fills
from napari_cortex_decoder.saliency.options import ScoreOptions

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Deletion:
    """What a decoder loses while places go missing (or come back) in the order of a map."""

    fractions: NDArray[np.float64]  # shape (k,): share of the places that is missing, or is there
    # shape (k,): score with the most important places missing; with nothing but them
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    # shape (orders, k): the same in random order
    random_deletion: NDArray[np.float64]
    random_insertion: NDArray[np.float64]
    # mean over the fractions of what the map's order loses more than the random ones, and keeps
    # more: the mean of both
    advantage: float
    p: float  # share of the orders, the map's own among them, that do as well
    whole: Whole  # score with nothing missing
    settings: Mapping[str, object]


def deletion_insertion(
    decoder: Decoder,
    recording: Recording,
    picture: NDArray[np.floating],
    ethogram: Ethogram | None = None,
    behavior: str = "run",
    *,
    squares: int = 8,
    fractions: tuple[float, ...] = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75),
    orders: int = 19,
    fill: FillName = "mean",
    **scoring: Unpack[ScoreOptions],
) -> Deletion:
    """Take places away in the order of a map, and in random orders.

    Parameters
    ----------
    decoder, recording, ethogram, behavior, **scoring
        As for `area_importance`.
    picture
        Shape (y, x), any size: higher is more important; it shows the frame.
    squares
        The frame is divided into so many places along its shorter side; a place's worth is the
        picture's mean over it.
    fractions
        Shares of the places to take away.
    orders
        Random orders to compare with; p can be no smaller than 1 / (orders + 1).
    fill
        What stands there instead.

    Raises
    ------
    RecordingError
        If the picture has not the proportions of a frame.
    DecoderError, LabelError, FrameRateError, DeviceError
        As `area_importance`.
    """
    seed = scoring.get("seed", 0)
    check_fills((fill,))
    height, width = recording.shape
    if picture.ndim != 2 or abs(picture.shape[0] * width / (picture.shape[1] * height) - 1) > 0.1:
        raise RecordingError(
            f"a picture of {picture.shape} does not show frames of {height} × {width} pixels; give "
            "one of the same proportions."
        )
    scoring["draws"] = 1
    experiment = Experiment(decoder, recording, ethogram, behavior, **scoring)
    places, worth = _places(experiment.masked.resampling, picture, squares)
    rng = np.random.default_rng(seed)
    random = [rng.permutation(len(worth)) for _ in range(orders)]
    ranks = [np.argsort(-worth, kind="stable"), *random]
    counts = [max(1, round(share * len(worth))) for share in fractions]
    chosen = np.stack([places[order[:count]].any(axis=0) for order in ranks for count in counts])
    inside = places.any(axis=0)
    lost = experiment.lost(chosen, fill, "deletion").importance
    kept = experiment.lost(inside & ~chosen, fill, "insertion").importance
    whole = experiment.whole()
    gone, back = ((whole.value - x).reshape(len(ranks), len(counts)) for x in (lost, kept))
    gains = ((back - gone) / 2).mean(axis=1)
    return Deletion(
        fractions=np.array(counts) / len(worth),
        deletion=gone[0],
        insertion=back[0],
        random_deletion=gone[1:],
        random_insertion=back[1:],
        advantage=float(gains[0] - gains[1:].mean()) if orders else np.nan,
        p=float((1 + (gains[1:] >= gains[0]).sum()) / (1 + orders)),
        whole=whole,
        settings={"squares": squares, "fill": fill, "orders": orders, "seed": seed},
    )


def _places(
    resampling: Resampling, picture: NDArray[np.floating], squares: int
) -> tuple[Bools, NDArray[np.float64]]:
    """Divide the frame's part of an image into places; give their masks and worths."""
    rows, columns = resampling.inside
    height, width = rows.stop - rows.start, columns.stop - columns.start
    edge = max(1, min(height, width) // squares)
    y, x = np.mgrid[:height, :width]
    numbers = (y // edge) * -(-width // edge) + x // edge
    from skimage.transform import resize

    values = resize(np.asarray(picture, dtype=np.float64), (height, width), order=1)
    masks, worth = [], []
    for number in np.unique(numbers):
        mask = np.zeros(resampling.image_size, dtype=bool)
        mask[rows, columns] = numbers == number
        masks.append(mask)
        worth.append(float(values[numbers == number].mean()))
    return np.stack(masks), np.array(worth)
