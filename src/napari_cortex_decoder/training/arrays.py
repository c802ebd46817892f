"""Arrays on disk that training reads in any order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import written_whole


def write_array(
    file: Path, shape: tuple[int, ...], dtype: type, blocks: Iterable[NDArray[np.number]]
) -> None:
    """Write a `.npy` file block by block; a memory map would crash where the disk is full.

    Raises TrainingError if it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    description = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with written_whole(file, TrainingError, overwrite=True) as part, part.open("xb") as out:
        np.lib.format.write_array_header_1_0(out, description)
        for block in blocks:
            out.write(np.ascontiguousarray(block, dtype=dtype).tobytes())
