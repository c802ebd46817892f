"""What a TIFF says about time and size: ImageJ, OME, Micro-Manager and plain tags."""

from __future__ import annotations

import json
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cortex_decoder.units import (
    in_millimetres,
    in_seconds,
    positive,
    seconds,
)

# What image libraries write when nobody told them a scale: dots an inch on a screen or on paper.
_PRINT_RESOLUTIONS = (72, 96, 100, 150, 200, 300, 600)


def imagej_frame_rate(metadata: dict[str, Any]) -> float | None:
    """Frames a second from ImageJ's frame interval, else from its playback speed."""
    interval = in_seconds(metadata.get("finterval"), metadata.get("tunit"))
    return 1 / interval if interval else positive(metadata.get("fps"))


def tag_pixel_size(page: tifffile.TiffPage, unit: Any = None) -> float | None:
    """Edge of a pixel in mm from the resolution tags.

    Parameters
    ----------
    page
        First page of the file.
    unit
        ImageJ's unit of length; None takes the unit of the tags.
    """
    value = page.tags.valueof("XResolution")
    if not (isinstance(value, tuple) and len(value) == 2 and all(value)):
        return None
    resolution = value[0] / value[1]
    if unit is not None:
        return in_millimetres(1 / resolution, unit)
    kind = page.tags.valueof("ResolutionUnit")
    if kind == 2 and any(math.isclose(resolution, r, rel_tol=1e-3) for r in _PRINT_RESOLUTIONS):
        return None
    return in_millimetres(1 / resolution, {2: "inch", 3: "cm"}.get(kind, "none"))


class OmeImage:
    """The first image that OME-XML describes.

    Parameters
    ----------
    xml
        Description of the first page.

    Attributes
    ----------
    sizes
        Number of planes along T, C and Z.
    order
        The same three axes, slowest first, as the pages of the file run through them.
    elsewhere
        Whether planes lie in other files too.
    frame_rate, pixel_size
        In Hz and mm; None where not said.
    description
        Free text, or None.
    """

    def __init__(self, xml: str) -> None:
        root = ElementTree.fromstring(xml)
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        pixels = root.find(f"{space}Image/{space}Pixels")
        if pixels is None:
            raise ValueError("its OME-XML describes no image")
        self.description = root.findtext(f"{space}Image/{space}Description")
        self.sizes = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "TCZ"}
        self.order = "".join(reversed(pixels.get("DimensionOrder", "XYCZT")[2:]))
        if sorted(self.order) != ["C", "T", "Z"] or min(self.sizes.values()) < 1:
            raise ValueError("its OME-XML gives impossible dimensions")
        self._blocks = pixels.findall(f"{space}TiffData")
        names = {u.get("FileName") for b in self._blocks for u in b.findall(f"{space}UUID")}
        self.elsewhere = len(names - {None}) > 1
        increment = in_seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit"))
        self.frame_rate = 1 / increment if increment else None
        self.pixel_size = in_millimetres(
            pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm")
        )
        self._planes = [
            (int(p.get("TheT", -1)), int(p.get("TheC", 0)), p.get("DeltaT"), p.get("DeltaTUnit"))
            for p in pixels.findall(f"{space}Plane")
        ]

    def page_of_plane(self, pages: int) -> NDArray[np.int64]:
        """Index of the page of each plane, in the order of `order`; at most `pages` planes."""
        shape = [self.sizes[axis] for axis in self.order]
        planes = math.prod(shape)
        found = np.full(planes, -1, np.int64)
        for block in self._blocks:
            first = np.ravel_multi_index(
                [int(block.get(f"First{axis}", 0)) for axis in self.order], shape
            )
            page = int(block.get("IFD", 0))
            count = int(block.get("PlaneCount", 1 if "IFD" in block.attrib else pages))
            count = max(0, min(count, planes - int(first), pages - page))
            found[first : first + count] = np.arange(page, page + count)
        return np.arange(planes) if not self._blocks else found

    def frame_times(self) -> NDArray[np.float64] | None:
        """Seconds of each time point and colour, one after the other, where they are given."""
        times = np.full((self.sizes["T"], self.sizes["C"]), np.nan)
        for t, c, delta, unit in self._planes:
            if delta is not None and 0 <= t < len(times) and 0 <= c < times.shape[1]:
                times[t, c] = float(delta) * (seconds(unit or "s") or np.nan)
        times = np.where(np.isnan(times), times[:, :1], times)
        return times.reshape(-1) if np.isfinite(times).all() else None


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


def micromanager_elapsed(info: dict[str, Any]) -> float:
    """Seconds from the start of the acquisition to a frame; NaN where it does not say."""
    elapsed = info.get("ElapsedTime-ms")
    return float(elapsed) / 1e3 if isinstance(elapsed, int | float) else math.nan


def micromanager_rate(tif: tifffile.TiffFile, last: int, frames: int) -> float | None:
    """Frames a second (Hz) from the first page of a Micro-Manager stack to its last.

    Parameters
    ----------
    tif
        The file.
    last
        Offset of the last page's directory.
    frames
        Number of pages.
    """
    began = micromanager_elapsed(micromanager_info(tif.pages.first))
    if math.isnan(began):
        return None
    tif.filehandle.seek(last)
    ended = micromanager_elapsed(micromanager_info(tifffile.TiffPage(tif, frames - 1)))
    return (frames - 1) / (ended - began) if ended > began else None
