"""The camera of an NWB file: videos beside it, at times on the clock of its session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.cameras.pictures import Pictures, open_pictures
from napari_cortex_decoder.errors import RecordingError
from napari_cortex_decoder.reading import readable
from napari_cortex_decoder.recording.formats.nwb_fields import clock_of, series_of, text_of

_SERIES = "ImageSeries"


def open_nwb_camera(path: Path) -> tuple[Pictures, NDArray[np.float64] | None]:
    """Open the videos that an ``ImageSeries`` of an NWB file names.

    Raises RecordingError if there is no such series or several, or a video does not lie in the
    folder of the file: an untrusted file is not to choose what else is opened.

    Returns
    -------
    tuple
        The pictures, and the session time (s) of each as far as the file says it: shape (n,), or
        None if it says none that fit.
    """
    from napari_cortex_decoder.containers import hdf5

    with readable(path, "an NWB file"), hdf5.opened(path) as file:
        named = {one.name: one for one in series_of(file, _SERIES) if one.own("external_file")}
        if len(named) != 1:
            raise RecordingError(
                f"{path}: {len(named)} of its ImageSeries name a video ({', '.join(named)}); "
                "add the video itself, and its frame times."
            )
        ((name, series),) = named.items()
        videos = [_beside(path, name, text_of(one)) for one in series.own("external_file")[:]]
        pictures = open_pictures(videos)
        stamps = series.own("timestamps")
        n = len(pictures) if stamps is None else stamps.size
        rate, times = clock_of(series, n)
    if times is None and rate is not None:
        times = np.arange(n) / rate
    return pictures, times


def _beside(path: Path, series: str, named: str | None) -> Path:
    """Return a video that a file names, if it lies in the file's own folder."""
    home = path.absolute().parent
    video = home / (named or "")
    if not named or not video.resolve().is_relative_to(home.resolve()):
        raise RecordingError(
            f"{path}: {series} names the video {named!r}, which is not in the folder of the file; "
            "put it there, or add the video itself."
        )
    return video
