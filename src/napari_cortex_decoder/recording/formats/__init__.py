"""Movie formats: each module registers one; the order of import is the order of trying."""

from napari_cortex_decoder.recording.formats import tiff
from napari_cortex_decoder.recording.formats.registry import (
    MovieFile,
    MovieFormat,
    format_of,
    movie_formats,
    movie_patterns,
)

__all__ = ["MovieFile", "MovieFormat", "format_of", "movie_formats", "movie_patterns", "tiff"]
