"""Cutout importance: what a decoder loses when a square or a disc is cut out, over a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.errors import DecoderError
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.experiment import Experiment, Whole
from napari_cortex_decoder.saliency.fills import FillName, check_fills
from napari_cortex_decoder.saliency.frames import Report
from napari_cortex_decoder.saliency.verdict import Verdict, judge_cutouts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

N_EDGE = 15
"""Masks of the edge control, as many as the paper's."""

_SIZE, _STEP, _EDGE = 1 / 4, 1 / 8, 1 / 8
"""The paper's 32, 16 and 16 px as shares of its 128: a decoder of smaller images gets the same
share of cortex."""


@dataclass(frozen=True, eq=False)
class CutoutImportance:
    """What each place is worth to one decoder in one recording.

    Attributes
    ----------
    map, low, high
        Shape (rows, columns) of the grid: score − score with the cutout, and its 95 % interval.
    rows, columns
        Centres of the cutouts on the image that the decoder sees, px.
    shape, size, step
        ``"square"`` or ``"disc"``; edge or diameter, and step, in px of that image.
    edge
        Shape (15,): importance of cutouts along the edge, the control; empty if not measured.
    whole
        The score with nothing missing.
    behavior, decoder, recording, settings, warnings
        As in `AreaImportance`.
    """

    map: Floats
    low: Floats
    high: Floats
    rows: Floats
    columns: Floats
    shape: str
    size: int
    step: int
    edge: Floats
    whole: Whole
    behavior: str
    decoder: str
    recording: str
    image_size: tuple[int, int]
    inside: tuple[slice, slice]
    settings: Mapping[str, object]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the largest value may be believed, and why."""
        return judge_cutouts(self)

    def picture(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Enlarge the grid to a frame of the movie, linearly, as the paper does.

        It has no more detail than the grid. Beyond the outermost centres the nearest value stands.

        Parameters
        ----------
        shape
            Rows and columns of a frame.

        Returns
        -------
        numpy.ndarray
            Shape `shape`, float32.
        """
        from scipy.interpolate import RegularGridInterpolator

        top, left = self.inside[0].start, self.inside[1].start
        height, width = (part.stop - part.start for part in self.inside)
        y = (np.arange(shape[0]) + 0.5) * height / shape[0] - 0.5 + top
        x = (np.arange(shape[1]) + 0.5) * width / shape[1] - 0.5 + left
        grid = np.stack(
            np.meshgrid(
                y.clip(self.rows[0], self.rows[-1]),
                x.clip(self.columns[0], self.columns[-1]),
                indexing="ij",
            ),
            axis=-1,
        )
        values = self.map
        rows, columns = self.rows, self.columns
        if len(rows) == 1:  # a grid of one row has nothing to interpolate along
            rows, values = np.array([rows[0], rows[0] + 1]), np.repeat(values, 2, axis=0)
        if len(columns) == 1:
            columns, values = np.array([columns[0], columns[0] + 1]), np.repeat(values, 2, axis=1)
        return np.asarray(RegularGridInterpolator((rows, columns), values)(grid), np.float32)


