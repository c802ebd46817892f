"""Behaviour in MATLAB files: version 7.3, which is HDF5, through h5py, earlier ones by mat-io."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from h5py import is_hdf5
from numpy.typing import NDArray

from napari_cortex_decoder.containers import hdf5, matlab
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.arrays import clock_of, content_of
from napari_cortex_decoder.recording.behavior.content import MAX_SAMPLES, BehaviorContent

# the paper's own variables: its speed is thresholded at 0.5, which is in cm/s
KNOWN_VARIABLES = {"speed_rs": ("speed", "cm/s")}


def read_matlab(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Read the numeric vectors of a MATLAB file of any version.

    The paper's files hold ``runrest`` (1 × T, 1 = run) and ``speed_rs`` (which becomes ``speed``).
    Vectors called like times are the clock of those of their length, as in an ``.npz`` file.
    """
    if is_hdf5(path):
        found = _vectors_of_hdf5(path, fields)
    else:
        variables = matlab.variables(path, longest=MAX_SAMPLES)
        found = {name: one.values for name, one in variables.items() if one.values.size}
    if not any(values.size > 1 for values in found.values()):
        raise RecordingError(
            f"{path}: the file holds no numeric vector; save the speed or the labels as one "
            "variable of 1 × frames, such as runrest."
        )
    ends = Counter(name.rpartition(".")[2] for name in found)  # of fields of structs
    found = {end if ends[end := n.rpartition(".")[2]] == 1 else n: v for n, v in found.items()}
    content = content_of(path, found, fields)
    samples = dict(content.samples)
    for variable, (name, unit) in KNOWN_VARIABLES.items():
        if variable in samples:
            samples[name] = replace(samples.pop(variable), unit=unit)
    return replace(content, samples=samples)


def _vectors_of_hdf5(path: Path, fields: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    """Return the numeric vectors that are asked for, else all, with single numbers and clocks."""
    with hdf5.opened(path) as file:
        members = {name: file.own(name) for name in file}
        if not any(isinstance(one, hdf5.Dataset) and one.size != 1 for one in members.values()):
            file.visititems(lambda name, one: members.update({name.replace("/", "."): one}))
            members = {n: one for n, one in members.items() if not n.startswith("#refs#.")}
        held = {
            name: data
            for name, data in members.items()
            if isinstance(data, hdf5.Dataset)
            and data.dtype.kind in "biuf"
            and data.shape
            and math.prod(data.shape) == max(data.shape) <= MAX_SAMPLES
            and data.attrs.get("MATLAB_class", b"") != b"char"
        }
        if file.outside and not held:
            raise RecordingError(file.outside[0])
        asked = set(fields or held)
        whole = not asked <= held.keys()  # a refusal is to list them
        return {
            name: data[()]
            for name, data in held.items()
            if whole or name in asked or data.size == 1 or clock_of(name) is not None
        }
