"""Which axis of an array is time: said by the file or the user, else guessed and told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError

# Frames longer than this by wide are no camera's; an axis order that would give them is wrong.
_LONGEST = 4
_WORDS = {
    "t": "t", "time": "t", "frame": "t", "frames": "t",
    "c": "c", "channel": "c", "channels": "c",
    "z": "z", "plane": "z",
    "y": "y", "row": "y", "rows": "y", "height": "y",
    "x": "x", "column": "x", "columns": "x", "width": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Arrangement:
    """What the axes of an array mean.

    Attributes
    ----------
    axes
        One letter an axis, as the file orders them: t, y, x, and c (colours) and z (one slice)
        where there are any.
    shape
        Length of each axis.
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


def named_axes(names: Sequence[object]) -> str | None:
    """Give the letters of axes that a file names, None if a name is unknown or used twice."""
    letters = [_WORDS.get(str(name).strip().lower(), "") for name in names]
    axes = "".join(letters)
    return axes if all(letters) and len(set(axes)) == len(axes) else None


def arrange(
    path: Path,
    shape: tuple[int, ...],
    *,
    said: str | None = None,
    usual: str = "tyx",
    transposed: bool = False,
) -> tuple[Arrangement, tuple[str, ...]]:
    """Find out what the axes of an array mean.

    Parameters
    ----------
    path
        File, for the error.
    shape
        Shape of the array as the file has it.
    said
        What the file or the user says, one letter an axis.
    usual
        Order that programs of this kind write: ``"tyx"`` for Python, ``"yxt"`` for MATLAB.
    transposed
        Whether the file has the axes the other way round than the program that wrote it:
        MATLAB's in HDF5. `said` and `usual` follow the program.

    Returns
    -------
    tuple
        The arrangement in the file's order, and sentences on what was guessed.

    Raises
    ------
    RecordingError
        If the axes cannot be those of a movie.
    """
    shape = tuple(int(n) for n in shape)
    seen = shape[::-1] if transposed else shape
    warnings: tuple[str, ...] = ()
    if said is not None:
        axes = said.lower()
        if len(axes) != len(seen) or not set("tyx") <= set(axes) <= set("tczyx"):
            raise RecordingError(
                f"{path}: its axes cannot be {said!r}, as the array is {_times(seen)}; give a "
                'letter an axis, such as axes="tyx".'
            )
    else:
        axes, warnings = _guess(path, seen, usual)
    found = Arrangement(axes[::-1] if transposed else axes, shape)
    if found["z"] > 1:
        raise RecordingError(
            f"{path}: it is a volume over time ({found['z']} slices); save one slice, or a "
            "projection, as a movie."
        )
    if found["c"] > 2:
        raise RecordingError(
            f"{path}: it has {found['c']} colours; save the movie and at most one reference."
        )
    return found, warnings


def _guess(path: Path, shape: tuple[int, ...], usual: str) -> tuple[str, tuple[str, ...]]:
    other = "yxt" if usual == "tyx" else "tyx"
    if len(shape) == 4:
        # colours of one time point lie beside time: (t, c, y, x) or, in MATLAB, (y, x, c, t)
        colours = {"tyx": "tcyx", "yxt": "yxct"}
        orders = (colours[usual], colours[other])
        fitting = [order for order in orders if shape[order.index("c")] <= 2]
        if not fitting:
            raise RecordingError(
                f"{path}: the array is {_times(shape)}, which is no movie of one or two colours; "
                "save it as frames x rows x columns."
            )
        return fitting[0], ()
    if len(shape) != 3:
        raise RecordingError(
            f"{path}: the array is {_times(shape) or 'a single number'}; a movie is frames x rows "
            "x columns."
        )
    if _elongation(shape, usual) > _LONGEST >= _elongation(shape, other):
        note = (
            f"the array is {_times(shape)}, so its axes were taken to be {other!r}; if they are "
            f'not, open it with axes="{usual}".'
        )
        return other, (note,)
    return usual, ()


def _elongation(shape: tuple[int, ...], axes: str) -> float:
    rows, columns = shape[axes.index("y")], shape[axes.index("x")]
    return max(rows, columns) / min(rows, columns) if rows and columns else math.inf


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
