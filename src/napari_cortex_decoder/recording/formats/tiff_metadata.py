"""What a TIFF says about time and size: ImageJ, OME, Micro-Manager and plain tags."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.recording.formats.registry import MovieFile
from napari_cortex_decoder.units import in_millimetres, in_seconds, positive, printed, seconds

_MOST_PLANES = 2**26


def imagej_frame_rate(metadata: dict[str, Any], told: list[str]) -> float | None:
    """Frames a second from ImageJ's frame interval, else from its playback speed."""
    interval = in_seconds(metadata.get("finterval"), metadata.get("tunit"), told)
    return 1 / interval if interval else positive(metadata.get("fps"))


def tag_pixel_size(page: tifffile.TiffPage, unit: Any, told: list[str]) -> float | None:
    """Return the edge of a pixel (mm) by the resolution tags; None if a printer's or unset.

    `unit` is ImageJ's unit of length, None for that of the tags; one that is not known is `told`.
    """
    value = page.tags.valueof("XResolution")
    if not (isinstance(value, tuple) and len(value) == 2 and all(value)) or value[0] == value[1]:
        return None
    if unit is None:
        unit = {2: "inch", 3: "cm"}.get(page.tags.valueof("ResolutionUnit"))
    size = in_millimetres(value[1] / value[0], unit, told)
    return None if size is None or printed(size) else size


