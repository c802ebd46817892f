"""Which axis of an array is time: said by the file or the user, else guessed and told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.frames import check_planes

# Frames longer than this by wide are no camera's; an axis order that would give them is wrong.
_LONGEST = 4
_WORDS = {
    "t": ("t", "time", "times", "frame", "frames", "timepoint", "image", "images", "nframes"),
    "c": ("c", "channel", "color", "colour", "ch", "wavelength", "light", "led"),
    "z": ("z", "plane", "slice", "depth"),
    "y": ("y", "row", "height", "line", "ny", "ypix", "ap", "dim_y"),
    "x": ("x", "column", "col", "width", "nx", "xpix", "ml", "dim_x"),
}
# under which names files tell the order of axes, slowest first; OME's own goes the other way
_TOLD = ("axes", "dims", "dimensions", "dimension_names", "_array_dimensions", "dimension_labels",
         "axis_order", "dim_order", "dimension_order", "layout")  # fmt: skip
_OTHERS = "zpqrsuvw"  # letters of axes of length 1


@dataclass(frozen=True)
class Arrangement:
    """What the axes of an array mean: a letter each, as the file orders them, and their lengths.

    They are t, y, x, c (colours) where there are any, and others of length 1.
    """

    axes: str
    shape: tuple[int, ...]

    def __getitem__(self, axis: str) -> int:
        """Length of an axis, 1 if there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def movie_shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns), the colours of a time point as frames of their own."""
        return self["t"] * self["c"], self["y"], self["x"]


def named_axes(names: Sequence[object], shape: Sequence[int] = ()) -> str | None:
    """Return the letters of axes that a file names; None if a name is unknown or used twice.

    A unit in brackets does not count; an axis that `shape` tells to be of length 1 may be called
    anything.
    """
    spare = iter(_OTHERS[1:])
    letters = []
    for n, name in enumerate(names):
        word = (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).lower()
        word = re.sub(r"[\[(].*", "", word.rpartition("/")[2]).strip(" _'\"")
        forms = (word, word.removesuffix("s"), word.split("_")[0])
        found = next((a for form in forms for a, words in _WORDS.items() if form in words), "")
        if not found and len(shape) == len(names) and shape[n] == 1:
            found = next(spare, "")
        letters.append(found)
    axes = "".join(letters)
    return axes if all(letters) and len(set(axes)) == len(axes) else None


def told_axes(shape: Sequence[int], *places: Mapping[str, Any]) -> str | None:
    """Return the letters of the axes that a file tells in words; None where it does not."""
    for place in places:
        for key, value in place.items():
            name = str(key).lower()
            backwards = name == "dimensionorder"
            if not (backwards or name in _TOLD):
                continue
            text = value.decode(errors="replace") if isinstance(value, bytes) else value
            parts: list[object]
            if isinstance(text, str):
                words = re.findall(r"[A-Za-z_]+", text)
                parts = [*(words[0] if len(words) == 1 else words)]
            else:
                parts = list(np.ravel(np.asarray(text, dtype=object)))
            axes = named_axes(parts[::-1] if backwards else parts, shape)
            if axes is not None and len(axes) == len(shape) and set("tyx") <= set(axes):
                return axes
    return None


def arrange(
    path: Path,
    shape: tuple[int, ...],
    *,
    said: str | None = None,
    usual: str = "tyx",
    transposed: bool = False,
) -> tuple[Arrangement, tuple[str, ...]]:
    """Find out what the axes of an array in a file mean, and what to say about a guess.

    `said` is what the file or the user says, one letter an axis; `usual` the order that programs
    of this kind write: ``"tyx"`` for Python, ``"yxt"`` for MATLAB. Both follow the program, the
    arrangement the file, which may have the axes `transposed`: MATLAB's in HDF5.
    """
    shape = tuple(int(n) for n in shape)
    seen = shape[::-1] if transposed else shape
    warnings: tuple[str, ...] = ()
    if said is not None:
        axes = said.lower()
        if (
            len(axes) != len(seen)
            or not set("tyx") <= set(axes) <= set("tcyx" + _OTHERS)
            or len(set(axes)) < len(axes)
        ):
            raise RecordingError(
                f"{path}: its axes cannot be {said!r} ({_times(seen)}); give letters such as tyx."
            )
    else:
        axes, warnings = _guess(path, seen, usual)
    found = Arrangement(axes[::-1] if transposed else axes, shape)
    deep = max((found[axis] for axis in _OTHERS if axis in found.axes), default=1)
    check_planes(path, found["c"], deep)
    return found, warnings


def _guess(path: Path, shape: tuple[int, ...], usual: str) -> tuple[str, tuple[str, ...]]:
    other = "yxt" if usual == "tyx" else "tyx"
    single = [n for n, length in enumerate(shape) if length == 1]
    single = single[: max(0, len(shape) - 3)] if len(shape) - len(single) < 3 else single
    if single and len(shape) > 3:
        left = tuple(length for n, length in enumerate(shape) if n not in single)
        axes, said = _guess(path, left, usual)
        for letter, n in zip(_OTHERS, single, strict=False):
            axes = axes[:n] + letter + axes[n:]
        return axes, said
    if len(shape) == 4:
        # colours of one time point lie beside time: (t, c, y, x) or, in MATLAB, (y, x, c, t); else
        # behind or before everything
        orders = ("tcyx", "yxct", "tyxc", "ctyx", "yxtc", "cyxt")
        orders = orders if usual == "tyx" else ("yxct", "tcyx", "yxtc", "cyxt", "tyxc", "ctyx")
        fitting = [order for order in orders if shape[order.index("c")] <= 2]
        if not fitting:
            raise RecordingError(
                f"{path}: the array is {_times(shape)}, which is no movie of one or two colours; "
                "save it as frames x rows x columns."
            )
        plain = [order for order in fitting if _elongation(shape, order) <= _LONGEST] or fitting
        same = [order for order in plain if order.index("c") == plain[0].index("c")]
        # only beside the colours can time be told from rows and columns
        others = [*same[1:], *(order for order in fitting[:1] if order != plain[0])]
        return plain[0], tuple(_guessed(shape, plain[0], order) for order in others[:1])
    if len(shape) != 3:
        held = _times(shape) or "a single number"
        raise RecordingError(f"{path}: it holds {held}; a movie is frames x rows x columns.")
    if _elongation(shape, usual) > _LONGEST >= _elongation(shape, other):
        return other, (_guessed(shape, other, usual),)
    return usual, ()


def _guessed(shape: tuple[int, ...], axes: str, other: str) -> str:
    return (
        f"the array is {_times(shape)}, so its axes were taken to be {axes!r}; if they are not, "
        f'open it with axes="{other}".'
    )


def _elongation(shape: tuple[int, ...], axes: str) -> float:
    rows, columns = shape[axes.index("y")], shape[axes.index("x")]
    return max(rows, columns) / min(rows, columns) if rows and columns else math.inf


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
