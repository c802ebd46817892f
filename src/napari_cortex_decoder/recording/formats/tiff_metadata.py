"""What a TIFF says about time and size: ImageJ, OME, Micro-Manager and plain tags."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

_SECONDS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
    "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0,
}  # fmt: skip
_MILLIMETRES = {
    "m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3,
    "microns": 1e-3, "micrometer": 1e-3, "nm": 1e-6, "inch": 25.4, "in": 25.4, "\\u00b5m": 1e-3,
}  # fmt: skip
# What image libraries write when nobody told them a scale: dots an inch on a screen or on paper.
_PRINT_RESOLUTIONS = (72, 96, 100, 150, 200, 300, 600)


def positive(value: Any) -> float | None:
    """Give a positive finite number, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def in_seconds(value: Any, unit: Any) -> float | None:
    """Convert a duration, None if it is not one."""
    number, factor = positive(value), _SECONDS.get(str(unit or "").strip().lower())
    return None if number is None or factor is None else number * factor


def in_millimetres(value: Any, unit: Any) -> float | None:
    """Convert a length, None if it is not one: pixels, for instance."""
    number, factor = positive(value), _MILLIMETRES.get(str(unit or "").strip().lower())
    return None if number is None or factor is None else number * factor


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
    """

    def __init__(self, xml: str) -> None:
        root = ElementTree.fromstring(xml)
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        pixels = root.find(f"{space}Image/{space}Pixels")
        if pixels is None:
            raise ValueError("its OME-XML describes no image")
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
        """Seconds of each time point (its first colour), where all of them are given."""
        times = np.full(self.sizes["T"], np.nan)
        for t, c, delta, unit in self._planes:
            if c == 0 and 0 <= t < len(times) and delta is not None:
                times[t] = float(delta) * _SECONDS.get((unit or "s").lower(), np.nan)
        return times if np.isfinite(times).all() else None


def micromanager_elapsed(path: Path, page: tifffile.TiffPage) -> float | None:
    """Seconds since the acquisition began at which Micro-Manager received a frame."""
    import json

    content = page.tags.valueof("MicroManagerMetadata")
    if content is None:
        info = page.tags.valueof("IJMetadata")
        text = info.get("Info") if isinstance(info, dict) else None
        if not isinstance(text, str) or not text.lstrip().startswith("{"):
            return None
        try:
            content = json.loads(text)
        except ValueError:
            return None
    if not isinstance(content, dict):
        return None
    elapsed = content.get("ElapsedTime-ms")
    return float(elapsed) / 1e3 if isinstance(elapsed, int | float) else None
