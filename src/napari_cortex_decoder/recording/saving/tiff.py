"""Recordings as TIFF: for ImageJ where that can hold them, else as OME-BigTIFF."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.preprocessing.pipeline import with_equal_reference
from napari_cortex_decoder.recording.provenance import provenance_text
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.saving.blocks import colors_in_blocks

IMAGEJ_TYPES = ("uint8", "uint16", "float32")
OME_TYPES = (*IMAGEJ_TYPES, "int8", "int16", "int32", "uint32", "float64")
# offsets of 32 bits, and room for the tags of each page
IMAGEJ_BYTES = 2**32 - 2**26
SOFTWARE = "napari-cortex-decoder"


def write_tiff(recording: Recording, path: Path, progress: Report | None) -> None:
    """Write a multi-page TIFF with frame rate and pixel size, page by page, uncompressed.

    A hyperstack as ImageJ writes it, which any reader of TIFF opens; OME-BigTIFF where the movie is
    larger than 4 GB, has pixels that ImageJ has not, or frame times that a rate cannot tell. Movie
    and reference are its two channels. Behaviour has no place in a TIFF. If TIFF readers have no
    such pixels, or the disk has too little room, that raises `RecordingError`.
    """
    import tifffile

    recording = with_equal_reference(recording)
    movie, reference = recording.movie, recording.reference
    dtype = movie.dtype if reference is None else np.result_type(movie, reference)
    if dtype.name not in OME_TYPES:
        raise RecordingError(
            f"{path}: TIFF readers do not know pixels of {dtype.name}; save as Zarr or NWB."
        )
    shape = (movie.shape[0], *(() if reference is None else (2,)), *movie.shape[1:])
    n_bytes = math.prod(shape) * dtype.itemsize
    free = shutil.disk_usage(path.parent).free
    if n_bytes > free:
        sizes = f"{n_bytes / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free"
        raise RecordingError(f"{path}: the movie takes {sizes}; choose another place.")
    for_ome = dtype.name not in IMAGEJ_TYPES or n_bytes >= IMAGEJ_BYTES or _needs_times(recording)
    size = recording.pixel_size
    with tifffile.TiffWriter(path, imagej=not for_ome, ome=for_ome, bigtiff=for_ome) as file:
        file.write(
            _pages(recording, dtype, progress),
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            software=SOFTWARE,
            resolution=None if size is None else (1 / size, 1 / size),
            metadata=_ome(recording) if for_ome else _imagej(recording),
        )


def _pages(
    recording: Recording, dtype: np.dtype[Any], progress: Report | None
) -> Iterator[NDArray[np.generic]]:
    for _, blocks in colors_in_blocks(recording, progress):
        for colors in zip(*blocks, strict=True):
            for frame in colors:
                yield frame.astype(dtype, copy=False)


def _needs_times(recording: Recording) -> bool:
    """Whether a rate alone does not say when each page was filmed."""
    known = recording.frame_rate is not None
    return recording.frame_times is not None or (known and bool(recording.reference_lag))


def _axes(recording: Recording) -> str:
    return "TYX" if recording.reference is None else "TCYX"


def _imagej(recording: Recording) -> dict[str, Any]:
    told: dict[str, Any] = {"axes": _axes(recording), "Info": provenance_text(recording)}
    if recording.pixel_size is not None:
        told["unit"] = "mm"
    rate = recording.frame_rate
    return told if rate is None else told | {"finterval": 1 / rate, "tunit": "s", "fps": rate}


def _ome(recording: Recording) -> dict[str, Any]:
    told: dict[str, Any] = {"axes": _axes(recording), "Name": recording.name}
    told["Description"] = provenance_text(recording)
    if recording.pixel_size is not None:
        for axis in "XY":
            told |= {f"PhysicalSize{axis}": recording.pixel_size, f"PhysicalSize{axis}Unit": "mm"}
    if recording.frame_rate is not None:
        told |= {"TimeIncrement": 1 / recording.frame_rate, "TimeIncrementUnit": "s"}
    if _needs_times(recording):
        clocks = [recording.times]
        if recording.reference is not None:
            clocks.append(recording.reference_times)
        seconds = np.stack(clocks, axis=1).ravel().tolist()
        told["Plane"] = {"DeltaT": seconds, "DeltaTUnit": ["s"] * len(seconds)}
    return told
