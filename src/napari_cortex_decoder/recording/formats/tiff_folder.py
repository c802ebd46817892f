"""Folders of TIFFs: one frame a file, as Micro-Manager writes them, or one session in parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError, UnclearMovieError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.frames import FrameReader, check_frames, unchanged
from napari_cortex_decoder.recording.formats.joining import join_files
from napari_cortex_decoder.recording.formats.light import movie_first
from napari_cortex_decoder.recording.formats.names import Named, in_turns, natural_key, understood
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.tiff import (
    TIFF_SUFFIXES,
    check_magic,
    first_page,
    open_tiff,
)
from napari_cortex_decoder.recording.formats.tiff_metadata import (
    micromanager_info,
    with_micromanager,
)
from napari_cortex_decoder.recording.formats.tiff_pages import opened_tiff, page_offsets

# Reading the description of a frame takes a millisecond: of more files than these, only two are.
_FEW = 1000


class OneFrameFiles(FrameReader):
    """Frames that lie in a file each, whose `file_token` is that of when the folder was opened."""

    def __init__(
        self, folder: Path, files: Sequence[tuple[str, int, int]], first: tifffile.TiffPage
    ) -> None:
        size = sum(size for _, size, _ in files)
        token = (str(folder), folder.stat().st_mtime_ns, len(files), size)
        super().__init__((len(files), *first.shape), first.dtype, token)
        self._files = files

    def read(self, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read the file of each frame."""
        out = np.empty((len(frames), *self.shape[1:]), self.dtype)
        for image, frame in zip(out, frames.tolist(), strict=True):
            path = Path(self._files[frame][0])
            with unchanged(self._files[frame]), opened_tiff(path, "a TIFF frame") as tif:
                page = first_page(path, tif)
                if page.shape != self.shape[1:] or page.dtype != self.dtype:
                    raise RecordingError(
                        f"{path}: this frame is {page.shape} of {page.dtype}, the first one is "
                        f"{self.shape[1:]} of {self.dtype}; keep each session in its own folder."
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


def tiff_folders(folder: Path) -> list[Path]:
    """Return the folder if TIFFs lie in it, else those in it in which some do: positions."""
    if not folder.is_dir():
        return []
    if _tiffs(folder):
        return [folder]
    return sorted((p for p in folder.iterdir() if p.is_dir() and _tiffs(p)), key=natural_key)


def open_folder(folder: Path, given: Given) -> MovieFile:
    """Open a folder of TIFFs; see `napari_cortex_decoder.recording.open_recording`."""
    dataset = given.dataset
    places = {place.name: place for place in tiff_folders(folder)}
    if [*places.values()] != [folder] and (len(places) == 1 or dataset in places):
        only = places[dataset] if dataset in places else next(iter(places.values()))
        return open_folder(only, Given())
    if len(places) > 1:
        raise UnclearMovieError(
            f"{folder}: TIFFs lie in {len(places)} folders in it, {', '.join([*places][:6])}; give "
            "the name of one as dataset (command line: --as dataset=NAME).",
            tuple(places),
        )
    states = {Path(entry.path): entry.stat() for entry in _tiffs(folder)}
    sizes = {path: state.st_size for path, state in states.items()}
    paths = sorted(states, key=natural_key)
    first = paths[0]
    check_magic(first)
    with opened_tiff(first, "a TIFF frame") as tif:
        in_set = tif.is_ome and tif.ome_metadata.count("FileName=") > 1
        alone = not in_set and len(page_offsets(first, tif)) == 1 and tif.series[0].ndim == 2
        alone = alone and not any(_has_more(path, sizes[first], sizes[path]) for path in paths)
        page = first_page(first, tif)
        plain = page.is_contiguous
    if not alone or dataset is not None:
        return join_files(paths, lambda path: open_tiff(path, given))
    least = page.nbytes if plain else 1
    for path, size in sizes.items():
        if size < least:
            raise RecordingError(f"{path}: the file is truncated ({size} bytes); copy it again.")
    named, channels = understood(paths, one_frame=True) if len(paths) > 1 else None, 1
    if named is not None and named.times[0]:
        paths, numbers, warnings = in_turns(paths, _with_lights(paths, named))
        channels = len(named.names)
    else:
        numbers = np.arange(len(paths), dtype=np.int64)
        warnings = (
            "the names of the frames do not count them; their alphabetical order is taken.",
        )
    check_frames(folder, (len(paths), *page.shape), page.dtype)
    files = [(str(path), sizes[path], states[path].st_mtime_ns) for path in paths]
    movie = MovieFile(
        frames=OneFrameFiles(folder, files, page),
        channels=channels,
        numbers=numbers,
        metadata={"files": len(paths)},
        warnings=warnings,
    )
    return with_micromanager(movie, lambda frame: _info(paths[frame]), _FEW)


def _has_more(path: Path, one: int, size: int) -> bool:
    """Whether a file holds several frames, which is looked at where it is larger than `one`."""
    if size < 1.5 * one:
        return False
    check_magic(path)
    with opened_tiff(path, "a TIFF frame") as tif:
        return len(page_offsets(path, tif)) > 1


def _with_lights(paths: list[Path], named: Named) -> Named:
    """Call colours that are only numbered in names by what Micro-Manager calls their light."""
    if named.told or len(named.names) < 2:
        return named
    names = [str(_info(paths[named.colours.index(c)]).get("Channel", "")) for c in (0, 1)]
    order, told = movie_first(names)
    if not told:
        return named
    colours = tuple(order.index(colour) for colour in named.colours)
    return Named(named.times, colours, tuple(names[i] for i in order))


def _info(path: Path) -> dict[str, Any]:
    """Micro-Manager's description of one frame, empty where there is none."""
    with opened_tiff(path, "a TIFF frame") as tif:
        return micromanager_info(tif.pages.first)
