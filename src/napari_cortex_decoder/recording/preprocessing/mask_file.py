"""Masks: which pixels of a frame are cortex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder import child
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import reads

SUFFIXES = (".tif", ".tiff", ".png", ".npy")
LARGEST_MASK = 2**26
"""Pixels."""


@reads("a mask", remedy="save it as one picture without colors")
def read_mask(path: Path, frame_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask of a TIFF, PNG or ``.npy``, bool, shape `frame_shape`; 0 is outside.

    A mask that is a whole multiple of that shape, as one drawn before binning, is thinned out to
    it. If it is no single picture, has another shape or is empty, that raises `RecordingError`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RecordingError(f"{path}: a mask is one of {', '.join(SUFFIXES)}; save it so.")
    picture = _read(path)
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


def _read(path: Path) -> NDArray[Any]:
    if path.suffix.lower() == ".npy":
        picture = np.load(path, mmap_mode="r", allow_pickle=False)
        if picture.size > LARGEST_MASK or picture.dtype.kind not in "biuf":
            raise RecordingError(f"{path}: {picture.shape} of {picture.dtype} is no mask.")
        return np.asarray(picture)
    if path.suffix.lower() == ".png":
        from PIL import Image

        with Image.open(path) as image:
            if image.width * image.height > LARGEST_MASK:
                raise RecordingError(f"{path}: {image.size} pixels are no mask.")
            return np.asarray(image)
    return np.asarray(child.call(read_page, path, what="a mask"))


def read_page(path: Path) -> NDArray[Any]:
    """Read a TIFF of one page, in whatever memory its compressed strips take."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1 or file.pages.first.size > LARGEST_MASK:
            raise RecordingError(f"{path}: {len(file.pages)} pages are no mask; save one.")
        return np.asarray(file.pages.first.asarray())
