"""Folders of TIFFs: one frame a file, as Micro-Manager writes them, or one session in parts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import check_frames
from napari_cortex_decoder.recording.formats.joining import join, natural_key
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.recording.formats.tiff import (
    TIFF_SUFFIXES,
    check_magic,
    first_page,
    open_tiff,
)
from napari_cortex_decoder.recording.formats.tiff_metadata import (
    micromanager_elapsed,
    micromanager_info,
)
from napari_cortex_decoder.recording.formats.tiff_pages import page_offsets

# Reading the description of a frame takes a millisecond: of more files than these, only two are.
_FEW = 1000
# Micro-Manager 2 and 1.4: time, channel and slice in the name of each frame
_MICROMANAGER = (
    re.compile(r"img_channel(?P<c>\d+)_position(?P<p>\d+)_time(?P<t>\d+)_z(?P<z>\d+)$"),
    re.compile(r"img_(?P<t>\d{9})_(?P<c>.*)_(?P<z>\d{3})$"),
)


@dataclass(frozen=True, eq=False)
class OneFrameFiles:
    """Frames that lie in a file each.

    Attributes
    ----------
    paths
        The files, in order.
    frame_shape, dtype
        Of each frame.
    stamp
        Names the state of the folder.
    """

    paths: tuple[Path, ...]
    frame_shape: tuple[int, int]
    dtype: np.dtype[Any]
    stamp: tuple[Any, ...]
    together: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, columns)."""
        return (len(self.paths), *self.frame_shape)

    @property
    def token(self) -> tuple[Any, ...]:
        """State of the folder."""
        return self.stamp

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read the file of each frame."""
        out = np.empty((len(frames), *self.frame_shape), self.dtype)
        for image, frame in zip(out, frames.tolist(), strict=True):
            path = self.paths[frame]
            check_magic(path)
            with readable(path, "a TIFF frame"), tifffile.TiffFile(path, _multifile=False) as tif:
                page = first_page(path, tif)
                if page.shape != self.frame_shape or page.dtype != self.dtype:
                    raise RecordingError(
                        f"{path}: this frame is {page.shape} of {page.dtype}, the first one is "
                        f"{self.frame_shape} of {self.dtype}; keep the frames of one session in a "
                        "folder of their own."
                    )
                image[:] = page.asarray()
        return out


def _tiffs(folder: Path) -> list[os.DirEntry[str]]:
    with readable(folder, "a folder of TIFF frames"), os.scandir(folder) as entries:
        return [
            entry
            for entry in entries
            if Path(entry.name).suffix.lower() in TIFF_SUFFIXES
            and not entry.name.startswith(".")
            and entry.is_file()
        ]


def open_folder(folder: Path) -> MovieFile:
    """Open a folder of TIFFs; see `napari_cortex_decoder.recording.open_recording`."""
    entries = _tiffs(folder)
    sizes = {Path(entry.path): entry.stat().st_size for entry in entries}
    paths = sorted(sizes, key=natural_key)
    first = paths[0]
    check_magic(first)
    with readable(first, "a TIFF frame"), tifffile.TiffFile(first, _multifile=False) as tif:
        alone = len(page_offsets(first, tif)) == 1 and tif.series[0].ndim == 2
        page = first_page(first, tif)
        kind, dtype, plain = page.shape, page.dtype, page.is_contiguous
    if not alone:
        return join(paths, [open_tiff(path) for path in paths])
    least = kind[0] * kind[1] * dtype.itemsize if plain else 1
    for path in paths:
        if sizes[path] < least:
            raise RecordingError(
                f"{path}: the file is truncated ({sizes[path]} bytes); copy it again."
            )
    paths, numbers, channels, warnings = _in_order(folder, paths)
    check_frames(folder, (len(paths), *kind), dtype)
    shown, rate, times = _micromanager(paths, numbers, channels)
    stat = folder.stat()
    stamp = (str(folder), stat.st_mtime_ns, len(paths), sum(sizes.values()))
    return MovieFile(
        frames=OneFrameFiles(tuple(paths), kind, dtype, stamp),
        channels=channels,
        frame_rate=rate,
        frame_times=times,
        numbers=numbers,
        metadata={"files": len(paths), **shown},
        warnings=warnings,
    )


def _in_order(
    folder: Path, paths: list[Path]
) -> tuple[list[Path], NDArray[np.int64], int, tuple[str, ...]]:
    """Files by time, then colour; the camera's count of each; colours; what to say."""
    for pattern in _MICROMANAGER:
        found = [pattern.match(path.stem) for path in paths]
        if all(found):
            said = [match.groupdict() for match in found if match]
            for field, what in (("z", "slices"), ("p", "positions")):
                if len({names.get(field) for names in said}) > 1:
                    raise RecordingError(
                        f"{folder}: it holds several {what}; keep the frames of one in a folder "
                        "of their own."
                    )
            colours = sorted({names["c"] for names in said})
            if len(colours) > 2:
                raise RecordingError(
                    f"{folder}: it holds {len(colours)} colours ({', '.join(colours)}); keep the "
                    "movie and at most one reference in it."
                )
            counts = [int(n["t"]) * len(colours) + colours.index(n["c"]) for n in said]
            return (*_sorted(paths, counts), len(colours), ())
    counted = _counts(paths)
    if counted is None:
        note = "the names of the frames do not count them; their alphabetical order is taken."
        return paths, np.arange(len(paths), dtype=np.int64), 1, (note,)
    return (*_sorted(paths, counted), 1, ())


