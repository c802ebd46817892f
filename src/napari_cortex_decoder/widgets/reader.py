"""napari's way to our recordings: *File ▸ Open*, drag and drop, `viewer.open`."""

from __future__ import annotations

from collections.abc import Callable

from napari_cortex_decoder.sessions import open_session
from napari_cortex_decoder.widgets.recording.layers import LayerData, layers_to_add


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]]:
    """Return the reader for a movie, or for the files of one session (a stack)."""
    return read_movie


def read_movie(path: str | list[str]) -> list[LayerData]:
    """Open a movie lazily, as one layer in seconds and mm that carries its `Recording`."""
    return layers_to_add(open_session(path))
