"""How much moves in a part of a camera's picture, as a behavior trace."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_cortex_decoder.cameras.camera import Camera
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.progress import Progress, Report, unheard
from napari_cortex_decoder.recording.recording import BehaviorTrace


class Rectangle(NamedTuple):
    """A part of a picture, in pixels: rows [top, bottom), columns [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


def motion_energy(
    camera: Camera,
    rectangle: Rectangle,
    *,
    name: str = "motion",
    report: Report = unheard,
) -> BehaviorTrace:
    """Return how much changes from picture to picture within a rectangle.

    Raises RecordingError if no part of the rectangle lies in the picture, or a picture cannot be
    read.

    Parameters
    ----------
    camera
        What filmed the mouse.
    rectangle
        Where to look: face, paw, whisker pad. Parts outside the picture do not count.
    name
        Of the trace.
    report
        Told how far it is; may raise `Cancelled` to end the work.

    Returns
    -------
    BehaviorTrace
        Mean absolute difference of grey values (Stringer et al. 2019), divided by its 99th
        percentile: 0 nothing, about 1 as much as this mouse moves. NaN for the first picture.
    """
    total = camera.n_frames
    energy = np.full(total, np.nan)
    before = None
    with camera.pictures.opened() as picture:
        for number in range(total):
            shown = picture(number)
            rows, columns = shown.shape[:2]
            part = shown[
                max(0, rectangle.top) : min(rows, rectangle.bottom),
                max(0, rectangle.left) : min(columns, rectangle.right),
            ].astype(np.float32)
            if not part.size:
                raise RecordingError(
                    f"{camera.pictures.path}: {tuple(rectangle)} lies outside its pictures of "
                    f"{rows} x {columns} px; draw it on the picture."
                )
            grey = part if part.ndim == 2 else part.mean(axis=2)
            if before is not None and before.shape == grey.shape:
                energy[number] = np.abs(grey - before).mean()
            before = grey
            report(Progress("measuring motion", number + 1, total))
    top = np.nanquantile(energy, 0.99) if total > 1 else 0.0
    if top > 0:
        energy /= top
    return BehaviorTrace(name, energy, camera.times)
