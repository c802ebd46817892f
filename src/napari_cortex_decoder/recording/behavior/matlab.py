"""Behaviour in MATLAB files: version 7.3, which is HDF5, through h5py, earlier ones by mat-io."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.containers import matlab
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.behavior.arrays import clock_of, content_of
from napari_cortex_decoder.recording.behavior.content import MAX_SAMPLES, BehaviorContent

# the paper's own variables: its speed is thresholded at 0.5, which is in cm/s
KNOWN_VARIABLES = {"speed_rs": ("speed", "cm/s")}


def read_matlab(path: Path, fields: Collection[str] | None = None) -> BehaviorContent:
    """Read the numeric vectors of a MATLAB file of any version.

    The paper's files hold ``runrest`` (1 × T, 1 = run) and ``speed_rs`` (which becomes ``speed``).
    Vectors called like times are the clock of those of their length, as in an ``.npz`` file.
    """
    from h5py import is_hdf5

    with readable(path, matlab.WHAT):
        if is_hdf5(path):
            found = dict(_vectors_of_hdf5(path, fields))
        else:
            variables = matlab.variables(path, longest=MAX_SAMPLES)
            chosen = _chosen(path, {name: one.shape for name, one in variables.items()}, fields)
            found = {name: variables[name].values for name in chosen}
    if not found:
        raise RecordingError(
            f"{path}: the file holds no numeric vector; save the speed or the labels as one "
            "variable of 1 × frames, such as runrest."
        )
    content = content_of(path, found, None if fields is None else list(fields))
    samples = dict(content.samples)
    for variable, (name, unit) in KNOWN_VARIABLES.items():
        if variable in samples:
            samples[name] = replace(samples.pop(variable), unit=unit)
    return replace(content, samples=samples)


def _vectors_of_hdf5(
    path: Path, fields: Collection[str] | None
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    from napari_cortex_decoder.containers import hdf5

    with hdf5.opened(path) as file:
        members = {name: file.own(name) for name in file}
        datasets = {n: data for n, data in members.items() if isinstance(data, hdf5.Dataset)}
        shapes = {
            name: data.shape
            for name, data in datasets.items()
            if data.dtype.kind in "biuf"
            and data.shape is not None
            and data.attrs.get("MATLAB_class", b"") != b"char"
        }
        chosen = _chosen(path, shapes, fields)
        if file.outside and not chosen:
            raise RecordingError(file.outside[0])
        for name in chosen:
            yield name, datasets[name][()]


def _chosen(
    path: Path, shapes: dict[str, tuple[int, ...]], fields: Collection[str] | None
) -> list[str]:
    """Pick the variables to read: those asked for, or every vector."""
    vectors = [
        name
        for name, shape in shapes.items()
        if shape and math.prod(shape) == max(shape) and 1 < max(shape) <= MAX_SAMPLES
    ]
    if fields is None:
        return vectors
    for name in fields:
        if name not in vectors:
            found = f"numeric vectors are {vectors}" if vectors else "there is no numeric vector"
            raise RecordingError(f"{path}: no vector {name!r}; {found}.")
    return [*fields, *(v for v in vectors if v not in fields and clock_of(v) is not None)]
