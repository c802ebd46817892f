"""Movie formats: each module registers one; the order of import is the order of trying."""

# isort: off
from napari_cortex_decoder.recording.formats import zarr_folder
from napari_cortex_decoder.recording.formats import svd
from napari_cortex_decoder.recording.formats import ndtiff
from napari_cortex_decoder.recording.formats import tiff_folder
from napari_cortex_decoder.recording.formats import tiff
from napari_cortex_decoder.recording.formats import npy
from napari_cortex_decoder.recording.formats import matlab
from napari_cortex_decoder.recording.formats import hdf5
from napari_cortex_decoder.recording.formats import nwb
from napari_cortex_decoder.recording.formats import raw
from napari_cortex_decoder.recording.formats import video
from napari_cortex_decoder.recording.formats import text_traces

# isort: on
from napari_cortex_decoder.recording.formats.registry import (
    MovieFile,
    MovieFormat,
    format_of,
    movie_formats,
    movie_patterns,
)

__all__ = [
    "MovieFile",
    "MovieFormat",
    "format_of",
    "hdf5",
    "matlab",
    "movie_formats",
    "movie_patterns",
    "ndtiff",
    "npy",
    "nwb",
    "raw",
    "svd",
    "text_traces",
    "tiff",
    "tiff_folder",
    "video",
    "zarr_folder",
]
