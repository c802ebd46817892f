"""NumPy's ``.npy``: one array, read where it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_cortex_decoder.containers.npy import read_header
from napari_cortex_decoder.recording.formats.arrays import Array, movie_of
from napari_cortex_decoder.recording.formats.axes import told_axes
from napari_cortex_decoder.recording.formats.description import description_of
from napari_cortex_decoder.recording.formats.frames import file_token, other_frames
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.traces.arrays import could_be_traces, traces_of


def open_npy(path: Path, given: Given) -> MovieFile:
    """Open an array; see `napari_cortex_decoder.recording.open_recording`."""
    header = read_header(path, stopped_early=True)
    shape = header.shape
    # in column-major order a frame is in one piece where time is last, as MATLAB's people have it
    array = Array(
        source=header,
        shape=shape,
        dtype=header.stored,
        stamp=file_token(path),
        what="a NumPy array",
        column_major=header.fortran_order and len(shape) > 2,
    )
    if could_be_traces(shape, header.stored):
        return traces_of(array, (), given)
    told: list[str] = []
    beside = description_of(path, told)
    places = (beside.said,) if beside is not None else ()
    axes = given.axes or told_axes(shape, *places)
    if header.claimed:
        told.append(other_frames(header.claimed, shape[-1 if header.fortran_order else 0]))
    if array.column_major and axes is None:
        told.append(
            "the array is in column-major order, so its axes were taken to be 'yxt' or 'yxct'; if "
            'they are not, open it with axes="tyx".'
        )
    return movie_of(replace(array, places=places, said=tuple(told)), axes)
