"""Save a recording, and keep what was computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from napari_cortex_decoder.atlas import write_traces
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.files import Kind, check_place, make_folder, written_whole
from napari_cortex_decoder.progress import Report
from napari_cortex_decoder.recording.opening import open_recording
from napari_cortex_decoder.recording.preprocessing.pipeline import as_rows, painted_anew
from napari_cortex_decoder.recording.recording import Recording
from napari_cortex_decoder.recording.saving.nwb import write_nwb
from napari_cortex_decoder.recording.saving.ome_zarr import ARRAY, is_zarr_of_ours, write_zarr
from napari_cortex_decoder.recording.saving.tiff import write_tiff
from napari_cortex_decoder.recording.sidecar import sidecar_folders

_Write = Callable[[Recording, Path, Report | None], None]


def _write_table(recording: Recording, path: Path, progress: Report | None) -> None:
    """Write traces of areas as CSV, with the times of frames where they are known."""
    assert recording.traces is not None
    known = recording.frame_times is not None or recording.frame_rate is not None
    times = recording.times if known else None
    write_traces(path, recording.traces.compute(), recording.areas, times)


WRITERS: dict[str, _Write] = {
    ".nwb": write_nwb,
    ".zarr": write_zarr,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".csv": _write_table,
}
"""Writer of a kind of file, by its suffix."""
_OF_MOVIES, _OF_TRACES = (".nwb", ".zarr", ".tif", ".tiff"), (".nwb", ".csv")


def save_recording(
    recording: Recording,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: Report | None = None,
) -> Path:
    """Save a movie as NWB, OME-Zarr or TIFF, block by block, and traces of areas as NWB or CSV.

    NWB holds everything: both colours, frame times, behaviour, what was done. The others hold
    the movies, or the traces, and their times.

    Parameters
    ----------
    recording
        Its frames are computed while they are written.
    path
        Where to; its suffix, one of `WRITERS`, says what it will be.
    overwrite
        Whether what is there may be replaced: a file, or a Zarr folder that this program wrote.
    progress
        Called between blocks; what it raises cancels.

    Raises
    ------
    RecordingError
        If the suffix is unknown, something is there already, NWB needs a frame rate that nobody
        knows, or it cannot be written; nothing is left behind then.
    """
    path = Path(path).expanduser().absolute()
    write, folder = _writer(recording, path)
    with written_whole(path, RecordingError, overwrite=overwrite, folder=folder) as part:
        write(recording, part, progress)
    return path


def check_saving(recording: Recording, path: Path, *, overwrite: bool = False) -> None:
    """Refuse what `save_recording` would refuse of its place, before anything takes minutes."""
    check_place(path, RecordingError, overwrite=overwrite, folder=_writer(recording, path)[1])


def _writer(recording: Recording, path: Path) -> tuple[_Write, Kind | None]:
    """Return who writes such a file, and what tells folders of ours where it is one."""
    kinds = _OF_MOVIES if recording.traces is None else _OF_TRACES
    if path.suffix.lower() not in kinds:
        what = "recordings" if recording.traces is None else "traces of areas"
        raise RecordingError(
            f"{path}: {what} are saved as {', '.join(kinds)}; choose one of these."
        )
    write = WRITERS[path.suffix.lower()]
    return write, is_zarr_of_ours if write is write_zarr else None


def cached(recording: Recording, *, progress: Report | None = None) -> Recording:
    """Compute a preprocessed recording once, and read its movies from disk from now on.

    The frames lie in the recording's sidecar folder, under a name that changes with the source file
    and with every setting of every step; what is there already is used. `progress` is called
    between blocks; what it raises cancels. If the recording has no path, or its frames cannot be
    written, that raises `RecordingError`.
    """
    if recording.path is None:
        raise RecordingError(
            f"{recording.name}: it came from no file, beside which its frames lie; save it first."
        )
    plain = recording if recording.traces is None else as_rows(recording)
    names = [recording.movie.name, "" if recording.reference is None else recording.reference.name]
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    place = sidecar_folders(recording.path).newest(f"preprocessed/{key}.zarr")
    if not place.exists():
        make_folder(place.parent, RecordingError)
        save_recording(plain, place, progress=progress)
    kept = open_recording(place, dataset=ARRAY)
    plain = plain.replace(movie=kept.movie, reference=kept.reference)
    return plain if recording.traces is None else painted_anew(plain, recording)
