"""Traces in text tables: a column an area, a row a frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import BehaviorContent
from napari_cortex_decoder.recording.behavior.tables import read_text_table
from napari_cortex_decoder.recording.formats.arrays import Array
from napari_cortex_decoder.recording.formats.frames import WithoutCache, file_token
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.arrays import trace_frames
from napari_cortex_decoder.recording.formats.traces.painted import Naming, painted

_WHAT = "a table of traces"


@dataclass(frozen=True, eq=False)
class _Columns(WithoutCache):
    """The columns of a table: kept from opening it, and read again in another process."""

    path: Path

    @cached_property
    def content(self) -> BehaviorContent:
        """All that is in the table."""
        return read_text_table(self.path)

    @contextmanager
    def open(self) -> Iterator[NDArray[np.float64]]:
        """Return the array to slice."""
        yield np.stack([one.values for one in self.content.samples.values()], axis=1)


def open_text_traces(path: Path, given: Given) -> MovieFile:
    """Open a table; see `napari_cortex_decoder.recording.open_recording`."""
    columns = _Columns(path)
    content = columns.content
    if not content.samples:
        raise RecordingError(f"{path}: it has no column but its clock; give a table of traces.")
    first = next(iter(content.samples.values()))
    shape = len(first.values), len(content.samples)
    stored = np.dtype(np.float64)
    array = Array(source=columns, shape=shape, dtype=stored, stamp=file_token(path), what=_WHAT)
    frames, said = trace_frames(array, len(content.samples), "ta")
    units = [one.unit for one in content.samples.values()]  # "MOs (left)", "MOs left (dF/F)"
    found = MovieFile(frames=frames, frame_times=first.times, warnings=(*content.said, *said))
    return painted(path, found, [Naming(list(content.samples), units)], given)
