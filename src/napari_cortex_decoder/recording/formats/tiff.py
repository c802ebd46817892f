"""TIFF movies: one file of many pages, whoever wrote it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats import tiff_metadata as said
from napari_cortex_decoder.recording.formats.frames import (
    FrameReader,
    Picked,
    check_frames,
    gathered,
)
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile
from napari_cortex_decoder.recording.formats.tiff_layout import Layout, layout_of
from napari_cortex_decoder.recording.formats.tiff_pages import (
    find_frames,
    opened_tiff,
    page_offsets,
)

# tifffile logs what is wrong with a file beside raising it; without a handler of the user's own,
# Python would print that next to our sentence.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
Pages = NDArray[np.int64]
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_tiff(path: Path, given: Given) -> MovieFile:
    """Open a multi-page TIFF, or the set that it belongs to; see `open_recording`."""
    check_magic(path)
    with opened_tiff(path) as tif:
        pages = page_offsets(path, tif)
        if not len(pages):
            raise RecordingError(f"{path}: there is no frame in it; a movie needs at least 2.")
        first = first_page(path, tif)
        layout = layout_of(path, tif, pages, given.dataset)
        check_frames(path, (len(layout.page), *first.shape), first.dtype)
        frames = _frames(path, tif, pages, layout)
        told = list(layout.warnings)
        size = layout.pixel_size
        if size is None:
            size = said.tag_pixel_size(first, layout.unit, told)
        movie = MovieFile(
            frames=frames,
            channels=layout.channels,
            frame_rate=layout.frame_rate,
            pixel_size=size,
            frame_times=layout.frame_times,
            numbers=layout.numbers,
            files=frozenset(path.with_name(name) for name in {*layout.files, *layout.set_files}),
            steps=layout.steps,
            metadata=_shown(tif),
            warnings=tuple(told),
        )
        known = layout.frame_rate is not None or layout.frame_times is not None
        if known or len(pages) != len(layout.page):
            return movie

        def describe(frame: int) -> dict[str, Any]:
            tif.filehandle.seek(int(pages[layout.page[frame]]))
            return said.micromanager_info(tifffile.TiffPage(tif, frame))

        counted = replace(movie, numbers=np.arange(len(pages)))
        return replace(movie, frame_rate=said.with_micromanager(counted, describe).frame_rate)


def _frames(path: Path, tif: tifffile.TiffFile, pages: Pages, layout: Layout) -> FrameReader:
    """Find the frames of a layout, in its own file and in the others of its set."""
    if layout.behind_the_first:
        whole = find_frames(path, tif, pages, int(layout.page.max()) + 1)
        in_order = len(layout.page) == whole.shape[0] and (np.diff(layout.page) == 1).all()
        return whole if in_order else Picked(whole, layout.page)
    parts: list[tuple[FrameReader, Pages]] = []
    for index in np.unique(layout.file).tolist():
        rows = np.flatnonzero(layout.file == index)
        other, wanted = path.with_name(layout.files[index]), layout.page[rows]
        if index == 0:
            parts.append((find_frames(path, tif, pages[wanted], len(rows)), rows))
            continue
        with opened_tiff(other) as part:
            if first_page(other, part).shape != tif.pages.first.shape:
                raise RecordingError(
                    f"{other}: its frames have another shape than those of {path.name}, which "
                    "names it as a part of its set; keep the files of one set in a folder."
                )
            found = find_frames(other, part, page_offsets(other, part)[wanted], len(rows))
            parts.append((found, rows))
    return gathered(parts)


def first_page(path: Path, tif: tifffile.TiffFile) -> tifffile.TiffPage:
    """Return the first page; raise unless it is one greyscale image of rows and columns."""
    first = tif.pages.first
    shape = first.shape
    if first.compression not in set(tifffile.COMPRESSION):
        raise RecordingError(
            f"{path}: its compression {first.compression} is unknown; export it uncompressed."
        )
    if first.samplesperpixel != 1:
        raise RecordingError(
            f"{path}: its frames are colour images ({first.samplesperpixel} values a pixel); "
            "save the movie as greyscale."
        )
    if len(shape) != 2 or first.dtype is None or not all(isinstance(n, int) for n in shape):
        raise RecordingError(
            f"{path}: a page is {'x'.join(map(str, shape)) or 'empty'} of "
            f"{first.bitspersample} bits, not an image of rows and columns; export the movie "
            "as one greyscale image a page."
        )
    return first


def check_magic(path: Path) -> None:
    """Refuse an empty file and one that is no TIFF whatever its name says."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic not in _MAGIC:
        raise RecordingError(
            f"{path}: this is not a TIFF, whatever its name says (it begins with {magic!r}); "
            "give a TIFF, or name it after what it is."
        )


def _shown(tif: tifffile.TiffFile) -> dict[str, Any]:
    first = tif.pages.first
    shown: dict[str, Any] = {"compression": tifffile.COMPRESSION(first.compression).name.lower()}
    for tag in ("DateTime", "Software", "Make", "Model"):
        value = first.tags.valueof(tag)
        if isinstance(value, str) and value.strip():
            shown[tag] = value.strip()
    return shown
