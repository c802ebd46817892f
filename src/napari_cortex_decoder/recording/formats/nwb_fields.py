"""Fields that every series of an NWB file has: texts, and when each frame was taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cortex_decoder.containers import hdf5
from napari_cortex_decoder.units import positive


def text_of(value: Any) -> str | None:
    """Return a text that an attribute or a dataset holds; None if it is none."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def clock_of(series: Any, n_frames: int) -> tuple[float | None, NDArray[np.float64] | None]:
    """Return the rate (Hz) of a series, and the time of each frame (s) on the session's clock.

    Either is None where the file does not say it; times also where they begin at 0 and follow from
    the rate.
    """
    start, stamps = series.own("starting_time"), series.own("timestamps")
    rate = None if start is None else positive(start.attrs.get("rate"))
    if stamps is not None and stamps.shape == (n_frames,):
        return rate, np.asarray(stamps[:], np.float64)
    begin = float(np.ravel(start[()])[0]) if rate and start.size == 1 else 0.0
    times = begin + np.arange(n_frames) / rate if rate and begin and np.isfinite(begin) else None
    return rate, times


def series_of(file: Any, kind: str) -> list[Any]:
    """Return every series of a kind in a file, by the layout that the NWB schema fixes.

    pynwb would build every object, load the schema of each extension, and hang on damaged files.
    """
    found = []

    def look(_: str, item: Any) -> None:
        if isinstance(item, hdf5.Group) and text_of(item.attrs.get("neurodata_type")) == kind:
            found.append(item)

    for place in ("acquisition", "processing"):
        if isinstance(file.get(place), hdf5.Group):
            file[place].visititems(look)
    return found
