"""napari's way to our recordings: *File ▸ Open*, drag and drop, `viewer.open`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_cortex_decoder.recording import open_recording
from napari_cortex_decoder.widgets.layers import movie_layer, sample_contrast_limits

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Give the reader for a movie; None for a stack of several files, which is none of ours."""
    return read_movie if isinstance(path, str) else None


def read_movie(path: str) -> list[LayerData]:
    """Open a movie lazily, as one layer in seconds and mm that carries its `Recording`."""
    recording = open_recording(path)
    return [movie_layer(recording, sample_contrast_limits(recording))]
