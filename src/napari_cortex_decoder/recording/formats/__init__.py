"""Movie formats: what opens a path, what napari offers, what the docs list."""

from pathlib import Path

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats import (
    hdf5,
    matlab,
    ndtiff,
    npy,
    nwb,
    raw,
    svd,
    text_traces,
    tiff,
    tiff_folder,
    video,
    zarr_folder,
)
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile, MovieFormat

__all__ = ["Given", "MovieFile", "MovieFormat", "format_of", "movie_formats", "movie_patterns"]

_FORMATS: tuple[MovieFormat, ...] = tuple(
    module.FORMAT
    for module in (
        zarr_folder, svd, ndtiff, tiff_folder, tiff, npy, matlab, hdf5, nwb, raw, video,
        text_traces,
    )
)  # fmt: skip


def movie_formats() -> tuple[MovieFormat, ...]:
    """Return every format, in the order in which they are tried."""
    return _FORMATS


def movie_patterns() -> tuple[str, ...]:
    """Return the file name patterns of all formats, for the reader's entry in napari's manifest."""
    return tuple(dict.fromkeys(pattern for one in _FORMATS for pattern in one.patterns))


def format_of(path: Path) -> MovieFormat:
    """Return the format of an existing path; raise `RecordingError` if none knows it."""
    for movie_format in _FORMATS:
        if movie_format.matches(path):
            return movie_format
    if path.is_dir():
        raise RecordingError(
            f"{path}: the folder holds no frames; give a movie file, or a folder of TIFF frames."
        )
    raise RecordingError(
        f"{path}: this is not a kind of file that holds movies; give one of "
        f"{', '.join(movie_patterns())}."
    )
