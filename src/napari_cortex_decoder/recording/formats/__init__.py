"""Movie formats: each module registers one; the order of import is the order of trying."""

# ruff: noqa: F401
from napari_cortex_decoder.recording.formats import (  # isort: skip
    zarr_folder,
    svd,
    ndtiff,
    tiff_folder,
    tiff,
    npy,
    matlab,
    hdf5,
    nwb,
    raw,
    video,
    text_traces,
)
from napari_cortex_decoder.recording.formats.registry import (
    Given,
    MovieFile,
    MovieFormat,
    format_of,
    movie_formats,
    movie_patterns,
)

__all__ = [
    "Given",
    "MovieFile",
    "MovieFormat",
    "format_of",
    "movie_formats",
    "movie_patterns",
]
