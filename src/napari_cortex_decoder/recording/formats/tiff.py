"""TIFF movies: one file of many pages, whoever wrote it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats import tiff_metadata as said
from napari_cortex_decoder.recording.formats.frames import check_frames
from napari_cortex_decoder.recording.formats.registry import MovieFile, MovieFormat, register
from napari_cortex_decoder.recording.formats.tiff_pages import (
    find_frames,
    page_offsets,
    too_few,
)
from napari_cortex_decoder.recording.provenance import steps_in_text
from napari_cortex_decoder.units import positive

# tifffile logs what is wrong with a file beside raising it; without a handler of the user's own,
# Python would print that next to our sentence.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class _Layout:
    """How the pages of a file make a movie: which page is which frame, and what else it says."""

    claimed: int
    order: NDArray[np.int64] | None = None  # page of each frame, colours interleaved
    channels: int = 1
    frame_rate: float | None = None
    pixel_size: float | None = None
    frame_times: NDArray[np.float64] | None = None
    claimed_frames: int | None = None
    steps: tuple[Mapping[str, Any], ...] = ()


def open_tiff(path: Path) -> MovieFile:
    """Open a multi-page TIFF; see `napari_cortex_decoder.recording.open_recording`."""
    check_magic(path)
    with readable(path, "a TIFF movie"):
        tif = tifffile.TiffFile(path, _multifile=False)
    with tif:
        pages = page_offsets(path, tif)
        if not len(pages):
            raise RecordingError(f"{path}: there is no frame in it; a movie needs at least 2.")
        first = first_page(path, tif)
        layout = _layout(path, tif, len(pages))
        check_frames(path, (layout.claimed, *first.shape), first.dtype)
        if layout.order is not None:
            pages = pages[layout.order]
        frames = find_frames(path, tif, pages[: layout.claimed], layout.claimed)
        pixel_size = layout.pixel_size
        if pixel_size is None:
            unit = (tif.imagej_metadata or {}).get("unit") if tif.is_imagej else None
            pixel_size = said.tag_pixel_size(first, unit)
        rate = layout.frame_rate
        if rate is None and layout.frame_times is None and len(pages) == layout.claimed:
            with readable(path, "a Micro-Manager movie"):
                rate = said.micromanager_rate(tif, int(pages[-1]), len(pages))
        return MovieFile(
            frames=frames,
            channels=layout.channels,
            frame_rate=rate,
            pixel_size=pixel_size,
            frame_times=layout.frame_times,
            claimed_frames=layout.claimed_frames,
            steps=layout.steps,
            metadata=_shown(tif),
        )


def first_page(path: Path, tif: tifffile.TiffFile) -> tifffile.TiffPage:
    """Give the first page, one greyscale image of rows and columns.

    Raises
    ------
    RecordingError
        If it is anything else.
    """
    with readable(path, "a TIFF movie"):
        first = tif.pages.first
        shape = first.shape
    if first.compression not in set(tifffile.COMPRESSION):
        raise RecordingError(
            f"{path}: its compression, number {first.compression}, is unknown; export the movie "
            "again, uncompressed or with deflate."
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
    """Refuse an empty file and one that is no TIFF whatever its name says.

    Raises
    ------
    RecordingError
        As the name says.
    """
    with readable(path, "a TIFF movie"), path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again.")
    if magic not in _MAGIC:
        raise RecordingError(
            f"{path}: this is not a TIFF, whatever its name says (it begins with {magic!r}); "
            "give a TIFF, or name it after what it is."
        )


def _layout(path: Path, tif: tifffile.TiffFile, held: int) -> _Layout:
    if tif.is_ome:
        with readable(path, "an OME-TIFF movie"):
            image = said.OmeImage(tif.ome_metadata)
            return _ome_layout(path, image, held)
    if tif.is_imagej:
        with readable(path, "an ImageJ movie"):
            metadata = tif.imagej_metadata or {}
            sizes = {
                axis: int(metadata.get(field, 1))
                for axis, field in (("T", "frames"), ("C", "channels"), ("Z", "slices"))
            }
        claimed = math.prod(sizes.values())
        if claimed == 1:
            return _Layout(held, frame_rate=said.imagej_frame_rate(metadata))
        _check_claim(path, tif, claimed, held)
        order, channels = _planes(path, sizes, "TZC", None)
        return _Layout(
            claimed,
            order,
            channels,
            said.imagej_frame_rate(metadata),
            steps=steps_in_text(metadata.get("Info")),
        )
    if tif.is_shaped:
        with readable(path, "a TIFF movie"):
            shaped = tif.shaped_metadata[0]
            shape = tuple(int(n) for n in shaped["shape"])
            claimed = math.prod(shape) // max(1, math.prod(tif.pages.first.shape))
        _check_claim(path, tif, claimed, held)
        rate = positive(shaped.get("fps")) or said.imagej_frame_rate(shaped)
        axes = str(shaped.get("axes", ""))
        if len(axes) == len(shape) and "C" in axes and "T" in axes:
            sizes = {axis: shape[axes.index(axis)] if axis in axes else 1 for axis in "TCZ"}
            slowest_first = "".join(a for a in axes if a in "TCZ")
            slowest_first += "".join(a for a in "TCZ" if a not in axes)
            order, channels = _planes(path, sizes, slowest_first, None)
            return _Layout(claimed, order, channels, rate)
        return _Layout(max(claimed, held), frame_rate=rate)
    return _Layout(held)


def _check_claim(path: Path, tif: tifffile.TiffFile, claimed: int, held: int) -> None:
    """More frames than pages are fine where one page goes on with the data of all."""
    first = tif.pages.first
    if claimed > held and not (held == 1 and first.is_contiguous and first.is_final):
        raise too_few(path, claimed, held)


def _ome_layout(path: Path, image: said.OmeImage, held: int) -> _Layout:
    claimed = math.prod(image.sizes.values())
    if claimed > held:
        if not image.elsewhere:
            raise too_few(path, claimed, held)
        return _Layout(
            held,
            frame_rate=image.frame_rate,
            pixel_size=image.pixel_size,
            claimed_frames=claimed,
            steps=steps_in_text(image.description),
        )
    order, channels = _planes(path, image.sizes, image.order, image.page_of_plane(held))
    times = image.frame_times() if image.sizes["T"] > 1 else None
    return _Layout(
        claimed,
        order,
        channels,
        image.frame_rate,
        image.pixel_size,
        times,
        steps=steps_in_text(image.description),
    )


def _planes(
    path: Path, sizes: dict[str, int], order: str, page: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64] | None, int]:
    """Order pages by time, then colour.

    Parameters
    ----------
    path
        The file.
    sizes
        Number of planes along T, C and Z.
    order
        These axes as the pages run through them, slowest first.
    page
        Page of each plane; None where planes and pages run alike.

    Returns
    -------
    tuple
        Page of each frame (None: as they come) and the number of interleaved colours.
    """
    if sizes["T"] > 1 and sizes["Z"] > 1:
        raise RecordingError(
            f"{path}: it is a volume over time ({sizes['T']} times, {sizes['Z']} slices); "
            "save one slice, or a projection, as a movie."
        )
    if sizes["C"] > 2 and max(sizes["T"], sizes["Z"]) > 1:
        raise RecordingError(
            f"{path}: it has {sizes['C']} colours; save the movie and at most one reference."
        )
    planes = np.arange(math.prod(sizes.values())) if page is None else page
    if (planes < 0).any():
        raise RecordingError(
            f"{path}: the file is truncated: {int((planes < 0).sum())} of its {len(planes)} "
            "frames are not in it; copy it again."
        )
    # a movie saved as slices, or as colours, is a movie
    time = max("TZC", key=lambda axis: sizes[axis]) if sizes["T"] == 1 else "T"
    channels = 1 if time == "C" else sizes["C"]
    cube = planes.reshape([sizes[axis] for axis in order])
    wanted = [time, *(a for a in "TZC" if a not in (time, "C")), *("C" if time != "C" else "")]
    planes = cube.transpose([order.index(axis) for axis in wanted]).reshape(-1)
    return (None if (np.diff(planes) == 1).all() and planes[0] == 0 else planes), channels


def _shown(tif: tifffile.TiffFile) -> dict[str, Any]:
    first = tif.pages.first
    shown: dict[str, Any] = {"compression": tifffile.COMPRESSION(first.compression).name.lower()}
    for tag in ("DateTime", "Software", "Make", "Model"):
        value = first.tags.valueof(tag)
        if isinstance(value, str) and value.strip():
            shown[tag] = value.strip()
    return shown


register(
    MovieFormat(
        name="TIFF",
        patterns=tuple(f"*{suffix}" for suffix in TIFF_SUFFIXES),
        recognized="by its name and its first four bytes; plain, ImageJ, OME and BigTIFF, "
        "uncompressed or compressed; pages in order of time",
        metadata="ImageJ: frame interval or fps, pixel size, colours; OME: TimeIncrement, DeltaT, "
        "PhysicalSizeX, order of planes, colours; else resolution tags with a unit",
        matches=lambda path: path.suffix.lower() in TIFF_SUFFIXES and path.is_file(),
        open=open_tiff,
    )
)
