"""The only picture of a TIFF, a PNG or an ``.npy``: a mask, or an image of labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder import child
from napari_cortex_decoder.containers.npy import array_header
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable

SUFFIXES = (".tif", ".tiff", ".png", ".npy")
_SIDE = 8192  # no dorsal view of one mouse has more pixels than the square of this


def read_picture(
    path: Path,
    what: str,
    error: Callable[[str], Exception] = RecordingError,
    *,
    remedy: str,
) -> NDArray[Any]:
    """Return the pixels of a file, numbers, once their shape is known to be a picture's.

    `what` it should be, such as ``"a mask"``, `error` and `remedy` are as for `readable`; a file
    with several pages, with colors, or with another ending than `SUFFIXES` is none.
    """
    with readable(path, what, error, remedy=remedy):
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError("it is no TIFF, PNG or NPY")
        if suffix == ".png":
            from PIL import Image

            with Image.open(path, formats=["PNG"]) as picture:
                _check(picture.size[::-1])
                if picture.mode in ("RGB", "RGBA", "LA"):
                    raise ValueError(f"it is in colors, {picture.mode}")
                return np.asarray(picture)
        if suffix == ".npy":
            with path.open("rb") as file:
                _check(array_header(file)[0])
            pixels = np.asarray(np.load(path, allow_pickle=False))
        else:
            pixels = np.asarray(child.call(read_page, path, what=what, error=error, remedy=remedy))
        if pixels.dtype.kind not in "biuf":
            raise ValueError(f"it holds {pixels.dtype}")
        return pixels


def read_page(path: Path) -> NDArray[np.generic]:
    """Read the only page of a TIFF, in whatever memory its compressed strips take."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        # tifffile's series would read every tag of damaged pages, which takes minutes
        page, n_pages = file.pages.first, len(file.pages)
        if n_pages > 1:
            raise ValueError(f"it has {n_pages} pages")
        _check(page.shape)
        return np.asarray(page.asarray())


def _check(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > _SIDE**2:
        raise ValueError(f"its shape is {shape}, and at most {_SIDE} x {_SIDE} pixels are read")
