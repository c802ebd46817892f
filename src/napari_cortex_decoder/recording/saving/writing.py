"""Save a recording, and keep what was computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import Kind, check_place, make_folder, written_whole
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.opening import open_recording
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.saving.nwb import write_nwb
from napari_cortex_decoder.recording.saving.ome_zarr import is_zarr_of_ours, write_zarr
from napari_cortex_decoder.recording.saving.tiff import write_tiff
from napari_cortex_decoder.recording.sidecar import sidecar_folders

_Write = Callable[[Recording, Path, Report | None], None]

WRITERS: dict[str, _Write] = {
    ".nwb": write_nwb,
    ".zarr": write_zarr,
    ".tif": write_tiff,
    ".tiff": write_tiff,
}
"""Writer of a kind of file, by its suffix."""


def save_recording(
    recording: Recording,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: Report | None = None,
) -> Path:
    """Save a recording as NWB, OME-Zarr or TIFF, block by block.

    NWB holds everything: both colours, frame times, behaviour, what was done. Zarr and TIFF hold
    the movies and their times; TIFF no behaviour, Zarr neither.

    Parameters
    ----------
    recording
        The recording; its frames are computed while they are written.
    path
        Where to; its suffix, one of `WRITERS`, says what it will be.
    overwrite
        Whether what is there may be replaced: a file, or a Zarr folder that this program wrote.
    progress
        Called between blocks; what it raises cancels.

    Returns
    -------
    Path
        The file or folder.

    Raises
    ------
    RecordingError
        If the suffix is unknown, something is there already, or it cannot be written; nothing is
        left behind then.
    FrameRateError
        If NWB needs a frame rate that is unknown.
    """
    path = Path(path).expanduser().absolute()
    write, folder = _writer(path)
    with written_whole(path, RecordingError, overwrite=overwrite, folder=folder) as part:
        write(recording, part, progress)
    return path


def check_saving(path: Path, *, overwrite: bool = False) -> None:
    """Refuse what `save_recording` would refuse of its place, before anything takes minutes."""
    check_place(path, RecordingError, overwrite=overwrite, folder=_writer(path)[1])


def _writer(path: Path) -> tuple[_Write, Kind | None]:
    """Return who writes such a file, and what tells folders of ours where it is one."""
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise RecordingError(
            f"{path}: recordings are saved as {', '.join(WRITERS)}; choose one of these."
        )
    return write, is_zarr_of_ours if write is write_zarr else None


def cached(recording: Recording, *, progress: Report | None = None) -> Recording:
    """Compute a preprocessed recording once, and read it from disk from now on.

    The frames lie in the recording's sidecar folder, under a name that changes with the source file
    and with every setting of every step; what is there already is used.

    Parameters
    ----------
    recording
        A recording with a path, after `preprocess`.
    progress
        Called between blocks; what it raises cancels.

    Returns
    -------
    Recording
        The same recording; its movies come from disk.

    Raises
    ------
    RecordingError
        If the recording has no path, or its frames cannot be written.
    """
    if recording.path is None:
        raise RecordingError(
            f"{recording.name}: it came from no file, so there is no place to keep its frames; "
            "save it first."
        )
    names = [recording.movie.name, "" if recording.reference is None else recording.reference.name]
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    place = sidecar_folders(recording.path).newest(f"preprocessed/{key}.zarr")
    if not place.exists():
        make_folder(place.parent, RecordingError)
        save_recording(recording, place, progress=progress)
    kept = open_recording(place)
    return recording.replace(movie=kept.movie, reference=kept.reference)