def cutout_importance(
    decoder: Decoder,
    recording: Recording,
    ethogram: Ethogram | None = None,
    behavior: str = "run",
    *,
    shape: Literal["square", "disc"] = "square",
    size: int | None = None,
    step: int | None = None,
    edge: bool = True,
    fill: FillName = "mean",
    frames: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    any_rate: bool = False,
    progress: Report | None = None,
) -> CutoutImportance:
    """Measure what a decoder loses when a place is cut out of every frame and channel.

    The method of Ajioka et al. 2024: a square of 32 px, or a disc of radius 16, of images of 128,
    set to 0 on the normalised stack (each pixel's mean over the session), at steps of 16 px:
    7 × 7 places. Importance is the AUC less the AUC with the cutout; negative ones stay, nothing
    is trained anew.

    Parameters
    ----------
    decoder, recording, ethogram, behavior, frames, draws, seed, device, batch_size, any_rate
        As for `area_importance`.
    shape
        What is cut out.
    size, step
        Edge or diameter, and step, in px of the images that the decoder sees. None: a quarter and
        an eighth of their shorter side, so 32 and 16 at 128 px, and 16 and 8 at 64.
    edge
        Whether to measure the control: the outermost eighth of the image, all around, in 15
        parts of equal size, where there is no cortex to read.
    fill
        What stands there instead; ``"mean"`` is the paper's.
    progress
        Called several times a second; an exception it raises ends the work.

    Raises
    ------
    DecoderError
        If size or step do not fit the image; and as `area_importance`.
    LabelError, RecordingError, FrameRateError, DeviceError
        As `area_importance`.
    """
    report: Report = progress or (lambda _: None)
    check_fills((fill,))
    experiment = Experiment(
        decoder,
        recording,
        ethogram,
        behavior,
        frames=frames,
        draws=draws,
        seed=seed,
        device=device,
        batch_size=batch_size,
        any_rate=any_rate,
        report=report,
    )
    image_size = experiment.masked.resampling.image_size
    shorter = min(image_size)
    size = round(shorter * _SIZE) if size is None else size
    step = round(shorter * _STEP) if step is None else step
    masks, rows, columns = cutouts(image_size, shape, size, step)
    lost = experiment.lost(masks, fill, "cutouts")
    grid = (len(rows), len(columns))
    border = np.empty(0)
    if edge:
        parts = edge_masks(image_size, round(shorter * _EDGE))
        border = experiment.lost(parts, fill, "edge control").importance
    return CutoutImportance(
        map=lost.importance.reshape(grid),
        low=lost.low.reshape(grid),
        high=lost.high.reshape(grid),
        rows=rows,
        columns=columns,
        shape=shape,
        size=size,
        step=step,
        edge=border,
        whole=experiment.whole(),
        behavior=behavior,
        decoder=decoder.name,
        recording=recording.name,
        image_size=image_size,
        inside=experiment.masked.inside,
        settings={
            "decoder_sha256": decoder.hash,
            "recording": str(recording.path or recording.name),
            "fill": fill,
            "draws": draws,
            "seed": seed,
            "device": str(experiment.masked.device),
            "encodings": experiment.masked.encodings,
        },
        warnings=experiment.masked.warnings,
    )


def cutouts(
    image_size: tuple[int, int], shape: str, size: int, step: int
) -> tuple[Bools, Floats, Floats]:
    """Lay cutouts over an image, from its upper left corner on.

    Returns
    -------
    masks
        Shape (rows · columns, y, x), bool.
    rows, columns
        Centres, px.

    Raises
    ------
    DecoderError
        If shape, size or step are impossible.
    """
    if shape not in ("square", "disc"):
        raise DecoderError(f"the cutout's shape is {shape!r}; choose 'square' or 'disc'.")
    if not 1 <= size <= min(image_size) or step < 1:
        raise DecoderError(
            f"a cutout of {size} px at steps of {step} px does not fit images of {image_size[0]} × "
            f"{image_size[1]} px; give a size of 1 to {min(image_size)} and a step of at least 1."
        )
    rows, columns = (np.arange(0, n - size + 1, step) + (size - 1) / 2 for n in image_size)
    y, x = np.ogrid[: image_size[0], : image_size[1]]
    masks = []
    for row in rows:
        for column in columns:
            dy, dx = abs(y - row), abs(x - column)
            inside = (
                (dy**2 + dx**2 <= (size / 2) ** 2)
                if shape == "disc"
                else ((dy <= (size - 1) / 2) & (dx <= (size - 1) / 2))
            )
            masks.append(np.broadcast_to(inside, image_size))
    return np.stack(masks), rows, columns


def edge_masks(image_size: tuple[int, int], width: int, n: int = N_EDGE) -> Bools:
    """Divide the outermost pixels of an image into n parts of equal size, clockwise from the left.

    Returns
    -------
    numpy.ndarray
        Shape (n, y, x), bool.
    """
    height, breadth = image_size
    y, x = np.mgrid[:height, :breadth]
    depth = np.minimum.reduce([y, x, height - 1 - y, breadth - 1 - x])
    band = np.argwhere(depth < width)
    centered = (band + 0.5) / image_size - 0.5
    order = np.argsort(np.arctan2(centered[:, 0], centered[:, 1]), kind="stable")
    masks = np.zeros((n, height, breadth), dtype=bool)
    for mask, part in zip(masks, np.array_split(band[order], n), strict=True):
        mask[part[:, 0], part[:, 1]] = True
    return masks
