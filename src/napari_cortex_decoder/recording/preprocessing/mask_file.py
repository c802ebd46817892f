"""Masks: which pixels of a frame are cortex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.containers.picture import SUFFIXES, read_picture
from napari_cortex_decoder.errors import RecordingError


def read_mask(path: Path, frame_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask of a TIFF, PNG or ``.npy``, bool, shape `frame_shape`; 0 is outside.

    A mask that is a whole multiple of that shape, as one drawn before binning, is thinned out to
    it. If it is no single picture, has another shape or is empty, that raises `RecordingError`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RecordingError(f"{path}: a mask is one of {', '.join(SUFFIXES)}; save it so.")
    picture = read_picture(path, "a mask", remedy="save it as one picture without colors")
    if picture.ndim != 2:
        raise RecordingError(
            f"{path}: the mask has shape {picture.shape}; save it as one picture without colours."
        )
    factor, rest = divmod(picture.shape[0], frame_shape[0])
    if rest or picture.shape != (factor * frame_shape[0], factor * frame_shape[1]):
        raise RecordingError(
            f"{path}: the mask has {picture.shape} pixels, the frames have {frame_shape}; "
            "draw it on such a frame."
        )
    inside: NDArray[np.bool_] = np.not_equal(
        picture[factor // 2 :: factor, factor // 2 :: factor], 0
    )
    if not inside.any():
        raise RecordingError(f"{path}: the mask keeps no pixel; draw what is to be kept.")
    return inside
