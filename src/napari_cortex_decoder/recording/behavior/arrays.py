"""Behaviour in NumPy files: ``.npy`` with one trace, ``.npz`` with several and their clocks."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from napari_cortex_decoder.containers.npy import array_header
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.behavior.content import MAX_SAMPLES, BehaviorContent, Samples
from napari_cortex_decoder.tables import clock_kind, time_unit, unit_in
from napari_cortex_decoder.units import in_seconds

FRAME_TIMES = "frame_times"
VOLTS = "_v"


def read_npy(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Read one trace, named after the file, or several from an array with named fields.

    The array is (n,), (1, n) or (n, 1).
    """
    with path.open("rb") as file:
        shape, _, dtype = array_header(file)
        _check_header(path, "the array", shape, dtype)
    array = np.load(path, allow_pickle=False)
    names = array.dtype.names or ()
    arrays = {name: array[name] for name in names} if names else {path.stem: array}
    return content_of(path, arrays, fields)


def read_npz(path: Path, fields: Sequence[str] | None = None) -> BehaviorContent:
    """Read the numeric vectors of an ``.npz`` file and the clocks that belong to them.

    The times of ``wheel`` (or of ``wheel_v``, a voltage) are ``wheel_times``; or ``wheel_t0`` and
    ``wheel_dt`` (s) of an evenly sampled one; or ``times``, ``time``, ``timestamps`` or ``t``,
    which all traces of that length share. What starts with ``frame_times`` holds the movie's own
    frame times on the same clock.
    """
    arrays, said = {}, []
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as file:
                shape, _, dtype = array_header(file)
            if name not in (fields or ()) and not _are_numbers(dtype):
                said.append(f"{name!r} holds {dtype}, not numbers, and is left out.")
                continue
            _check_header(path, repr(name), shape, dtype)
            with archive.open(member) as file:
                arrays[name] = npy_format.read_array(file, allow_pickle=False)
    if said and not arrays:
        raise RecordingError(f"{path}: {said[0]} Save traces as numbers.")
    return replace(content_of(path, arrays, fields), said=tuple(said))


def _are_numbers(dtype: np.dtype) -> bool:
    kinds = [dtype[name] for name in dtype.names] if dtype.names else [dtype]
    return all(kind.kind in "biuf" for kind in kinds)


def _check_header(path: Path, what: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if not _are_numbers(dtype):
        raise RecordingError(f"{path}: {what} holds {dtype}, not numbers; save it as numbers.")
    if math.prod(shape) > MAX_SAMPLES:
        raise RecordingError(
            f"{path}: {what} claims {math.prod(shape)} samples, which no trace has; save it alone."
        )


def content_of(
    path: Path, arrays: Mapping[str, NDArray[np.generic]], fields: Sequence[str] | None
) -> BehaviorContent:
    """Return the vectors among arrays as traces, and the clocks that belong to them by name."""
    vectors = {
        name: array.astype(np.float64).ravel()
        for name, array in arrays.items()
        if array.size > 1 and array.size == max(array.shape)
    }
    clocks = {name for name in vectors if clock_of(name) is not None}
    for name in clocks:
        vectors[name] *= seconds_in(path, f"the times {name!r}", time_unit(name))
    scalars = {name: float(array.ravel()[0]) for name, array in arrays.items() if array.size == 1}
    frame_times = {name: v for name, v in vectors.items() if name.startswith(FRAME_TIMES)}
    for name in fields or ():
        if name not in vectors:
            raise RecordingError(f"{path}: no vector {name!r}; vectors are {sorted(vectors)}.")
    samples = {}
    for name in fields or [name for name in vectors if name not in clocks]:
        base = name.removesuffix(VOLTS)
        times = _times(path, name, base, vectors, scalars)
        samples[base] = Samples(vectors[name], times, unit="V" if name != base else unit_in(name))
    if not samples and not frame_times:  # a list of times alone is the movie's
        frame_times = {name: vectors[name] for name in clocks}
    if not samples and not frame_times:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise RecordingError(
            f"{path}: no trace among the arrays {shapes}; save each as one vector of numbers."
        )
    return BehaviorContent(samples, frame_times=frame_times)


def seconds_in(path: Path, times: str, unit: str) -> float:
    """Return how many seconds the unit of some times in a file is; no unit is seconds."""
    factor = in_seconds(1, unit)
    if factor is None:
        raise RecordingError(f"{path}: {times} are in {unit!r}; convert them to seconds.")
    return factor


def _times(
    path: Path, name: str, base: str, vectors: Mapping[str, NDArray[np.float64]],
    scalars: Mapping[str, float],
) -> NDArray[np.float64] | None:  # fmt: skip
    n = vectors[name].size
    own = next((v for c, v in vectors.items() if clock_of(c) == base), None)
    if own is not None:
        if own.size != n:
            raise RecordingError(
                f"{path}: {name!r} has {n} values, its times {own.size}; give one time a value."
            )
        return own
    interval = scalars.get(f"{base}_dt")
    if interval is not None:
        return scalars.get(f"{base}_t0", 0.0) + interval * np.arange(n, dtype=np.float64)
    return next((v for c, v in vectors.items() if clock_of(c) == "" and v.size == n), None)


def clock_of(name: str) -> str | None:
    """Return whose times a vector holds by its name: ``""`` of all, None if it holds no times."""
    if name.startswith(FRAME_TIMES):
        return FRAME_TIMES
    if clock_kind(name) == "time":
        return ""
    own = re.fullmatch(r"(\w+)_times(_[a-zµ]+)?", name)
    return own[1] if own else None