def _counts(paths: list[Path]) -> list[int] | None:
    """Numbers in which names differ, if they differ in one number and nothing else."""
    split = [re.split(r"(\d+)", path.stem) for path in paths]
    if len({len(parts) for parts in split}) != 1:
        return None
    varying = [i for i, parts in enumerate(zip(*split, strict=True)) if len(set(parts)) > 1]
    if len(varying) != 1 or varying[0] % 2 == 0:
        return None
    return [int(parts[varying[0]]) for parts in split]


def _sorted(paths: list[Path], counts: list[int]) -> tuple[list[Path], NDArray[np.int64]]:
    order = np.argsort(counts, kind="stable")
    numbers = np.asarray(counts, np.int64)[order]
    steps = np.diff(numbers)
    if (steps == 0).any():
        twice = paths[order[int(np.flatnonzero(steps == 0)[0]) + 1]]
        raise RecordingError(
            f"{twice}: another file of the folder has the same frame number; remove one."
        )
    step = int(steps.min()) if len(steps) and (steps % steps.min() == 0).all() else 1
    return [paths[i] for i in order], (numbers - numbers[0]) // step


def _micromanager(
    paths: list[Path], numbers: NDArray[np.int64], channels: int
) -> tuple[dict[str, Any], float | None, NDArray[np.float64] | None]:
    """What Micro-Manager says of the camera, time points a second (Hz), times of the frames (s)."""
    first = _info(paths[0])
    wanted = ("Camera", "Exposure-ms", "Binning")
    shown: dict[str, Any] = {key: first[key] for key in wanted if key in first}
    if len(paths) <= _FEW:
        elapsed = np.array([micromanager_elapsed(_info(path)) for path in paths])
        return shown, None, elapsed - elapsed[0] if np.isfinite(elapsed).all() else None
    # two colours in turns need not be evenly spaced: measure between frames of one colour
    last = int(np.flatnonzero((numbers - numbers[0]) % 2 == 0)[-1])
    seconds = micromanager_elapsed(_info(paths[last])) - micromanager_elapsed(first)
    if not seconds > 0:
        return shown, None, None
    return shown, float((numbers[last] - numbers[0]) / channels / seconds), None


def _info(path: Path) -> dict[str, Any]:
    """Micro-Manager's description of one frame, empty where there is none."""
    with readable(path, "a TIFF frame"), tifffile.TiffFile(path, _multifile=False) as tif:
        return micromanager_info(tif.pages.first)


register(
    MovieFormat(
        name="folder of TIFFs",
        patterns=(),
        recognized="a folder with TIFFs in it: one frame a file, ordered by Micro-Manager's time "
        "index or by the number in their names, or several multi-page files of one session in "
        "natural order",
        metadata="Micro-Manager: rate from the elapsed time, colours, camera; numbers missing in "
        "the names are lost frames",
        matches=lambda path: path.is_dir() and bool(_tiffs(path)),
        open=open_folder,
    )
)
