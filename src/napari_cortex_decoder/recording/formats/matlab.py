"""MATLAB files: version 7.3 as HDF5, earlier ones through mat-io."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from h5py import is_hdf5
from numpy.typing import NDArray

from napari_cortex_decoder.containers import matlab
from napari_cortex_decoder.recording.formats.arrays import Array
from napari_cortex_decoder.recording.formats.choosing import open_chosen
from napari_cortex_decoder.recording.formats.frames import WithoutCache, file_token
from napari_cortex_decoder.recording.formats.hdf5 import open_hdf5
from napari_cortex_decoder.recording.formats.named_values import MOST_TIMES
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class _Variable(WithoutCache):
    """A variable that is read whole when its first frame is: its format is a stream."""

    path: Path
    name: str

    @cached_property
    def _array(self) -> NDArray[Any]:
        return matlab.variable(self.path, self.name)

    @contextmanager
    def open(self) -> Iterator[NDArray[Any]]:
        """Return the array to slice."""
        with _ONE_AT_A_TIME:
            array = self._array
        yield array


def open_matlab(path: Path, given: Given) -> MovieFile:
    """Open a variable; see `napari_cortex_decoder.recording.open_recording`."""
    if is_hdf5(path):
        return open_hdf5(path, given)
    found = matlab.variables(path, longest=MOST_TIMES)
    said = {name.rpartition(".")[2]: one.values for name, one in found.items()}

    def array(name: str) -> Array:
        return Array(
            source=_Variable(path, name),
            name=name,
            shape=found[name].shape,
            dtype=found[name].dtype,
            stamp=(*file_token(path), name),
            what=matlab.WHAT,
            column_major=True,
            places=(said,),
            at_end=lambda axis: (),  # it would be read whole for that
        )

    return open_chosen(path, found, array, lambda: matlab.texts(path).values(), given)
