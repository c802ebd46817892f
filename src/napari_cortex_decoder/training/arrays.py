"""Arrays on disk that training reads in any order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import written_whole
from napari_cortex_decoder.reading import readable


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


def read_array(file: Path, kind: str, dimensions: int, *, remedy: str) -> NDArray[Any]:
    """Return what `write_array` wrote, memory-mapped; `kind` is NumPy's letter, such as ``"f"``.

    Raises TrainingError, which tells the remedy, if it is damaged or holds another kind of numbers.
    """
    with readable(file, "what a recording was read into", TrainingError, remedy=remedy):
        found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        if found.dtype.kind != kind or found.ndim < dimensions:
            raise ValueError(f"it holds {found.dtype} of shape {found.shape}")
        return found