class OmeImage:
    """One image that OME-XML describes: which plane is which page of which file.

    tifffile reads such sets, too, but fills what lacks with zeros, and follows names of files out
    of their folder.

    `own` is the name of the file that is opened, and `described_here` whether it holds the `xml`,
    so that it is known by its UUID even if it was renamed. The image is the one `wanted`, by its
    name or ID, or of a `number`; else the first that has planes in the file.

    `sizes` are the planes along T, C and Z, `order` these axes, slowest first, as the planes run;
    `files` hold the planes, `own` first, and `set_files` those of all images.
    """

    def __init__(
        self,
        xml: str,
        own: str,
        wanted: str | None = None,
        *,
        number: int | None = None,
        described_here: bool = True,
    ) -> None:
        root = ElementTree.fromstring(xml)
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        images = [i for i in root.findall(f"{space}Image") if i.find(f"{space}Pixels") is not None]
        if not images:
            raise ValueError("it describes no image")
        self.names = [i.get("Name") or i.get("ID") or str(n) for n, i in enumerate(images)]
        self._space, self._root = space, root.get("UUID") if described_here else None
        chosen = self._chosen(images, own, wanted) if number is None else number
        self.name, pixels = self.names[chosen], images[chosen].find(f"{space}Pixels")
        assert pixels is not None
        self.description = images[chosen].findtext(f"{space}Description")
        self.sizes = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "TCZ"}
        self.order = "".join(reversed(pixels.get("DimensionOrder", "XYCZT")[2:]))
        if sorted(self.order) != ["C", "T", "Z"] or min(self.sizes.values()) < 1:
            raise ValueError("it gives impossible dimensions")
        if math.prod(self.sizes.values()) > _MOST_PLANES:
            raise ValueError(f"it describes {math.prod(self.sizes.values())} planes")
        self.warnings: list[str] = []
        increment = in_seconds(
            pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit"), self.warnings
        )
        self.frame_rate = 1 / increment if increment else None
        self.pixel_size = in_millimetres(
            pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm"), self.warnings
        )
        self.colours = [
            " ".join(filter(None, (c.get("Name"), c.get("ExcitationWavelength"))))
            for c in pixels.findall(f"{space}Channel")
        ]
        self._blocks = pixels.findall(f"{space}TiffData")
        self.files = list(dict.fromkeys([own, *(self._file(b, own) for b in self._blocks)]))
        self.set_files = {self._file(block, own) for block in root.iter(f"{space}TiffData")}
        self._planes = [
            (int(p.get("TheT", -1)), int(p.get("TheC", 0)), p.get("DeltaT"), p.get("DeltaTUnit"))
            for p in pixels.findall(f"{space}Plane")
        ]

    def _chosen(self, images: list[Any], own: str, wanted: str | None) -> int:
        if wanted is not None:
            for n, image in enumerate(images):
                if wanted in (self.names[n], image.get("ID")):
                    return n
            raise ValueError(f"it has no image {wanted!r}; there are {', '.join(self.names)}")
        for n, image in enumerate(images):
            blocks = image.findall(f"{self._space}Pixels/{self._space}TiffData")
            if any(self._file(block, own) == own for block in blocks):
                return n
        return 0

    def _file(self, block: Any, own: str) -> str:
        """Return the name of the file of a block, without a folder: none is left."""
        uuid = block.find(f"{self._space}UUID")
        if uuid is None or (self._root is not None and (uuid.text or "").strip() == self._root):
            return own
        name = re.split(r"[\\/]", uuid.get("FileName") or own)[-1]
        return own if name.lower() == own.lower() else name

    def planes(self, pages: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the file (index into `files`) and the page of each plane, in the order of `order`.

        `pages` tells how many each of `files` has, 0 where it is not there. Shape (planes,); the
        page is -1 where nobody recorded one.
        """
        shape = [self.sizes[axis] for axis in self.order]
        count = math.prod(shape)
        file = np.zeros(count, np.int64)
        page = np.arange(count) if not self._blocks else np.full(count, -1, np.int64)
        for block in self._blocks:
            of = self.files.index(self._file(block, self.files[0]))
            place = [int(block.get(f"First{axis}", 0)) for axis in self.order]
            if any(not 0 <= at < n for at, n in zip(place, shape, strict=True)):
                continue
            first, start = int(np.ravel_multi_index(place, shape)), int(block.get("IFD", 0))
            number = block.get("PlaneCount") or block.get("NumPlanes")
            alone = 1 if "IFD" in block.attrib else pages[of]
            end = min(count, first + max(0, int(number if number is not None else alone)))
            page[first:end] = np.arange(start, start + end - first)
            file[first:end] = of
        page[page >= np.array(pages)[file]] = -1
        return file, page

    @cached_property
    def frame_times(self) -> NDArray[np.float64]:
        """Seconds of each time point and colour, shape (T, C); NaN where they are not given.

        If they are of some time points only, the others lie between, and go on at the rate.
        """
        times = np.full((self.sizes["T"], self.sizes["C"]), np.nan)
        for t, c, delta, unit in self._planes:
            if delta is not None and 0 <= t < len(times) and 0 <= c < times.shape[1]:
                times[t, c] = float(delta) * (seconds(unit or "s") or np.nan)
        known = np.flatnonzero(np.isfinite(times[:, 0]))
        if 0 < known.size < len(times):
            first, last = known[[0, -1]]
            step = (times[last, 0] - times[first, 0]) / max(1, last - first)
            step = 1 / self.frame_rate if self.frame_rate else step or np.nan
            frames = np.arange(len(times))
            beyond = np.minimum(frames - first, 0) + np.maximum(frames - last, 0)
            times[:, 0] = np.interp(frames, known, times[known, 0]) + step * beyond
            if self.frame_rate is None:
                self.warnings.append(
                    f"it gives the times of {known.size} of its {len(times)} frames; the others "
                    "are taken to lie evenly between and beyond them."
                )
        return np.where(np.isnan(times), times[:, :1], times)


def companion(xml: str) -> str | None:
    """Return the name of the file that describes the set, if a part of it points to one."""
    root = ElementTree.fromstring(xml)
    only = next((e for e in root if e.tag.rpartition("}")[2] == "BinaryOnly"), None)
    return None if only is None else re.split(r"[\\/]", only.get("MetadataFile") or "")[-1] or None


def micromanager_info(page: tifffile.TiffPage) -> dict[str, Any]:
    """Micro-Manager's description of one frame, empty where there is none."""
    info = page.tags.valueof("MicroManagerMetadata")
    text = (page.tags.valueof("IJMetadata") or {}).get("Info")
    if isinstance(text, str) and info is None:
        try:
            info = json.loads(text)
        except ValueError:  # ImageJ keeps other people's notes in the same place
            return {}
    return info if isinstance(info, dict) else {}


def with_micromanager(
    found: MovieFile, describe: Callable[[int], Mapping[str, Any]], few: int = 0
) -> MovieFile:
    """Return a movie whose frames are counted with what Micro-Manager tells of time and size.

    `describe` gives its description of a frame. Of more than a `few` only the first and the last of
    its colour are looked at.
    """
    assert found.numbers is not None
    numbers = found.numbers

    def elapsed(frame: int) -> float:
        told = describe(frame).get("ElapsedTime-ms")
        return float(told) / 1e3 if isinstance(told, int | float) else math.nan

    first = describe(0)
    shown = {key: first[key] for key in ("Camera", "Exposure-ms", "Binning") if key in first}
    size = in_millimetres(first.get("PixelSizeUm"), "µm")
    found = replace(found, pixel_size=size, metadata={**found.metadata, **shown})
    if len(numbers) <= few:
        times = np.array([elapsed(frame) for frame in range(len(numbers))])
        return replace(found, frame_times=times) if np.isfinite(times).all() else found
    # colours in turns need not be evenly spaced: measure between frames of one of them
    last = int(np.flatnonzero((numbers - numbers[0]) % found.channels == 0)[-1])
    seconds = elapsed(last) - elapsed(0)
    steps = (numbers[last] - numbers[0]) / found.channels
    return replace(found, frame_rate=float(steps / seconds)) if seconds > 0 else found
