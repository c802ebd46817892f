"""Which page of which file is which frame: what a TIFF's description says, and what is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable, told
from napari_cortex_decoder.recording.formats import tiff_metadata as said
from napari_cortex_decoder.recording.formats.frames import check_planes, other_frames
from napari_cortex_decoder.recording.formats.light import movie_first
from napari_cortex_decoder.recording.formats.tiff_pages import opened_tiff, page_offsets, too_few
from napari_cortex_decoder.recording.provenance import steps_in_text
from napari_cortex_decoder.units import positive

_LONGEST_DESCRIPTION = 2**28
Planes = NDArray[np.int64]
T = TypeVar("T")
_Counts = tuple[dict[str, int], str, dict[str, Any]]
"""Planes along T, C and Z, these axes as the planes run, and what else a description tells."""


@dataclass(frozen=True)
class Layout:
    """How the pages of a file or a set make a movie; what is not described is as in `MovieFile`."""

    page: Planes  # shape (frames,), by time, then colour
    file: Planes  # shape (frames,), place in `files`
    files: list[str]  # names; the first is the one that was opened
    set_files: frozenset[str] = frozenset()  # of other positions too
    channels: int = 1
    numbers: Planes | None = None  # shape (frames,), where frames lack
    behind_the_first: bool = False  # whether the first page goes on with the data of all frames
    frame_rate: float | None = None
    pixel_size: float | None = None
    frame_times: NDArray[np.float64] | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    unit: str | None = None  # in which ImageJ gives the resolution
    warnings: list[str] = field(default_factory=list)


def layout_of(path: Path, tif: tifffile.TiffFile, pages: Planes, dataset: str | None) -> Layout:
    """Return how the pages of a file, which lie at the offsets `pages`, make a movie.

    What describes them may be damaged, promise more or less than is there, or be about other files,
    too: what is there is shown, and the difference is told. Of several images `dataset` names one;
    None takes the one that this file holds.
    """
    held = len(pages)
    plain = Layout(np.arange(held), np.zeros(held, np.int64), [path.name])
    warnings: list[str] = []
    found: Layout | None = None
    if tif.is_ome:
        image = _understood(
            "OME-XML", lambda: _ome_image(path, tif.ome_metadata, dataset), path, warnings
        )
        if image is not None:
            found = _ome(path, image, held, warnings)
    elif dataset is not None:
        raise RecordingError(f"{path}: it describes no images by name; leave out dataset.")
    elif tif.is_imagej or tif.is_shaped:
        what, read = ("an ImageJ stack", _imagej) if tif.is_imagej else ("a shape", _shaped)
        counts = _understood(what, lambda: read(tif, warnings), path, warnings)
        if counts is not None:
            sizes, order, known = counts
            found = replace(_counted(path, tif, held, sizes, order, warnings), **known)
    return replace(found or plain, warnings=warnings)


def _understood(what: str, read: Callable[[], T], path: Path, warnings: list[str]) -> T | None:
    """Read a description; a damaged one costs itself only."""
    try:
        with readable(path, what):
            return read()
    except RecordingError as error:
        if error.__cause__ is None:
            raise
        warnings.append(
            f"its description cannot be read as {what} ({told(error.__cause__)}): its pages are "
            "taken for frames in their order, and what it said of rate and size is not known."
        )
        return None


def _ome_image(path: Path, xml: str, dataset: str | None) -> said.OmeImage:
    tif_xml, other = xml, said.companion(xml)
    if other is not None and other != path.name:
        master = path.with_name(other)
        if master.suffix.lower() in (".tif", ".tiff", ".btf", ".tf8"):
            with tifffile.TiffFile(master, _multifile=False) as tif:
                xml = tif.ome_metadata
        else:
            if master.stat().st_size > _LONGEST_DESCRIPTION:
                raise ValueError(f"{other} is too large")
            xml = master.read_text("utf-8")
    image = said.OmeImage(xml, path.name, dataset, described_here=xml is tif_xml)
    _ = image.frame_times  # so that all of it is known to be readable
    return image


def _ome(path: Path, image: said.OmeImage, own: int, warnings: list[str]) -> Layout:
    there = [own]
    for name in image.files[1:]:
        other = path.with_name(name)
        there.append(0)
        if other.is_file():
            with opened_tiff(other) as tif:
                there[-1] = len(page_offsets(other, tif))
    file, page = image.planes(there)
    index, channels = in_time(path, image.sizes, image.order)
    times = image.frame_times if image.sizes["T"] > 1 else np.full((1, image.sizes["C"]), np.nan)
    if channels == 2 and len(image.colours) == 2:
        lights, _ = movie_first(image.colours)
        index = index.reshape(-1, 2)[:, lights].reshape(-1)
        times = times[:, lights]
    layout = Layout(
        page[index],
        file[index],
        image.files,
        frozenset(image.set_files),
        channels,
        np.arange(len(index)),
        frame_rate=image.frame_rate,
        pixel_size=image.pixel_size,
        frame_times=times.reshape(-1) if times.size == len(index) else None,
        steps=steps_in_text(image.description),
    )
    warnings += image.warnings
    lost = [name for name, n in zip(image.files, there, strict=True) if not n]
    why = f"{', '.join(lost[:3])} {'is' if len(lost) == 1 else 'are'} not beside it" if lost else ""
    layout = what_is_there(path, layout, warnings, why)
    if len(image.names) > 1:
        others = ", ".join(repr(name) for name in image.names if name != image.name)
        warnings.append(
            f"it holds {len(image.names)} images, or positions; {image.name!r} is shown, and not "
            f"{others}: give the name of one as dataset (command line: --as dataset=NAME)."
        )
        return layout
    return _with_more(layout, own, len(index), warnings)


def what_is_there(path: Path, layout: Layout, warnings: list[str], why: str = "") -> Layout:
    """Leave out the frames of a layout that nobody recorded (page -1), and say how many."""
    assert layout.numbers is not None
    there = layout.page >= 0
    channels, numbers = layout.channels, layout.numbers
    if not there.any():
        raise RecordingError(
            f"{path}: none of its {len(there)} frames is in its folder; put the whole set there."
        )
    times = layout.frame_times
    if times is not None and not np.isfinite(times[there]).all():
        times = None
    if there.all():
        return replace(layout, numbers=None, frame_times=times)
    warnings.append(other_frames(len(there), int(there.sum()), *([why] if why else [])))
    if channels == 2 and not (there[::2].any() and there[1::2].any()):
        channels, numbers = 1, numbers // 2
    return replace(
        layout,
        page=layout.page[there],
        file=layout.file[there],
        numbers=numbers[there],
        channels=channels,
        frame_times=None if times is None else times[there],
    )


def _with_more(layout: Layout, held: int, described: int, warnings: list[str]) -> Layout:
    """Add the pages of which the description does not tell, where it is plain what they are."""
    more = np.setdiff1d(np.arange(held), layout.page[layout.file == 0])
    if not more.size:
        return layout
    text = f"its description tells of {described} frames, and {more.size} more are in the file"
    if layout.channels > 1 or layout.numbers is not None or (layout.file != 0).any():
        warnings.append(f"{text}; they are not shown.")
        return layout
    warnings.append(f"{text}; all {len(layout.page) + more.size} are shown, in the order of pages.")
    return replace(
        layout,
        page=np.concatenate([layout.page, more]),
        file=np.concatenate([layout.file, np.zeros(more.size, np.int64)]),
        frame_times=None,
    )


def _imagej(tif: tifffile.TiffFile, warnings: list[str]) -> _Counts:
    metadata = dict(tif.imagej_metadata or {})
    names = {"T": "frames", "C": "channels", "Z": "slices"}
    sizes = {axis: int(metadata.get(name, 1)) for axis, name in names.items()}
    if min(sizes.values()) < 1:
        raise ValueError(f"it gives {sizes}")
    if math.prod(sizes.values()) == 1:
        sizes["T"] = max(1, int(metadata.get("images", 1)))
    rate = said.imagej_frame_rate(metadata, warnings)
    steps = steps_in_text(metadata.get("Info"))
    return sizes, "TZC", {"frame_rate": rate, "steps": steps, "unit": metadata.get("unit")}


def _shaped(tif: tifffile.TiffFile, warnings: list[str]) -> _Counts:
    shaped = tifffile.tifffile.shaped_description_metadata(tif.pages.first.shaped_description)
    shape = tuple(int(n) for n in shaped["shape"])
    planes = math.prod(shape) // max(1, math.prod(tif.pages.first.shape))
    known = {"frame_rate": positive(shaped.get("fps")) or said.imagej_frame_rate(shaped, [])}
    axes = str(shaped.get("axes", ""))
    if len(axes) != len(shape) or not {"C", "T"} <= set(axes):
        return {"T": planes, "C": 1, "Z": 1}, "TZC", known
    sizes = {axis: shape[axes.index(axis)] if axis in axes else 1 for axis in "TCZ"}
    order = "".join(a for a in axes if a in "TCZ")
    return sizes, order + "".join(a for a in "TCZ" if a not in axes), known


def _counted(
    path: Path, tif: tifffile.TiffFile, held: int, sizes: dict[str, int], order: str,
    warnings: list[str],
) -> Layout:  # fmt: skip
    """Lay out pages of which only the numbers are told: they run as the description says."""
    claimed, first = math.prod(sizes.values()), tif.pages.first
    behind = claimed > held == 1 and bool(first.is_contiguous and first.is_final)
    if behind:
        held, rest = divmod(tif.filehandle.size - int(first.dataoffsets[0]), first.nbytes)
        if held < claimed and rest:
            raise too_few(path, claimed, held)
    if 1 == claimed < held:
        sizes, claimed = {**sizes, "T": held}, held
    index, channels = in_time(path, sizes, order)
    page = np.where(index < held, index, -1)
    layout = Layout(
        page,
        np.zeros_like(page),
        [path.name],
        channels=channels,
        numbers=np.arange(len(page)),
        behind_the_first=behind,
    )
    layout = what_is_there(path, layout, warnings)
    return layout if behind else _with_more(layout, held, claimed, warnings)


def in_time(path: Path, sizes: Mapping[str, int], order: Sequence[str]) -> tuple[Planes, int]:
    """Order planes by time, then colour; return these, and the number of interleaved colours.

    `sizes` are the numbers of planes along T, C and Z, and `order` these axes as the planes run
    through them, slowest first.
    """
    times, colours, slices = (sizes[axis] for axis in "TCZ")
    several = max(times, slices) > 1
    check_planes(path, colours if several else 1, slices if times > 1 else 1)
    # a movie saved as slices, or as colours, is a movie
    time = max("TZC", key=lambda axis: sizes[axis]) if sizes["T"] == 1 else "T"
    cube = np.arange(math.prod(sizes.values())).reshape([sizes[axis] for axis in order])
    wanted = [time, *(a for a in "TZC" if a not in (time, "C")), *("C" if time != "C" else "")]
    planes = cube.transpose([order.index(axis) for axis in wanted]).reshape(-1)
    return planes, 1 if time == "C" else sizes["C"]
