"""MATLAB files before version 7.3, read by mat-io in a process of its own.

It knows the objects that SciPy trips over (strings, tables, dates), and like SciPy it crashes on a
data type that does not exist. Version 7.3 is HDF5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder import child
from napari_cortex_decoder.containers.packed import DEFLATE_RATIO
from napari_cortex_decoder.errors import RecordingError

WHAT = "a MATLAB file"
_TYPES = {"double": "f8", "single": "f4", "logical": "u1"}
_TYPES |= {f"{sign}int{8 * n}": f"{sign or 'i'}{n}" for sign in ("", "u") for n in (1, 2, 4, 8)}


class Variable(NamedTuple):
    """A real numeric array: its shape and type in MATLAB; of a vector, its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: NDArray[Any]


def variables(path: Path, *, longest: int) -> dict[str, Variable]:
    """Return the real numeric arrays of a file by their names, with the values of vectors.

    Raises RecordingError if the file is damaged, cut off or no MATLAB file before version 7.3.

    Parameters
    ----------
    path
        The file.
    longest
        Number of values of the longest vector that is read.
    """
    found = _asked(list_variables, path, longest).items()
    return {n: Variable(shape, np.dtype(kind), values) for n, (shape, kind, values) in found}


def variable(path: Path, name: str) -> NDArray[Any]:
    """Return the values of one array, paged in from a temporary file; raise as `variables`."""
    return np.asarray(_asked(read_variables, path, [name], seconds=600)[name])


def cells(path: Path) -> dict[str, tuple[NDArray[Any], ...]]:
    """Return the cell arrays of real numbers by their names: each cell, in MATLAB's order."""
    return dict(_asked(read_cells, path))


def texts(path: Path) -> dict[str, list[str]]:
    """Return lists of texts, cell arrays and matrices of characters, by their names."""
    return dict(_asked(read_texts, path))


def _asked(read: Callable[..., Any], path: Path, *arguments: Any, seconds: float = 60) -> Any:
    remedy = "copy it again if it was cut off, else save it again with save(…, '-v7.3')"
    # no variable of these versions has more than 2 GiB in MATLAB
    memory = 6 * 2**30
    return child.call(
        read, path, *arguments, what=WHAT, remedy=remedy, seconds=seconds, memory=memory
    )


def list_variables(path: Path, longest: int) -> dict[str, tuple[Any, ...]]:
    """Return shape, type and, of vectors, values of each real numeric array."""
    import matio

    listed = {
        name: (tuple(int(n) for n in shape), _TYPES[kind])
        for name, (shape, kind) in matio.whosmat(path).items()
        if kind in _TYPES and math.prod(shape)
    }
    for name, (shape, _) in listed.items():
        if math.prod(shape) > path.stat().st_size * DEFLATE_RATIO:
            raise RecordingError(
                f"{path}: {name} claims {' x '.join(map(str, shape))} values, more than the file "
                "can hold; its header is damaged, so save it again."
            )
    short = [n for n, (shape, _) in listed.items() if math.prod(shape) == max(shape) <= longest]
    values = read_variables(path, short) if short else {}
    if all(math.prod(shape) == 1 for shape, _ in listed.values()):
        for name, array in _in_structs(path).items():
            listed[name] = array.shape, array.dtype.str
            values |= {name: array} if array.size == max(array.shape) <= longest else {}
    for name, array in values.items():
        if getattr(array, "shape", None) != listed[name][0]:
            raise ValueError(f"{name!r} is {array!s:.80}, or two variables are called so")
    return {name: (*described, values.get(name, np.empty(0))) for name, described in listed.items()}


def _in_structs(path: Path) -> dict[str, NDArray[Any]]:
    """Return the real numeric arrays in structs of one element, as ``struct.field``."""
    import matio

    structs = [name for name, (_, kind) in matio.whosmat(path).items() if kind == "struct"]
    found = _loaded(path, structs) if structs else {}
    inside = [one for name in structs for one in _fields(name, found[name]).items()]
    return {
        name: one
        for name, one in inside
        if isinstance(one, np.ndarray) and one.size and one.dtype.kind in "iuf"
    }


def _fields(name: str, value: Any) -> dict[str, Any]:
    """Return what is in a struct by ``struct.field``; anything else by its name."""
    if getattr(getattr(value, "dtype", None), "names", None) is None or value.size != 1:
        return {name: value}
    (one,) = value.reshape(-1)
    inside = (_fields(f"{name}.{field}", one[field]) for field in value.dtype.names)
    return {key: held for fields in inside for key, held in fields.items()}


def read_variables(path: Path, names: list[str]) -> dict[str, Any]:
    """Return variables, and fields of structs, by their names, whatever else the file holds."""
    roots = list(dict.fromkeys(name.partition(".")[0] for name in names))
    found = _loaded(path, roots)
    every = {key: one for root in roots for key, one in _fields(root, found[root]).items()}
    return {name: every[name] if name in every else found[name] for name in names}


def _loaded(path: Path, names: list[str]) -> dict[str, Any]:
    from matio.utils.matheaders import MAT_FILE_VERSIONS, read_mat_header
    from matio.v4 import loadmat4
    from matio.v5 import loadmat5

    _, version, order = read_mat_header(path)
    if version == MAT_FILE_VERSIONS.V4:
        found = loadmat4(path, order, [*names])
    else:
        # without the part of the file that describes objects, which may be damaged or new
        found = loadmat5(path, 0, order, [*names], True, False)
    return {name: found[name] for name in names}


def read_texts(path: Path) -> dict[str, list[str]]:
    """Return the cell arrays of texts, and the matrices of characters."""
    import matio

    names = [name for name, (_, kind) in matio.whosmat(path).items() if kind in ("cell", "char")]
    found = read_variables(path, names) if names else {}
    lists = {name: [np.ravel(one) for one in np.ravel(array)] for name, array in found.items()}
    return {
        name: ["".join(map(str, one)).strip() for one in inside]
        for name, inside in lists.items()
        if inside and all(one.dtype.kind == "U" for one in inside)
    }


def read_cells(path: Path) -> dict[str, tuple[NDArray[Any], ...]]:
    """Return the cell arrays whose cells are all real numbers."""
    import matio

    names = [name for name, (_, kind) in matio.whosmat(path).items() if kind == "cell"]
    found = read_variables(path, names) if names else {}
    inside = {name: tuple(array.ravel(order="F")) for name, array in found.items()}
    return {
        name: cell
        for name, cell in inside.items()
        if all(isinstance(one, np.ndarray) and one.dtype.kind in "iuf" for one in cell)
    }
