"""Cutout importance: what a decoder loses when a square or a disc is cut out, over a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.choices import CutoutShape, FillName
from napari_cortex_decoder.decoder import Decoder
from napari_cortex_decoder.labels import Ethogram
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.saliency.importance.control import Places, corrected, excess
from napari_cortex_decoder.saliency.importance.experiment import Experiment, Whole
from napari_cortex_decoder.saliency.masking.fills import check_fills
from napari_cortex_decoder.saliency.masking.grids import cutouts, edge_masks, enlarge
from napari_cortex_decoder.saliency.options import ScoreOptions
from napari_cortex_decoder.saliency.verdict import SIGNIFICANT, Verdict

Floats = NDArray[np.float64]

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
    p
        Shape (rows, columns): that the other places, those that share less than a quarter with
        it, are worth as much; one-sided, corrected for all places (Holm). NaN where too few are.
    rows, columns
        Centres of the cutouts on the image that the decoder sees, px.
    cut, size, step
        ``"square"`` or ``"disc"``; edge or diameter, and step, in px of that image.
    edge
        Shape (15,): importance of cutouts along the edge, the control; empty if not measured.
    whole
        The score with nothing missing.
    image_size, inside
        Rows and columns of the image that the decoder sees, and which of them show the frame.
    behavior, decoder, recording, settings, warnings
        As in `AreaImportance`.
    """

    map: Floats
    low: Floats
    high: Floats
    p: Floats
    rows: Floats
    columns: Floats
    cut: CutoutShape
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
        return _judge(self)

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
        enlarged = enlarge(self.map[None], self.rows, self.columns, self.inside, shape)
        return np.asarray(enlarged[0])


def cutout_importance(
    decoder: Decoder,
    recording: Recording,
    ethogram: Ethogram | None = None,
    behavior: str = "run",
    *,
    cut: CutoutShape = "square",
    size: int | None = None,
    step: int | None = None,
    edge: bool = True,
    fill: FillName = "mean",
    **scoring: Unpack[ScoreOptions],
) -> CutoutImportance:
    """Measure what a decoder loses when a place is cut out of every frame and channel.

    The method of Ajioka et al. 2024: a square of 32 px, or a disc of radius 16, of images of 128,
    set to 0 on the normalised stack (each pixel's mean over the session), at steps of 16 px:
    7 × 7 places. Importance is the AUC less the AUC with the cutout; negative ones stay, nothing
    is trained anew.

    Parameters
    ----------
    decoder, recording, ethogram, behavior, **scoring
        As for `area_importance`.
    cut
        What is cut out.
    size, step
        Edge or diameter, and step, in px of the images that the decoder sees. None: a quarter and
        an eighth of their shorter side, so 32 and 16 at 128 px, and 16 and 8 at 64.
    edge
        Whether to measure the control: the outermost eighth of the image, all around, in 15
        parts of equal size, where there is no cortex to read.
    fill
        What stands there instead; ``"mean"`` is the paper's.

    Raises
    ------
    DecoderError
        If size or step do not fit the image; and as `area_importance`.
    LabelError, RecordingError, FrameRateError, DeviceError
        As `area_importance`.
    """
    check_fills((fill,))
    experiment = Experiment(decoder, recording, ethogram, behavior, **scoring)
    image_size = experiment.masked.resampling.image_size
    shorter = min(image_size)
    size = round(shorter * _SIZE) if size is None else size
    step = round(shorter * _STEP) if step is None else step
    masks, rows, columns = cutouts(image_size, cut, size, step)
    lost = experiment.lost(masks, fill, "cutouts")
    places = Places(masks, lost.importance, lost.draws)
    p = [excess(x, m, places.of(m)) for x, m in zip(lost.importance, masks, strict=True)]
    grid = (len(rows), len(columns))
    border = np.empty(0)
    if edge:
        parts = edge_masks(image_size, round(shorter * _EDGE))
        border = experiment.lost(parts, fill, "edge control").importance
    return CutoutImportance(
        map=lost.importance.reshape(grid),
        low=lost.low.reshape(grid),
        high=lost.high.reshape(grid),
        p=corrected(np.array(p)).reshape(grid),
        rows=rows,
        columns=columns,
        cut=cut,
        size=size,
        step=step,
        edge=border,
        whole=experiment.whole(),
        behavior=behavior,
        decoder=decoder.name,
        recording=recording.name,
        image_size=image_size,
        inside=experiment.masked.resampling.inside,
        settings={**experiment.settings, "fill": fill, "encodings": experiment.masked.encodings},
        warnings=(*experiment.masked.warnings, *experiment.said),
    )


def _judge(result: CutoutImportance) -> Verdict:
    """Judge a map of cutouts by its largest value: against 0, the edge, and the other places.

    The paper's maximum is .060 and its edges reach .031, where there is no cortex.
    """
    problem = result.whole.unread(result.behavior)
    if problem:
        return Verdict("not supported", problem)
    place = np.unravel_index(result.map.argmax(), result.map.shape)
    largest, low = float(result.map[place]), float(result.low[place])
    if low <= 0:
        return Verdict(
            "not supported", f"the largest value, {largest:+.3f}, is not above 0 (from {low:+.3f})."
        )
    where = f"row {result.rows[place[0]]:g}, column {result.columns[place[1]]:g}"
    if not result.edge.size:
        return Verdict("weak", f"largest {largest:+.3f} at {where}, but no edge was measured.")
    edge = float(result.edge.max())
    if low <= edge:
        return Verdict(
            "weak",
            f"largest {largest:+.3f} at {where}, but its interval begins at {low:+.3f} and the "
            f"edge of the image, where there is no cortex, reaches {edge:+.3f}.",
        )
    p = float(result.p[place])
    if not p <= SIGNIFICANT:
        than = f"(p {p:.2f}, of {result.map.size} places)" if p == p else "(too few to tell)"
        return Verdict(
            "weak", f"largest {largest:+.3f} at {where}, but other places are worth as much {than}."
        )
    return Verdict(
        "holds",
        f"largest {largest:+.3f} at {where}, more than other places (p {p:.3f}); the edge reaches "
        f"{edge:+.3f}.",
    )
