"""Movie formats: what opens a path, what napari offers, what the docs list."""

from pathlib import Path

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.recording.formats.hdf5 import open_hdf5
from napari_cortex_decoder.recording.formats.matlab import open_matlab
from napari_cortex_decoder.recording.formats.ndtiff import index_of, open_ndtiff
from napari_cortex_decoder.recording.formats.npy import open_npy
from napari_cortex_decoder.recording.formats.nwb import open_nwb
from napari_cortex_decoder.recording.formats.raw import open_raw
from napari_cortex_decoder.recording.formats.registry import Given, MovieFile, MovieFormat
from napari_cortex_decoder.recording.formats.svd import open_svd, pair_of
from napari_cortex_decoder.recording.formats.tiff import TIFF_SUFFIXES, open_tiff
from napari_cortex_decoder.recording.formats.tiff_folder import open_folder, tiff_folders
from napari_cortex_decoder.recording.formats.traces.text import open_text_traces
from napari_cortex_decoder.recording.formats.video import CONTAINERS, open_video
from napari_cortex_decoder.recording.formats.zarr_folder import MARKS, open_zarr

__all__ = ["Given", "MovieFile", "MovieFormat", "format_of", "movie_formats", "movie_patterns"]

_SVD = ("U.npy", "SVT.npy", "SVTcorr.npy", "widefieldU.images.npy", "widefieldSVT.*.npy")
_TIFF, _VIDEO = (
    tuple(f"*{suffix}" for suffix in several) for several in (TIFF_SUFFIXES, CONTAINERS)
)
_NAMES = ("areas", "atlas")
_ARRAYS = ("dataset", "axes", *_NAMES)


def _zarr_marks(path: Path) -> list[str]:
    return [mark for mark in MARKS if (path / mark).exists()]


_FORMATS = (
    MovieFormat("Zarr", ("*.zarr",), open_zarr, ("dataset", "axes"), _zarr_marks),
    MovieFormat("SVD", _SVD, open_svd, (), pair_of),
    MovieFormat("NDTiff", (), open_ndtiff, (), index_of),
    MovieFormat("folder of TIFFs", (), open_folder, ("dataset",), tiff_folders),
    MovieFormat("TIFF", _TIFF, open_tiff, ("dataset",)),
    MovieFormat("NumPy", ("*.npy",), open_npy, ("axes", *_NAMES)),
    MovieFormat("MATLAB", ("*.mat",), open_matlab, _ARRAYS),
    MovieFormat("HDF5", ("*.h5", "*.hdf5", "*.hdf"), open_hdf5, _ARRAYS),
    MovieFormat("NWB", ("*.nwb",), open_nwb, _ARRAYS),
    MovieFormat("raw", ("*.dat", "*.bin", "*.raw"), open_raw, ("shape", "dtype", "axes")),
    MovieFormat("video", _VIDEO, open_video),
    MovieFormat("table of traces", ("*.csv", "*.tsv"), open_text_traces, _NAMES),
)


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
