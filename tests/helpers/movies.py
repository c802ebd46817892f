"""A small movie for tests of formats, and what a refusal must look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording import open_recording


def movie_of(
    frames: int = 23, rows: int = 20, columns: int = 31, dtype: str = "uint16"
) -> NDArray[np.generic]:
    """A movie in which every pixel of every frame differs from its neighbours."""
    rng = np.random.default_rng(7)
    return (rng.random((frames, rows, columns)) * 250).astype(dtype)


def refused(path: Path, **given: object) -> str:
    """Return the sentence with which opening `path` is refused."""
    with pytest.raises(RecordingError) as caught:
        open_recording(path, **given)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence
