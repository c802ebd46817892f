"""What NumPy's ``.npy`` files say of their arrays."""

from __future__ import annotations

from typing import IO, Any

import numpy as np


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type of an array without its data."""
    version = np.lib.format.read_magic(file)
    if version > (2, 0):
        raise ValueError(f"version {version} of the format is for names of fields")
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
